using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>A client that changes its address takes its sessions along; one that only writes another source does not aim them at anybody.</summary>
public class RoamingTests
{
    const string Elsewhere = "44.2.0.1:6000";
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly Endpoint s_victim = Endpoint.Parse("44.99.0.1:4444");

    readonly World _world = new(51);
    readonly SimNode _exit;
    readonly Dictionary<Endpoint, long> _bytesTo = [];
    readonly Dictionary<Endpoint, long> _bytesFrom = [];

    public RoamingTests()
    {
        _exit = _world.Add("exit", "44.140.0.1:51820", relay: true, exit: true);
        _world.Tap = (from, to, bytes) =>
        {
            _bytesTo[to] = _bytesTo.GetValueOrDefault(to) + bytes.Length;
            _bytesFrom[from] = _bytesFrom.GetValueOrDefault(from) + bytes.Length;
        };
    }

    [Theory]
    [InlineData(ConnectionMode.Speed)]
    [InlineData(ConnectionMode.Private)]
    public void A_client_that_moves_gets_its_packets_at_the_new_address_after_one_round_trip(ConnectionMode mode)
    {
        var (world, client, _) = Networks.Six(52);
        client.Up(mode);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        world.Run(s_second);
        world.Move(client, Elsewhere);
        client.SendPacket(Ask("first"u8));
        // To the entry, the challenge back, and its answer.
        world.Run(3 * world.Delay + TimeSpan.FromMilliseconds(1));
        client.SendPacket(Ask("second"u8));
        world.Run(s_second);
        Assert.Equal(Packets.Udp(s_web, Packets.Client, 53, 4000, "second"u8), client.Inbox[^1]);
        Assert.Equal(ConnectionState.Active, client.Node.Controller.Connection.State);
        world.Run(400 * s_second);
        client.SendPacket(Ask("third"u8));
        world.Run(s_second);
        Assert.Equal(Packets.Udp(s_web, Packets.Client, 53, 4000, "third"u8), client.Inbox[^1]);
    }

    [Fact]
    public void A_forged_source_draws_no_more_than_three_times_what_it_sent_and_the_client_loses_nothing()
    {
        var client = ExitClient();
        client.SendPayload(Ask("x"u8), s_victim);
        _world.Run(s_second / 10);
        client.Packets.Clear();
        for (var i = 0; i < 1000; i++)
            _exit.FromInternet(Download());
        _world.Run(s_second);
        Assert.InRange(_bytesTo[s_victim], 1, 3 * _bytesFrom[s_victim]);
        Assert.Equal(1000, client.Packets.Count(p => p.Length > 1000));
    }

    [Fact]
    public void Not_even_keepalives_draw_more_than_three_times_their_size_and_not_many_of_those()
    {
        var client = ExitClient();
        for (var i = 0; i < 300; i++)
        {
            client.SendPayload([], s_victim);
            client.SendPayload([], s_victim with { Port = (ushort)(1000 + i) });
            _world.Run(s_second / 10);
        }
        Assert.All(_bytesFrom.Where(f => f.Key.Address == s_victim.Address), sent =>
            Assert.InRange(_bytesTo.GetValueOrDefault(sent.Key), 0, 3 * sent.Value));
        Assert.InRange(_bytesTo.Where(t => t.Key.Address == s_victim.Address).Sum(t => t.Value), 1, 4 * 20 * 64);
    }

    [Fact]
    public void An_initiation_with_a_forged_source_moves_nothing()
    {
        var client = ExitClient();
        _world.Run(s_second);
        var before = _bytesTo[client.Endpoint];
        var buffer = new byte[2048];
        _world.Run(5 * s_second);
        client.Tunnel.Initiate(_world.Now);
        var output = client.Tunnel.HandleTimeout(buffer, _world.Now);
        _world.Send(s_victim, _exit.Endpoint, buffer[..output.Length]);
        _world.Run(s_second / 10);
        for (var i = 0; i < 100; i++)
            _exit.FromInternet(Download());
        _world.Run(s_second);
        Assert.Equal(92, _bytesTo[s_victim]);
        Assert.Equal(100, client.Packets.Count);
        Assert.True(_bytesTo[client.Endpoint] > before);
    }

    [Fact]
    public void Only_the_token_proves_the_address()
    {
        var client = ExitClient();
        client.SendPayload([], s_victim);
        _world.Run(s_second);
        for (var token = 0ul; token < 20; token++)
            client.Send(new PathResponse { Status = ControlStatus.Ok, Token = token });
        client.SendPayload(Ask("x"u8), s_victim);
        _world.Run(s_second);
        Assert.Empty(client.Challenges);
        Assert.Single(client.Packets);
    }

    [Fact]
    public void A_challenge_that_is_lost_is_followed_by_another_when_more_comes_from_there()
    {
        var client = ExitClient();
        client.MoveTo(Elsewhere);
        _world.Loss = 1;
        client.SendPayload([]);
        _world.Loss = 0;
        client.SendPayload([]);
        _world.Run(s_second / 4);
        client.Challenges.Clear();
        client.SendPayload([]);
        _world.Run(s_second / 4);
        client.Send(new PathResponse { Status = ControlStatus.Ok, Token = Assert.Single(client.Challenges) });
        client.SendPayload(Ask("x"u8));
        _world.Run(s_second);
        Assert.Single(client.Packets);
    }

    [Fact]
    public void The_answer_proves_the_address_that_got_the_challenge_and_no_other()
    {
        var client = ExitClient();
        var home = client.Endpoint.ToString();
        client.MoveTo(Elsewhere);
        client.SendPayload([]);
        _world.Run(s_second / 4);
        client.SendPayload([], s_victim);
        _world.Run(s_second / 4);
        client.Send(new PathResponse { Status = ControlStatus.Ok, Token = Assert.Single(client.Challenges) });
        client.MoveTo(home);
        client.SendPayload(Ask("x"u8));
        _world.Run(s_second);
        Assert.Single(client.Packets);
    }

    [Fact]
    public void A_plain_WireGuard_client_proves_its_new_address_by_its_next_handshake()
    {
        var client = new Adversary(_world, "44.1.0.1:5000", _exit).Connect();
        _exit.Answer = Packets.Echo;
        client.SendPayload(Ask("opens the exit"u8));
        _world.Run(s_second);
        client.MoveTo(Elsewhere);
        client.SendPayload(Ask("unanswered"u8));
        _world.Run(5 * s_second);
        Assert.Empty(client.Packets);
        Assert.Empty(client.Challenges);

        client.Initiate();
        _world.Run(s_second);
        client.SendPayload(Ask("answered"u8));
        _world.Run(s_second);
        Assert.Single(client.Packets);
    }

    /// <summary>A client with an open exit session and nothing received yet.</summary>
    Adversary ExitClient()
    {
        var client = new Adversary(_world, "44.1.0.1:5000", _exit).Connect();
        Assert.Equal(ControlStatus.Ok, client.Ask(new OpenExit { V4 = true, V6 = true }));
        _exit.Answer = packet =>
        {
            _exit.Answer = Packets.Echo;
            return null;
        };
        client.SendPayload(Ask("tells the leased address"u8));
        _world.Run(s_second);
        return client;
    }

    /// <summary>What the web sends to the client without being asked.</summary>
    byte[] Download() => Packets.Udp(s_web, Packets.Source(_exit.Internet[0]), 53, 4000, new byte[1200]);

    static byte[] Ask(ReadOnlySpan<byte> body) => Packets.Udp(Packets.Client, s_web, 4000, 53, body);
}
