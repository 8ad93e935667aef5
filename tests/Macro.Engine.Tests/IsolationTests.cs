using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Engine.Tests;

/// <summary>Several circuits at once, one for each isolation key.</summary>
public class IsolationTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world;
    readonly SimNode _client;
    readonly SimNode[] _relays;

    public IsolationTests() => (_world, _client, _relays) = Networks.Six(41);

    Controller Controller => _client.Node.Controller;

    [Fact]
    public void Two_keys_never_share_a_circuit_an_exit_session_or_a_hop_key()
    {
        Up();
        var keys = new HashSet<PublicKey>(Controller.Carrying!.Hops.Select(hop => hop.PublicKey));
        var sources = new HashSet<(string, IpAddress)>();
        string[] names = ["", "alice", "bob", "carol", "Alice"];
        foreach (var name in names)
        {
            var kept = Standing(name);
            Assert.All(kept.Carrying!.Hops, hop => Assert.True(keys.Add(hop.PublicKey)));
            Say(name, 4000);
            _world.Run(s_second);
            Assert.Single(_client.Stacks[IsolationKey.Named(name)].Inbox);
        }
        foreach (var exit in _relays)
            foreach (var packet in exit.Internet)
                Assert.True(sources.Add((exit.Name, Packets.Source(packet))));
        Assert.Equal(names.Length, sources.Count);
        Assert.Empty(_client.Inbox);
    }

    [Fact]
    public void The_same_key_has_the_same_circuit()
    {
        Up();
        var alice = Standing("alice");
        Assert.Same(alice, _client.Use(IsolationKey.Named("alice")));
        Assert.Same(Controller.Main, _client.Use(IsolationKey.Device));
        Assert.Single(Controller.Isolated);
    }

    [Fact]
    public void Answers_come_out_where_the_packet_went_in_though_all_use_the_same_ports()
    {
        Up();
        for (var i = 0; i < 8; i++)
            Standing($"user {i}");
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 8; i++)
                Say($"user {i}", 4000);
            _client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "device"u8));
            _world.Run(s_second);
        }
        for (var i = 0; i < 8; i++)
            Assert.All(_client.Stacks[IsolationKey.Named($"user {i}")].Inbox,
                packet => Assert.Equal($"user {i}", System.Text.Encoding.UTF8.GetString(packet.AsSpan(28))));
        Assert.All(_client.Stacks.Values, end => Assert.Equal(3, end.Inbox.Count));
        Assert.Equal(3, _client.Inbox.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_lost_circuit_of_one_key_does_not_disturb_the_other(int index)
    {
        Up();
        var (alice, bob) = (Standing("alice"), Standing("bob"));
        var victim = alice.Carrying!.Hops[index].Target;
        for (var i = 0; bob.Carrying!.Hops.Any(hop => hop.Target == victim) || Controller.Carrying!.Hops.Any(hop => hop.Target == victim); i++)
        {
            Assert.True(i < 200, "Every circuit uses that relay.");
            Controller.Down(_world.Now);
            Up();
            (alice, bob) = (Standing("alice"), Standing("bob"));
            victim = alice.Carrying!.Hops[index].Target;
        }
        var (lost, kept, main) = (alice.Carrying, bob.Carrying, Controller.Carrying);
        _world.Kill(_relays.Single(r => r.Endpoint == victim.Endpoint));
        for (var i = 0; i < 100; i++)
        {
            Say("alice", 4000);
            Say("bob", 4000);
            _world.Run(s_second / 10);
        }
        _world.Run(s_second);
        Assert.NotNull(alice.Carrying);
        // Another path leads to the exit; a lost exit takes the circuit with it.
        Assert.Equal(index < 2, alice.Carrying == lost);
        Assert.DoesNotContain(alice.Carrying!.Hops, hop => hop.Target == victim);
        Assert.Same(kept, bob.Carrying);
        Assert.Same(main, Controller.Carrying);
        Assert.Equal(ConnectionState.Active, Controller.Connection.State);
        Assert.Equal(100, _client.Stacks[IsolationKey.Named("bob")].Inbox.Count);
        Assert.NotEmpty(_client.Stacks[IsolationKey.Named("alice")].Inbox);
    }

    [Fact]
    public void Idle_ones_are_closed_after_ten_minutes_and_the_relays_forget_them()
    {
        Up();
        Standing("alice");
        var bob = Standing("bob");
        for (var i = 0; i < 11; i++)
        {
            Say("bob", 4000);
            _world.Run(TimeSpan.FromMinutes(1));
        }
        Assert.Equal([bob], Controller.Isolated);
        Assert.True(_client.Stacks[IsolationKey.Named("alice")].IsClosed);
        Assert.Equal(6, _relays.Sum(relay => relay.Node.Relay.Sessions));
        _world.Run(TimeSpan.FromMinutes(11));
        Assert.Empty(Controller.Isolated);
        Assert.Equal(ConnectionState.Active, Controller.Connection.State);
    }

    [Fact]
    public void One_that_a_silent_connection_hangs_on_is_not_idle()
    {
        Up();
        var alice = Standing("alice");
        _client.Stacks[IsolationKey.Named("alice")].IsInUse = true;
        var circuit = alice.Carrying;
        _world.Run(TimeSpan.FromHours(2));
        Assert.Same(circuit, Assert.Single(Controller.Isolated).Carrying);
        _client.Stacks[IsolationKey.Named("alice")].IsInUse = false;
        _world.Run(TimeSpan.FromMinutes(20));
        Assert.Empty(Controller.Isolated);
    }

    [Fact]
    public void There_are_never_more_than_the_bound_and_the_idlest_makes_room()
    {
        Up();
        for (var i = 0; i < Controller.MostIsolated; i++)
        {
            Assert.NotNull(_client.Use(IsolationKey.Named($"user {i}")));
            _world.Run(s_second);
        }
        _client.Stacks[IsolationKey.Named("user 0")].IsInUse = true;
        Assert.NotNull(_client.Use(IsolationKey.Named("one more")));
        Assert.Equal(Controller.MostIsolated, Controller.Isolated.Count);
        Assert.False(_client.Stacks[IsolationKey.Named("user 0")].IsClosed);
        Assert.True(_client.Stacks[IsolationKey.Named("user 1")].IsClosed);

        foreach (var end in _client.Stacks.Values)
            end.IsInUse = true;
        Assert.Null(_client.Use(IsolationKey.Named("too many")));
        _world.Run(s_second);
        _client.CheckConsistency();
        _client.Down();
        _world.Run(s_second);
        Assert.Equal(0, _relays.Sum(relay => relay.Node.Relay.Sessions));
    }

    [Fact]
    public void Down_closes_all_of_them_and_without_a_wish_there_is_none()
    {
        Assert.Null(_client.Use(IsolationKey.Named("alice")));
        Up();
        Standing("alice");
        _client.Down();
        Assert.Empty(Controller.Isolated);
        Assert.True(_client.Stacks[IsolationKey.Named("alice")].IsClosed);
        Assert.Null(_client.Stacks[IsolationKey.Named("alice")].Circuit);
        var sent = 0;
        _world.Run(s_second);
        _world.Tap = (_, _, _) => sent++;
        Say("alice", 4000);
        Assert.Equal(0, sent);
        Assert.Null(_client.Use(IsolationKey.Named("alice")));
    }

    [Fact]
    public void A_key_does_not_say_its_name()
    {
        Assert.DoesNotContain("alice", IsolationKey.Named("alice").ToString());
        Assert.Equal(IsolationKey.Shared, IsolationKey.Named(""));
        Assert.NotEqual(IsolationKey.Named("alice"), IsolationKey.Named("Alice"));
        Assert.NotEqual(IsolationKey.Device, IsolationKey.Shared);
    }

    void Up()
    {
        _client.Up(ConnectionMode.Private);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, 5 * s_second);
    }

    KeptCircuit Standing(string name)
    {
        var kept = _client.Use(IsolationKey.Named(name));
        _world.RunUntil(() => kept!.Carrying is not null, 5 * s_second);
        return kept!;
    }

    void Say(string name, ushort port) => _client.SendPacket(
        Packets.Udp(Packets.Client, s_web, port, 53, System.Text.Encoding.UTF8.GetBytes(name.Length == 0 ? "shared" : name)),
        _client.Stacks[IsolationKey.Named(name)]);
}
