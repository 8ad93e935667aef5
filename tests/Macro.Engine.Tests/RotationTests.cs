using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Engine.Tests;

/// <summary>Circuits built ahead of time, and circuits that make way for others.</summary>
public class RotationTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1), s_minute = TimeSpan.FromMinutes(1);

    readonly World _world;
    readonly SimNode _client;
    readonly SimNode[] _relays;

    public RotationTests()
    {
        (_world, _client, _relays) = Networks.Six(71);
        Controller.MostSpares = 4;
    }

    Controller Controller => _client.Node.Controller;

    [Fact]
    public void A_used_circuit_makes_way_after_ten_minutes_or_so_when_nothing_hangs_on_it()
    {
        Connect(ConnectionMode.Private);
        var first = Controller.Carrying;
        Say();
        _world.Run(7 * s_minute);
        Assert.Same(first, Controller.Carrying);
        _world.Run(7 * s_minute);
        Assert.NotSame(first, Controller.Carrying);
        Assert.Equal(CircuitState.Closed, first!.State);
        Assert.Equal(ConnectionState.Active, Controller.Connection.State);
        _client.Inbox.Clear();
        Say();
        Assert.Single(_client.Inbox);
    }

    [Fact]
    public void One_that_was_never_used_stays()
    {
        Connect(ConnectionMode.Private);
        var first = Controller.Carrying;
        _world.Run(TimeSpan.FromHours(3));
        Assert.Same(first, Controller.Carrying);
        Assert.Equal(0, Controller.Spares);
    }

    [Fact]
    public void A_long_flow_keeps_its_circuit()
    {
        Connect(ConnectionMode.Private);
        var first = Controller.Carrying;
        for (var i = 0; i < 120; i++)
        {
            Say();
            _world.Run(30 * s_second);
        }
        Assert.Same(first, Controller.Carrying);
    }

    [Fact]
    public void In_paranoid_mode_it_does_not_and_no_packet_is_lost_by_the_change()
    {
        Connect(ConnectionMode.Paranoid);
        var circuits = new HashSet<Circuit>();
        for (var i = 0; i < 120; i++)
        {
            Say();
            circuits.Add(Controller.Carrying!);
            _world.Run(30 * s_second);
        }
        Assert.InRange(circuits.Count, 5, 8);
        Assert.Equal(120, _client.Inbox.Count);
    }

    [Fact]
    public void Times_of_rotation_cannot_be_foretold()
    {
        var times = Enumerable.Range(0, 100).Select(_ => Rotation.Due(_world.Now, _world.Random) - _world.Now).ToArray();
        Assert.All(times, time => Assert.InRange(time, 8 * s_minute, 12 * s_minute));
        Assert.True(times.Max() - times.Min() > 3 * s_minute);
    }

    [Fact]
    public void Spares_are_as_many_as_were_wanted_lately_and_at_most_four()
    {
        Connect(ConnectionMode.Private);
        _world.Run(5 * s_second);
        Assert.Equal(1, Controller.Spares);
        for (var i = 0; i < 12; i++)
        {
            _client.Use(IsolationKey.Named($"user {i}"));
            _world.Run(3 * s_second);
            Assert.InRange(Controller.Spares, 1, SpareCircuits.Most);
        }
        Assert.Equal(SpareCircuits.Most, Controller.Spares);
        _world.Run(TimeSpan.FromHours(2));
        Assert.Equal(0, Controller.Spares);
        _client.Down();
        _world.Run(s_second);
        Assert.Equal(0, _relays.Sum(relay => relay.Node.Relay.Sessions));
    }

    [Fact]
    public void A_key_that_finds_a_spare_need_not_wait_and_nobody_else_ever_gets_that_one()
    {
        Connect(ConnectionMode.Private);
        _world.Run(5 * s_second);
        var keys = new HashSet<PublicKey>(Controller.Carrying!.Hops.Select(hop => hop.PublicKey));
        var exits = new HashSet<object> { Controller.Carrying.Exit.Tunnel };
        for (var i = 0; i < 30; i++)
        {
            var kept = _client.Use(IsolationKey.Named($"user {i}"))!;
            Assert.NotNull(kept.Carrying);
            Assert.All(kept.Carrying!.Hops, hop => Assert.True(keys.Add(hop.PublicKey)));
            Assert.True(exits.Add(kept.Carrying.Exit.Tunnel));
            _world.Run(5 * s_second);
        }
        for (var i = 0; i < 30; i++)
            Say(i);
        // One address of its own at the exit for each key.
        foreach (var exit in _relays)
            Assert.Equal(exit.Internet.Count, exit.Internet.Select(packet => Packets.Source(packet)).Distinct().Count());
        Assert.Equal(30, _relays.Sum(relay => relay.Internet.Count));
    }

    [Fact]
    public void A_lost_circuit_is_replaced_by_a_spare_at_once_and_the_user_is_told()
    {
        Connect(ConnectionMode.Private);
        Say();
        _world.Run(5 * s_second);
        var lost = Controller.Carrying!;
        var victim = lost.Exit.Target;
        _world.Kill(_relays.Single(relay => relay.Endpoint == victim.Endpoint));
        Say();
        _world.RunUntil(() => lost.State == CircuitState.Closed, 10 * s_second);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, s_second);
        Assert.DoesNotContain(Controller.Carrying!.Hops, hop => hop.Target.Name == victim.Name);
        Assert.Contains("Hop 3 of 3", Controller.Connection.Problem);
        _world.Run(11 * s_second);
        Assert.Null(Controller.Connection.Problem);
    }

    void Connect(ConnectionMode mode)
    {
        _client.Up(mode);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        _world.Run(s_second);
    }

    void Say()
    {
        _client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "talk"u8));
        _world.Run(s_second);
    }

    void Say(int user)
    {
        _client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "talk"u8), _client.Stacks[IsolationKey.Named($"user {user}")]);
        _world.Run(s_second / 10);
    }
}
