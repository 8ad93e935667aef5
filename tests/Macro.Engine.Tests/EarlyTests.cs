using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>Circuits that are built in one flight, and what becomes of them when a relay does not play along.</summary>
public class EarlyTests
{
    static readonly TimeSpan s_leg = TimeSpan.FromMilliseconds(25), s_second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(ConnectionMode.Speed, 2)]
    [InlineData(ConnectionMode.Balanced, 4)]
    [InlineData(ConnectionMode.Private, 6)]
    public void All_handshakes_take_one_round_trip_to_the_last_hop(ConnectionMode mode, int legs)
    {
        var (world, client, relays) = Networks.Six(1);
        Assert.Equal(legs, Legs(world, client, mode));
        Assert.Equal(mode.Hops(), relays.Sum(r => r.Node.Relay.Counters.Early));
        Assert.Equal(mode.Hops(), relays.Sum(r => r.Node.Relay.Counters.Handshakes));
        var reached = world.Now;
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, s_second);
        // The exit's consent comes right behind its response, and a packet that leaves now arrives.
        Assert.Equal(reached, world.Now);
        client.SendPacket(Packets.Udp(Packets.Client, IpAddress.Parse("203.0.114.7"), 4000, 53, "hello"u8));
        world.RunUntil(() => client.Inbox.Count > 0, s_second);
    }

    [Fact]
    public void The_most_careful_mode_and_who_does_not_want_it_go_hop_by_hop()
    {
        var (world, client, _) = Networks.Six(2);
        Assert.Equal(2 + 4 + 6, Legs(world, client, ConnectionMode.Paranoid));
        client.Down();
        client.Node.Controller.GoesEarly = false;
        Assert.Equal(2 + 4 + 6, Legs(world, client, ConnectionMode.Private));
    }

    [Theory]
    [InlineData(0, 2 + 6)]
    [InlineData(1, 4 + 6)]
    [InlineData(2, 6)]
    public void A_relay_that_takes_none_is_waited_for(int hop, int legs)
    {
        var (world, client, relays) = Networks.Six(3);
        SimNode[] path = [relays[0], relays[1], relays[4]];
        var circuit = Begin(world, client, [.. path.Select((relay, i) => relay.Candidate.Target with { TakesEarly = i != hop })]);
        var began = world.Now;
        world.RunUntil(() => circuit.HopsReached == 3, 5 * s_second);
        Assert.Equal(legs * s_leg, world.Now - began);
    }

    [Theory]
    [InlineData(9, 6)]
    [InlineData(1, 6 + 6 + 2)]
    public void What_an_exit_was_asked_early_in_vain_it_is_asked_again(int nth, int legs)
    {
        var (world, client, relays) = Networks.Six(11);
        var count = 0;
        world.Cut = (from, to) => to == relays[4].Endpoint && count++ == nth;
        var path = relays.Skip(2).Take(3).Select(relay => relay.Candidate.Target);
        var circuit = Begin(world, client, [.. path], CircuitGoal.Exit);
        var began = world.Now;
        world.RunUntil(() => circuit.State == CircuitState.Ready, 5 * s_second);
        Assert.Equal(legs, (int)Math.Ceiling((world.Now - began) / s_leg));
        Assert.Equal(1, relays[4].Node.Relay.Leases!.Count);
    }

    [Fact]
    public void A_relay_that_has_just_started_takes_none_and_the_circuit_stands_a_quarter_of_a_round_trip_later()
    {
        var (world, client, _) = Networks.Six(4, age: TimeSpan.FromSeconds(9));
        var began = world.Now;
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Main!.Circuits.Single().HopsReached == 3, 5 * s_second);
        Assert.Equal((2 + 4 + 6) * s_leg + s_leg, world.Now - began);
    }

    [Theory]
    [InlineData(0, 1000)]
    [InlineData(1, 25)]
    [InlineData(2, 500)]
    [InlineData(3, 25)]
    [InlineData(4, 500)]
    public void Whichever_datagram_of_the_flight_is_lost_the_circuit_stands_a_little_later(int nth, int wait)
    {
        var (world, client, relays) = Networks.Six(5);
        var count = 0;
        world.Cut = (from, _) => from == client.Endpoint && count++ == nth;
        var circuit = Begin(world, client, [.. relays.Skip(2).Take(3).Select(relay => relay.Candidate.Target)]);
        var began = world.Now;
        world.RunUntil(() => circuit.HopsReached == 3, 5 * s_second);
        Assert.InRange(world.Now - began, 6 * s_leg, (2 + 4 + 6) * s_leg + TimeSpan.FromMilliseconds(wait));
    }

    [Fact]
    public void An_answer_that_overtakes_the_response_is_kept_for_it()
    {
        var (world, client, relays) = Networks.Six(6);
        var late = false;
        world.Tap = (from, to, bytes) =>
        {
            if (to != client.Endpoint || late || bytes[0] != (byte)MessageType.Response)
                return;
            late = true;
            var response = bytes.ToArray();
            // Spoilt on its way, and right one millisecond later.
            bytes[20] ^= 1;
            world.At(world.Now + s_leg + TimeSpan.FromMilliseconds(1), () => client.Receive(response, from));
        };
        var began = world.Now;
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Main!.Circuits.Single().HopsReached == 3, 5 * s_second);
        Assert.Equal(6 * s_leg, world.Now - began);
        Assert.Equal(3, relays.Sum(r => r.Node.Relay.Counters.Handshakes));
    }

    [Fact]
    public void A_relay_under_load_wants_its_cookie_and_then_it_goes_hop_by_hop()
    {
        var (world, client, relays) = Networks.Six(7);
        foreach (var relay in relays)
        {
            relay.Serve(relay: true, exit: relay.Candidate.IsExit, maxSessions: 3);
            for (var i = 0; i < 2; i++)
                Begin(world, world.Add("busy", $"45.0.{world.Nodes.Count()}.1:5000"), [relay.Candidate.Target]);
        }
        world.Run(s_second);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        Assert.Equal(3, relays.Sum(r => r.Node.Relay.Counters.Cookies));
    }

    [Fact]
    public void In_private_everything_early_has_the_size_of_the_rest()
    {
        var (world, client, _) = Networks.Six(8);
        var sizes = new HashSet<int>();
        world.Tap = (from, to, bytes) =>
        {
            if (bytes[0] == (byte)MessageType.Data && (from == client.Endpoint || to == client.Endpoint))
                sizes.Add(bytes.Length);
        };
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        // An empty keepalive confirms each session in WireGuard; in these it has the size, too.
        Assert.Equal([CircuitMtu.Payload + Message.DataOverhead], sizes);
    }

    [Theory]
    [InlineData(ConnectionMode.Balanced)]
    [InlineData(ConnectionMode.Private)]
    public void An_address_that_is_not_proven_gets_no_more_than_came_from_it(ConnectionMode mode)
    {
        var (world, client, _) = Networks.Six(9);
        var (sent, got) = (0, 0);
        world.Tap = (from, to, bytes) =>
        {
            sent += from == client.Endpoint ? bytes.Length : 0;
            got += to == client.Endpoint ? bytes.Length : 0;
        };
        client.Up(mode);
        // It receives nothing, as one whose address was forged.
        world.Kill(client);
        world.Run(10 * s_second);
        Assert.InRange(got, 1, sent);
    }

    [Fact]
    public void Circuits_stand_while_datagrams_are_lost_and_overtake_each_other()
    {
        for (ulong seed = 100; seed < 200; seed++)
        {
            var (world, client, _) = Networks.Six(seed);
            (world.Loss, world.Duplicates, world.Jitter) = (0.05, 0.05, TimeSpan.FromMilliseconds(5));
            client.Up(ConnectionMode.Private);
            world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 20 * s_second);
            foreach (var node in world.Nodes)
                node.CheckConsistency();
        }
    }

    [Fact]
    public void When_the_client_has_gone_nothing_of_the_flight_is_left()
    {
        var (world, client, relays) = Networks.Six(10);
        client.Up(ConnectionMode.Private);
        world.Kill(client);
        world.Run(20 * s_second);
        Assert.All(relays, r => Assert.Equal((0, 0, 0), (r.Node.Relay.Sessions, r.Node.Switches.Count, r.Node.Indices.Count)));
    }

    /// <summary>A circuit that no controller keeps.</summary>
    internal static Circuit Begin(World world, SimNode client, HopTarget[] path, CircuitGoal goal = CircuitGoal.Directory)
    {
        var circuit = new Circuit(path, client.Node.Indices, client.Node.Outbox, world.Random, world.Now) { GoesEarly = true, Goal = goal };
        client.Drives = () => circuit;
        client.Do(() => circuit.Start(world.Now));
        return circuit;
    }

    /// <summary>One-way delays until the last hop has answered its handshake.</summary>
    static int Legs(World world, SimNode client, ConnectionMode mode)
    {
        var began = world.Now;
        client.Up(mode);
        world.RunUntil(() => client.Node.Controller.Main!.Circuits.Single().HopsReached == mode.Hops(), 5 * s_second);
        return (int)Math.Ceiling((world.Now - began) / s_leg);
    }
}
