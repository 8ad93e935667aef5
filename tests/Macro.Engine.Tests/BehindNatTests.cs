using Macro.Circuits;
using Macro.Core;
using Macro.Simulation;

namespace Macro.Engine.Tests;

/// <summary>Relays and exits behind NATs, reached through their introducers.</summary>
public class BehindNatTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    public static TheoryData<string> Kinds => ["full cone", "port-restricted", "sequential symmetric", "random symmetric", "firewall"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_exit_behind_a_NAT_carries_packets(string kind)
    {
        var (world, client, relays) = Networks.Six(31);
        var exit = AddBehind(world, "home", "192.168.1.10:51820", Box(world, kind, "44.150.0.1"), exit: true);
        Register(world, exit, relays, introducers: 2);
        client.Node.Controller.Candidates = [.. relays.Where(r => !r.Candidate.IsExit).Select(r => r.Candidate), exit.CandidateBehindNat];

        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 10 * s_second);
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "hello"u8));
        world.RunUntil(() => client.Inbox.Count > 0, 5 * s_second);

        Assert.Equal("home", client.Node.Controller.Carrying!.Exit.Target.Name);
        Assert.Single(exit.Internet);
    }

    [Fact]
    public void An_idle_node_behind_a_NAT_sends_less_than_a_packet_a_second_and_its_mappings_last()
    {
        var (world, _, relays) = Networks.Six(32);
        var exit = AddBehind(world, "home", "192.168.1.10:51820", Box(world, "random symmetric", "44.150.0.1"), exit: true);
        Register(world, exit, relays, introducers: 3);
        var (packets, sources) = (0, new HashSet<Endpoint>());
        world.Tap = (from, to, _) => packets += from == exit.Endpoint || to.Address == IpAddress.Parse("44.150.0.1") ? 1 : 0;
        var start = exit.Node.Registrar.Changes;
        for (var minute = 0; minute < 10; minute++)
        {
            world.Run(TimeSpan.FromMinutes(1));
            sources.UnionWith(relays.SelectMany(r => r.Node.Relay.RegisteredEndpoints));
        }
        // Ten minutes and a NAT that forgets after thirty seconds: three introducers, one mapping each, never another.
        Assert.Equal(3, sources.Count);
        Assert.Equal(start, exit.Node.Registrar.Changes);
        Assert.InRange(packets, 1, 600);
    }

    [Fact]
    public void A_lost_introducer_is_replaced_and_one_that_comes_back_is_taken_again()
    {
        var (world, _, relays) = Networks.Six(33);
        var exit = AddBehind(world, "home", "192.168.1.10:51820", Box(world, "port-restricted", "44.150.0.1"), exit: true);
        Register(world, exit, relays, introducers: 2);
        var lost = relays.First(r => exit.Node.Registrar.Introducers.Contains(r.Identity.Id));
        world.Kill(lost);
        world.RunUntil(() => exit.Node.Registrar.Introducers.Count == 2 && !exit.Node.Registrar.Introducers.Contains(lost.Identity.Id), 60 * s_second);
    }

    /// <summary>Until it sends something of itself nobody reaches the exit any more: whenever that is, its session goes on.</summary>
    [Theory]
    [InlineData("random symmetric", ConnectionMode.Balanced, true)]
    [InlineData("random symmetric", ConnectionMode.Balanced, false)]
    [InlineData("port-restricted", ConnectionMode.Speed, true)]
    [InlineData("port-restricted", ConnectionMode.Speed, false)]
    public void A_session_outlives_a_NAT_that_loses_its_mappings(string kind, ConnectionMode mode, bool standby)
    {
        var (world, client, relays) = Networks.Six(34);
        var box = Box(world, kind, "44.150.0.1");
        var exit = AddBehind(world, "home", "192.168.1.10:51820", box, exit: true);
        Register(world, exit, relays, introducers: 3);
        client.Node.Controller.Candidates = [.. relays.Where(r => !r.Candidate.IsExit).Select(r => r.Candidate), exit.CandidateBehindNat];
        client.Node.Controller.KeepsStandby = standby;
        client.Up(mode);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 10 * s_second);
        var circuit = client.Node.Controller.Carrying;
        for (var i = 0; i < 8; i++)
        {
            LongestSilence(world, client, 10.37 * s_second);
            world.Cut = (from, to) => from == exit.Endpoint || to.Address == box.Outside;
            LongestSilence(world, client, 0.3 * s_second);
            world.Cut = null;
            box.Reboot();
            Assert.InRange(LongestSilence(world, client, 10 * s_second), TimeSpan.Zero, 3 * s_second);
            Assert.Same(circuit, client.Node.Controller.Carrying);
        }
    }

    [Theory]
    [InlineData("port-restricted", "full cone")]
    [InlineData("port-restricted", "port-restricted")]
    [InlineData("sequential symmetric", "port-restricted")]
    [InlineData("port-restricted", "sequential symmetric")]
    [InlineData("full cone", "random symmetric")]
    [InlineData("random symmetric", "address-restricted")]
    public void A_middle_and_an_exit_behind_NATs_of_different_kinds_meet_in_one_circuit(string middleKind, string exitKind)
    {
        var (world, client, relays) = Networks.Six(36);
        var middle = AddBehind(world, "middle", "192.168.1.10:51820", Box(world, middleKind, "44.150.0.1"), exit: false);
        var exit = AddBehind(world, "exit", "192.168.2.10:51820", Box(world, exitKind, "44.160.0.1"), exit: true);
        Register(world, middle, [relays[0]], introducers: 1);
        Register(world, exit, [relays[1]], introducers: 1);
        var hidden = exit.CandidateBehindNat;
        HopTarget[] path =
        [
            relays[0].Candidate.Target,
            middle.CandidateBehindNat.Target,
            hidden.Target with { Introducer = relays[1].DescribeFully(relays[1].Endpoint) },
        ];
        Circuit? circuit = null;
        client.Do(() =>
        {
            circuit = new Circuit(path, client.Node.Indices, client.Node.Outbox, world.Random, world.Now) { End = client.Device };
            circuit.Start(world.Now);
        });
        client.Drives = () => circuit!;
        world.RunUntil(() => circuit!.State != CircuitState.Building, 10 * s_second);
        Assert.True(circuit!.State == CircuitState.Ready, circuit.Failure?.Reason);
        client.Device.Circuit = circuit;
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "hello"u8));
        world.RunUntil(() => client.Inbox.Count > 0, 5 * s_second);
        Assert.Equal(1, middle.Node.Neighbours.Count);
    }

    [Fact]
    public void A_stream_goes_over_to_the_direct_path_and_back_and_nothing_is_lost_or_comes_twice()
    {
        var (world, client, relays) = Networks.Six(37);
        world.Topology.Place(client.Endpoint.Address, new NatBox(NatBoxKind.Firewall, IpAddress.Parse("44.128.0.254"), null, world.Random));
        var exit = AddBehind(world, "home", "192.168.1.10:51820", Box(world, "port-restricted", "44.150.0.1"), exit: true);
        Register(world, exit, [relays[0]], introducers: 1);
        client.Node.Bypasses.IsAllowed = false;
        client.Node.Controller.Candidates = [relays[0].Candidate, exit.CandidateBehindNat];
        client.Up(ConnectionMode.Speed);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 10 * s_second);
        var hop = client.Node.Controller.Carrying!.Exit;

        var sent = 0;
        Stream(2 * s_second);
        Assert.Null(hop.Direct);

        client.Node.Bypasses.IsAllowed = true;
        Stream(3 * s_second);
        Assert.True(hop.Direct?.Alone);
        var relayed = relays[0].Counters.RelayedPackets;
        Stream(3 * s_second);
        // Probes of the introducer's own session aside, nothing passes it any more.
        Assert.Equal(relayed, relays[0].Counters.RelayedPackets);

        client.Do(() =>
        {
            client.Node.Bypasses.IsAllowed = false;
            client.Node.HandleTimeout(world.Now);
        });
        Stream(3 * s_second);
        Assert.Null(hop.Direct);
        Assert.True(relays[0].Counters.RelayedPackets > relayed);

        world.Run(s_second);
        Assert.Equal(sent, exit.Internet.Count);
        Assert.Equal(sent, client.Inbox.Count);

        void Stream(TimeSpan time)
        {
            for (var i = 0; i < time.TotalMilliseconds / 20; i++)
            {
                client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, BitConverter.GetBytes(sent++)));
                world.Run(TimeSpan.FromMilliseconds(20));
            }
        }
    }

    [Fact]
    public void When_the_direct_path_dies_the_relayed_one_carries_again_within_six_and_a_half_seconds()
    {
        var (world, client, relays) = Networks.Six(38);
        var exit = AddBehind(world, "home", "192.168.1.10:51820", Box(world, "port-restricted", "44.150.0.1"), exit: true);
        Register(world, exit, [relays[0]], introducers: 1);
        client.Node.Controller.Candidates = [relays[0].Candidate, exit.CandidateBehindNat];
        client.Up(ConnectionMode.Speed);
        world.RunUntil(() => client.Node.Controller.Carrying?.Exit.Direct?.Alone == true, 10 * s_second);

        var circuit = client.Node.Controller.Carrying;
        world.Cut = (from, to) => (from.Address == client.Endpoint.Address && to.Address == IpAddress.Parse("44.150.0.1"))
            || (from.Address == exit.Endpoint.Address && to.Address == client.Endpoint.Address);
        var start = world.Now;
        client.Inbox.Clear();
        while (client.Inbox.Count == 0)
        {
            client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "?"u8));
            world.Run(TimeSpan.FromMilliseconds(20));
            Assert.InRange(world.Now - start, TimeSpan.Zero, TimeSpan.FromSeconds(6.5));
        }
        // In the same session: its connections go on.
        world.Run(TimeSpan.FromSeconds(5));
        Assert.Same(circuit, client.Node.Controller.Carrying);

        // And direct again, when the way is free.
        world.Cut = null;
        for (var i = 0; i < 45; i++)
        {
            client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "?"u8));
            world.Run(s_second);
        }
        Assert.True(client.Node.Controller.Carrying?.Exit.Direct?.Alone);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_session_outlives_the_introducer_that_led_to_the_exit(bool isDirect)
    {
        var (world, client, circuit) = MeetByTwo(39, isDirect);
        Assert.Equal(isDirect, circuit.Exit.Direct?.Alone == true);

        world.Kill(world.Nodes.Single(node => node.Endpoint == circuit.Hops[0].Target.Endpoint));

        Assert.InRange(LongestSilence(world, client, 10 * s_second), TimeSpan.Zero, isDirect ? 0.2 * s_second : 2.3 * s_second);
        Assert.Same(circuit, client.Node.Controller.Carrying);
        Assert.Equal(1, circuit.Reroutes);

        // And the one that took over leads to the direct path as well.
        client.Node.Bypasses.IsAllowed = false;
        LongestSilence(world, client, s_second);
        client.Node.Bypasses.IsAllowed = true;
        LongestSilence(world, client, 35 * s_second);
        Assert.True(circuit.Exit.Direct?.Alone);
    }

    [Fact]
    public void When_the_introducer_and_the_direct_way_die_at_once_the_other_introducer_carries()
    {
        var (world, client, circuit) = MeetByTwo(40, isDirect: true);
        Assert.True(circuit.Exit.Direct?.Alone);

        world.Kill(world.Nodes.Single(node => node.Endpoint == circuit.Hops[0].Target.Endpoint));
        world.Cut = (from, to) => to.Address == IpAddress.Parse("44.150.0.1") && from.Address == client.Endpoint.Address;

        Assert.InRange(LongestSilence(world, client, 10 * s_second), TimeSpan.Zero, 2.3 * s_second);
        Assert.Same(circuit, client.Node.Controller.Carrying);
        Assert.Null(circuit.Exit.Direct);
    }

    /// <summary>A client and an exit behind a NAT that has two introducers.</summary>
    static (World, SimNode Client, Circuit) MeetByTwo(ulong seed, bool isDirect)
    {
        var (world, client, relays) = Networks.Six(seed);
        var exit = AddBehind(world, "home", "192.168.1.10:51820", Box(world, "port-restricted", "44.150.0.1"), exit: true);
        Register(world, exit, [relays[0], relays[1]], introducers: 2);
        (client.Node.Bypasses.IsAllowed, client.Node.Controller.KeepsStandby) = (isDirect, true);
        client.Node.Controller.Candidates = [relays[0].Candidate, relays[1].Candidate, exit.CandidateBehindNat];
        client.Up(ConnectionMode.Speed);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 10 * s_second);
        Assert.InRange(LongestSilence(world, client, 3 * s_second), TimeSpan.Zero, 0.2 * s_second);
        return (world, client, client.Node.Controller.Carrying!);
    }

    /// <summary>Of a stream of packets, each of which the web sends back.</summary>
    static TimeSpan LongestSilence(World world, SimNode client, TimeSpan time)
    {
        var (longest, last) = (TimeSpan.Zero, world.Now);
        for (var end = world.Now + time; world.Now < end;)
        {
            client.Inbox.Clear();
            client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "talk"u8));
            world.Run(0.02 * s_second);
            last = client.Inbox.Count > 0 ? world.Now : last;
            longest = world.Now - last > longest ? world.Now - last : longest;
        }
        return longest;
    }

    static NatBox Box(World world, string kind, string outside) => new(
        kind switch
        {
            "firewall" => NatBoxKind.Firewall,
            "full cone" => NatBoxKind.FullCone,
            "address-restricted" => NatBoxKind.AddressRestricted,
            "port-restricted" => NatBoxKind.PortRestricted,
            "sequential symmetric" => NatBoxKind.Sequential,
            _ => NatBoxKind.Random,
        },
        IpAddress.Parse(outside), null, world.Random);

    static SimNode AddBehind(World world, string name, string endpoint, NatBox box, bool exit)
    {
        var node = world.Add(name, endpoint, relay: true, exit: exit);
        world.Topology.Place(node.Endpoint.Address, box);
        node.Answer = Packets.Echo;
        return node;
    }

    static void Register(World world, SimNode node, SimNode[] relays, int introducers)
    {
        node.Node.Registrar.Candidates = [.. relays.Select(r => r.Candidate)];
        node.Do(() => node.Node.Registrar.Want(introducers, node.Identity, world.Now));
        world.RunUntil(() => node.Node.Registrar.Introducers.Count == introducers, 10 * s_second);
    }
}
