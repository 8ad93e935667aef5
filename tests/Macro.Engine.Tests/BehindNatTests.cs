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

    [Fact]
    public void A_circuit_outlives_a_NAT_that_loses_its_mappings()
    {
        var (world, client, relays) = Networks.Six(34);
        var box = Box(world, "random symmetric", "44.150.0.1");
        var exit = AddBehind(world, "home", "192.168.1.10:51820", box, exit: true);
        Register(world, exit, relays, introducers: 3);
        client.Node.Controller.Candidates = [.. relays.Where(r => !r.Candidate.IsExit).Select(r => r.Candidate), exit.CandidateBehindNat];
        client.Up(ConnectionMode.Balanced);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 10 * s_second);
        var circuit = client.Node.Controller.Carrying;
        box.Reboot();
        for (var i = 0; i < 30; i++)
        {
            client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, [(byte)i]));
            world.Run(TimeSpan.FromMilliseconds(500));
        }
        Assert.Equal(ConnectionState.Active, client.Node.Controller.Connection.State);
        client.Inbox.Clear();
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "still"u8));
        world.RunUntil(() => client.Inbox.Count > 0, 5 * s_second);
    }

    static NatBox Box(World world, string kind, string outside) => new(
        kind switch
        {
            "firewall" => NatKind.Firewall,
            "full cone" => NatKind.FullCone,
            "port-restricted" => NatKind.PortRestricted,
            "sequential symmetric" => NatKind.Sequential,
            _ => NatKind.Random,
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
