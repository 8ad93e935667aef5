using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;
using Macro.WireGuard;

namespace Macro.Circuits.Tests;

/// <summary>What many clients cost a relay.</summary>
[Collection(nameof(Alone))]
public class RelaySizeTests(ITestOutputHelper output)
{
    const int Sessions = 3000, ChannelsEach = 4;

    /// <summary>Two transport keys of 32 bytes in objects of their own, pinned.</summary>
    const int Keys = 2 * 96;

    readonly SeededRandom _random = new(5);
    readonly byte[] _buffer = new byte[4096];
    readonly byte[] _reply = new byte[4096];
    Instant _now = Instant.FromUnixSeconds(1_800_000_000);

    [Fact]
    public void A_session_costs_less_than_a_kilobyte_and_a_channel_less_than_200_bytes()
    {
        var outbox = new Outbox();
        var (indices, switches) = (new IndexTable(), new SwitchTable());
        var relay = new Relay(indices, switches, new AnyHop(), outbox, _random);
        relay.Configure(new RelayOptions { IsRelay = true }, null, _now);
        var key = PrivateKey.Generate(_random);
        var relayKey = key.PublicKey;
        relay.SetKeys([key]);
        var inbounds = new Inbound[Sessions];

        Connect(relay, relayKey, indices, outbox, 0);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 1; i < Sessions; i++)
            inbounds[i] = Connect(relay, relayKey, indices, outbox, i);
        var session = (GC.GetTotalMemory(forceFullCollection: true) - before) / (Sessions - 1);
        Assert.Equal(Sessions, relay.Sessions);

        before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 1; i < Sessions; i++)
            for (var channel = 1u; channel <= ChannelsEach; channel++)
                OpenChannel(relay, inbounds[i], channel, outbox);
        var perChannel = (GC.GetTotalMemory(forceFullCollection: true) - before) / ((Sessions - 1) * ChannelsEach);
        Assert.Equal((Sessions - 1) * ChannelsEach, switches.Count);

        output.WriteLine($"{session} bytes a session with its keys, {perChannel} bytes a channel");
        Assert.InRange(session, 1, 1024 + Keys);
        Assert.InRange(perChannel, 1, 200);
        GC.KeepAlive(relay);
    }

    Inbound Connect(Relay relay, PublicKey relayKey, IndexTable relayIndices, Outbox outbox, int number)
    {
        // Slowly enough that no cookies are asked for.
        _now += TimeSpan.FromMilliseconds(5);
        using var key = PrivateKey.Generate(_random);
        using var client = new Tunnel(new TunnelOptions { PrivateKey = key, Remote = relayKey }, new IndexTable(), _random);
        var source = new Endpoint(IpAddress.FromV4(0x2c800000 + (uint)number), 5000);
        client.Initiate(_now);
        relay.HandleDatagram(_buffer.AsSpan(0, client.HandleTimeout(_buffer, _now).Length), source, _now);
        var keepalive = client.Decapsulate(outbox.Batch.Bytes(0), _buffer, _now);
        outbox.Batch.Clear();
        var datagram = _buffer.AsSpan(0, keepalive.Length);
        Assert.True(Message.TryReadReceiver(datagram, out var index));
        Assert.True(relayIndices.TryFind(index, out var tunnel, out _));
        tunnel!.Decapsulate(datagram, _reply, _now);
        var inbound = (Inbound)tunnel.Context!;
        relay.HandleActivity(inbound, _now);
        return inbound;
    }

    void OpenChannel(Relay relay, Inbound inbound, uint channel, Outbox outbox)
    {
        Ask(relay, inbound, FrameType.Control, 1, ControlCodec.Encode(new Extend { Channel = channel, Descriptor = new byte[4] }));
        var initiation = new byte[Message.InitiationSize];
        initiation[0] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(initiation.AsSpan(4), _random.NextUInt32());
        Ask(relay, inbound, FrameType.Forward, channel, initiation);
        outbox.Batch.Clear();
    }

    void Ask(Relay relay, Inbound inbound, FrameType type, uint channel, byte[] body)
    {
        new Frame(type, 0, (ushort)body.Length, channel).Write(_buffer);
        body.CopyTo(_buffer, Frame.HeaderSize);
        relay.HandlePayload(inbound, _buffer.AsSpan(0, Frame.HeaderSize + body.Length), _now);
    }

    /// <summary>Every descriptor leads to the same relay.</summary>
    sealed class AnyHop : IHopVerifier
    {
        public ControlStatus Verify(ReadOnlySpan<byte> descriptor, Instant now, out NextHop next)
        {
            next = new NextHop { Endpoint = new Endpoint(IpAddress.FromV4(0x2c810001), 51820) };
            return ControlStatus.Ok;
        }
    }
}
