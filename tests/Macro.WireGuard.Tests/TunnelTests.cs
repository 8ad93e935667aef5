using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard.Tests;

public class TunnelTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_first_packet_makes_a_session_and_arrives(bool presharedKeys)
    {
        var pair = new Pair(presharedKeys: presharedKeys);

        pair.Alice.Send(1, 2, 3);
        pair.Run(1);

        var packet = Assert.Single(pair.Bob.Delivered);
        Assert.Equal([1, 2, 3, .. new byte[13]], packet);
        Assert.Equal(1, pair.Alice.CountSent(MessageType.Initiation));
        Assert.Equal(1, pair.Bob.CountSent(MessageType.Response));
        Assert.Equal(TunnelEventKind.SessionEstablished, Assert.Single(pair.Bob.Events).Kind);
    }

    [Fact]
    public void Packets_staged_during_the_handshake_arrive_in_order()
    {
        var pair = new Pair();
        for (byte i = 0; i < 200; i++)
            pair.Alice.Send(i);
        pair.Run(1);

        // The newest 128 are kept.
        Assert.Equal(Enumerable.Range(72, 128), pair.Bob.Delivered.Select(packet => (int)packet[0]));
    }

    [Fact]
    public void Different_preshared_keys_make_no_session_and_no_noise()
    {
        var pair = new Pair(presharedKeys: true, samePresharedKey: false);

        pair.Alice.Send(1);
        pair.Run(1);

        Assert.Empty(pair.Bob.Delivered);
        Assert.False(pair.Alice.Tunnel.IsConnected(pair.Now));
        Assert.Equal([DropReason.NotAuthentic], pair.Alice.Drops);
        Assert.Equal(1, pair.Alice.CountSent(MessageType.Initiation));
    }

    [Fact]
    public void Two_initiations_that_cross_still_connect_both()
    {
        var pair = new Pair();
        pair.Alice.Send(1);
        pair.Bob.Send(2);
        pair.Run(1);

        Assert.Equal(1, pair.Bob.Delivered.Single()[0]);
        Assert.Equal(2, pair.Alice.Delivered.Single()[0]);
        pair.Alice.Send(3);
        pair.Bob.Send(4);
        pair.Run(1);
        Assert.Equal(3, pair.Bob.Delivered[1][0]);
        Assert.Equal(4, pair.Alice.Delivered[1][0]);
    }

    [Fact]
    public void Packets_under_way_during_a_rekey_still_arrive()
    {
        var pair = new Pair().Connected();
        pair.Run(6);
        pair.Filter = (_, datagram) => [datagram[0] == 4 && datagram.Length > 32 ? TimeSpan.FromSeconds(1) : Pair.Latency];
        pair.Bob.Send(1);
        pair.Alice.Send(2);
        pair.Alice.Initiate();
        pair.Run(3);

        Assert.Equal(1, pair.Alice.Delivered.Single()[0]);
        Assert.Equal(2, pair.Bob.Delivered.Single()[0]);
        Assert.Equal(2, pair.Alice.CountSent(MessageType.Initiation));
    }

    [Fact]
    public void Eve_cannot_replay_data()
    {
        var pair = new Pair().Connected();
        pair.Alice.Send(1);
        pair.Run(1);
        pair.Bob.Receive(pair.Alice.Sent[^1].Datagram, pair.Alice.Endpoint);

        Assert.Single(pair.Bob.Delivered);
        Assert.Single(pair.Bob.Drops);
    }

    [Fact]
    public void Eve_cannot_replay_an_initiation()
    {
        var pair = new Pair().Connected();
        var initiation = pair.Alice.Sent[0].Datagram;
        pair.Run(1);
        pair.Bob.Receive(initiation, pair.Alice.Endpoint);

        Assert.Equal(1, pair.Bob.CountSent(MessageType.Response));
        Assert.Equal([DropReason.Replay], pair.Bob.Drops);
    }

    [Fact]
    public void Every_flipped_bit_is_met_with_silence()
    {
        var pair = new Pair().Connected();
        pair.LoseEverything();
        pair.Alice.Send(1);
        pair.Run(6);
        pair.Alice.Initiate();
        var sent = pair.Bob.Sent.Count;
        foreach (var (_, datagram) in pair.Alice.Sent.TakeLast(2))
        {
            // MAC2, the last 16 bytes of a handshake message, is not looked at without load.
            var length = datagram[0] == 1 ? datagram.Length - 16 : datagram.Length;
            for (var bit = 0; bit < 8 * length; bit += 5)
            {
                var mutant = datagram.ToArray();
                mutant[bit / 8] ^= (byte)(1 << (bit % 8));
                pair.Bob.Receive(mutant, pair.Alice.Endpoint);
            }
        }

        Assert.Equal(sent, pair.Bob.Sent.Count);
        Assert.Empty(pair.Bob.Delivered);
    }

    [Fact]
    public void Anything_may_be_thrown_at_a_tunnel()
    {
        var pair = new Pair().Connected();
        var buffer = new byte[2048];
        for (var i = 0; i < 20_000; i++)
        {
            var datagram = new byte[pair.Random.NextInt(200)];
            pair.Random.Fill(datagram);
            if (datagram.Length > 8 && i % 2 == 0)
            {
                datagram.AsSpan(0, 4).Clear();
                datagram[0] = (byte)(1 + pair.Random.NextInt(4));
                BitConverter.TryWriteBytes(datagram.AsSpan(4), pair.Bob.Tunnel.Sending!.LocalIndex);
            }
            Assert.NotEqual(TunnelOutputKind.ToTunnel, pair.Bob.Tunnel.Decapsulate(datagram, buffer, pair.Now).Kind);
        }
    }

    [Fact]
    public void Padding_goes_to_sixteen_but_not_beyond_the_mtu()
    {
        Assert.Equal(0, Message.PaddedLength(0, 1420));
        Assert.Equal(16, Message.PaddedLength(1, 1420));
        Assert.Equal(1408, Message.PaddedLength(1408, 1420));
        Assert.Equal(1420, Message.PaddedLength(1419, 1420));
        Assert.Equal(1420, Message.PaddedLength(1420, 1420));
        Assert.Equal(1501, Message.PaddedLength(1501, 1420));
    }

    [Fact]
    public void A_timestamp_hides_the_fine_structure_of_the_clock()
    {
        var second = Instant.FromUnixSeconds(1_700_000_000);
        var early = Tai64N.At(second + TimeSpan.FromMilliseconds(500));

        Assert.Equal(0x400000000000000aUL + 1_700_000_000, early.Seconds);
        Assert.Equal(0u, early.Nanoseconds & 0xffffff);
        Assert.Equal(early, Tai64N.At(second + TimeSpan.FromMilliseconds(502)));
        Assert.True(early.CompareTo(Tai64N.At(second + TimeSpan.FromMilliseconds(520))) < 0);
    }

    [Fact]
    public void An_index_that_is_taken_elsewhere_is_not_drawn()
    {
        var asked = new List<uint>();
        var table = new IndexTable { IsTakenElsewhere = index => { asked.Add(index); return asked.Count < 3; } };

        var index = table.Reserve(new Pair().Alice.Tunnel, new Pair().Random);

        Assert.Equal(3, asked.Count);
        Assert.Equal(asked[2], index);
    }

    [Fact]
    public void A_peer_with_a_low_order_key_gets_nothing_and_costs_nothing()
    {
        var pair = new Pair();
        var indices = new IndexTable();
        using var tunnel = new Tunnel(new TunnelOptions { PrivateKey = pair.AliceKey, Remote = default }, indices, pair.Random);

        Assert.Equal(TunnelOutputKind.Nothing, tunnel.Encapsulate([1], new byte[256], pair.Now).Kind);
        Assert.Equal(0, indices.Count);
    }
}
