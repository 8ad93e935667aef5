using System.Buffers.Binary;
using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>Exit sessions: whose packets go where.</summary>
public class ExitTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world = new(31);
    readonly SimNode _exit;

    public ExitTests() => _exit = _world.Add("exit", "44.140.0.1:51820", exit: true);

    [Fact]
    public void A_plain_WireGuard_client_uses_an_exit_as_it_is()
    {
        _exit.Answer = Packets.Echo;
        var client = Client(1);
        for (var i = 0; i < 2; i++)
        {
            client.SendPayload(Packets.Udp(Packets.Client, s_web, 4000, 53, "hello"u8));
            _world.Run(s_second);
        }
        // The first packet opened the session, and was lost by that.
        Assert.Equal("hello"u8.ToArray(), Assert.Single(client.Packets)[28..33]);
    }

    [Theory]
    [InlineData("100.64.0.3")]
    [InlineData("100.65.0.2")]
    [InlineData("203.0.114.9")]
    public void A_packet_with_another_source_than_the_inner_address_is_dropped(string source)
    {
        var client = Opened(1);
        client.SendPayload(Packets.Udp(IpAddress.Parse(source), s_web, 4000, 53, "not me"u8));
        _world.Run(s_second);
        Assert.Empty(_exit.Internet);
        Assert.Equal(1, _exit.Counters.Unroutable);
    }

    [Fact]
    public void Clients_cannot_reach_each_other()
    {
        var (alice, bob) = (Opened(1), Opened(2));
        for (var i = 0u; i < 8; i++)
            alice.SendPayload(Packets.Udp(Packets.Client, IpAddress.FromV4(0x64410000 + i), 4000, 53, "neighbour"u8));
        _world.Run(s_second);
        Assert.Empty(_exit.Internet);
        Assert.Equal(8, _exit.Counters.Denied);
        Assert.Empty(bob.Packets);
    }

    [Theory]
    [InlineData("10.1.2.3")]
    [InlineData("127.0.0.1")]
    [InlineData("169.254.169.254")]
    public void A_client_hears_at_once_of_a_target_that_the_policy_denies(string target)
    {
        var client = Opened(1);
        var packet = Packets.Udp(Packets.Client, IpAddress.Parse(target), 4000, 80, "hello"u8);
        client.SendPayload(packet);
        _world.Run(s_second);

        var notice = Assert.Single(client.Packets);
        Assert.Equal((ExitResolver.Address.V4, 3, 13), (Packets.Source(notice), notice[20], notice[21]));
        Assert.Equal(packet, notice[28..(28 + packet.Length)]);
        Assert.Equal((1, 0), (_exit.Counters.Denied, _exit.Internet.Count));
    }

    [Fact]
    public void Queries_to_the_resolver_leave_by_their_own_way_and_nothing_else_reaches_its_address()
    {
        var client = Opened(1);
        client.SendPayload(Packets.Udp(Packets.Client, ExitResolver.Address.V4, 4000, 53, "query"u8));
        client.SendPayload(Packets.Udp(Packets.Client, ExitResolver.Address.V4, 4000, 5353, "no query"u8));
        client.SendPayload(Packets.Udp(Packets.Client, IpAddress.Parse("100.64.0.54"), 4000, 53, "neighbour"u8));
        _world.Run(s_second);
        Assert.Empty(_exit.Internet);
        Assert.Equal(2, _exit.Counters.Denied);
        var query = Assert.Single(_exit.Queries);
        Assert.NotEqual(Packets.Client, Packets.Source(query));
        client.Packets.Clear();
        _exit.FromInternet(Packets.Echo(query));
        _world.Run(s_second);
        Assert.Equal("query"u8.ToArray(), Assert.Single(client.Packets)[28..33]);
    }

    [Fact]
    public void Two_sessions_get_their_own_answers()
    {
        _exit.Answer = Packets.Echo;
        var (alice, bob) = (Opened(1), Opened(2));
        alice.SendPayload(Packets.Udp(Packets.Client, s_web, 4000, 53, "alice"u8));
        bob.SendPayload(Packets.Udp(Packets.Client, s_web, 4000, 53, "bob"u8));
        _world.Run(s_second);
        Assert.Equal(2, _exit.Internet.Select(Packets.Source).Distinct().Count());
        Assert.Equal("alice"u8.ToArray(), Assert.Single(alice.Packets)[28..33]);
        Assert.Equal("bob"u8.ToArray(), Assert.Single(bob.Packets)[28..31]);
    }

    [Fact]
    public void A_packet_longer_than_the_inner_MTU_does_not_come_back()
    {
        var client = Opened(1);
        client.SendPayload(Packets.Udp(Packets.Client, s_web, 4000, 53, "open"u8));
        _world.Run(s_second);
        var lease = Packets.Source(_exit.Internet[0]);
        _exit.FromInternet(Packets.Udp(s_web, lease, 53, 4000, new byte[CircuitMtu.Inner - 28 + 1]));
        _exit.FromInternet([0x45, 0, 0, 20]);
        _exit.FromInternet([]);
        _world.Run(s_second);
        Assert.Empty(client.Packets);
        _exit.FromInternet(Packets.Udp(s_web, lease, 53, 4000, new byte[CircuitMtu.Inner - 28]));
        _world.Run(s_second);
        Assert.Single(client.Packets);
    }

    [Fact]
    public void An_exit_that_was_off_and_on_again_mixes_no_sessions()
    {
        _exit.Answer = Packets.Echo;
        _exit.Serve(relay: true, exit: true);
        var alice = Opened(1);
        _exit.Serve(relay: true, exit: false);
        _exit.Serve(relay: true, exit: true);
        var bob = Opened(2);

        // Alice's session is of the time before: its address is bob's now.
        alice.SendPayload(Packets.Udp(Packets.Client, s_web, 4000, 53, "alice"u8));
        _world.Run(s_second);
        Assert.Empty(bob.Packets);
        alice.Send(new Close { Channel = 0 });
        _world.Run(s_second);
        bob.SendPayload(Packets.Udp(Packets.Client, s_web, 4000, 53, "bob"u8));
        _world.Run(s_second);
        Assert.Equal("bob"u8.ToArray(), Assert.Single(bob.Packets)[28..31]);
        Assert.Equal(1, _exit.Node.Relay.Leases!.Count);
    }

    [Fact]
    public void Random_payloads_do_no_harm()
    {
        for (var round = 0; round < 500; round++)
        {
            var client = Opened(round % 250);
            // Sixteen malformed ones end a session.
            for (var i = 0; i < 15; i++)
                client.SendPayload(RandomPayload());
            _world.Run(s_second);
            Assert.Equal(ControlStatus.Ok, client.Ask(new Probe { Token = 1 }));
        }
        Assert.Empty(_exit.Internet);
    }

    /// <summary>Something that begins like a frame of each kind, like an IP packet, or like nothing.</summary>
    byte[] RandomPayload()
    {
        var payload = new byte[_world.Random.NextInt(120) + 1];
        _world.Random.Fill(payload);
        payload[0] = new byte[] { 1, 2, 2, 3, 0x45, 0x60, 0, 0xff }[_world.Random.NextInt(8)];
        // Half of the frames are as long as they say; a close of the session would end the test.
        if (payload.Length > 8 && _world.Random.NextInt(2) == 0)
            BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(2), (ushort)(payload.Length - 8));
        return payload;
    }

    Adversary Client(int number) => new Adversary(_world, $"44.1.0.{number}:5000", _exit).Connect();

    Adversary Opened(int number)
    {
        var client = Client(number);
        Assert.Equal(ControlStatus.Ok, client.Ask(new OpenExit { V4 = true, V6 = true }));
        return client;
    }
}
