using Macro.Circuits;
using Macro.Core;
using Macro.Nat.Classification;
using Macro.Nat.PortMapping;
using Macro.Nat.Reachability;
using Macro.Simulation;

namespace Macro.Engine.Tests;

/// <summary>A relay behind a NAT finds out whether the port that its router opened lets strangers in.</summary>
public class SelfTestTests
{
    static readonly Endpoint s_outside = Endpoint.Parse("44.150.0.1:51820");

    [Fact]
    public void An_endpoint_that_lets_strangers_in_is_proven_by_two_of_them()
    {
        var (world, home, _) = Home(NatBoxKind.FullCone);

        Assert.Empty(home.Node.Traversal.Standing.Endpoints);
        KeepTrying(world, home, TimeSpan.FromMinutes(1));

        Assert.Equal([s_outside], home.Node.Traversal.Standing.Endpoints);
        Assert.Equal(NodeRole.Public, home.Node.Traversal.Standing.Role);
        // Circuits for it leave nothing behind.
        Assert.Equal(0, home.Node.Relay.Sessions);
    }

    [Fact]
    public void It_stays_proven_as_long_as_strangers_come_and_not_an_hour_longer()
    {
        var (world, home, relays) = Home(NatBoxKind.FullCone);
        KeepTrying(world, home, TimeSpan.FromHours(3));
        Assert.Equal([s_outside], home.Node.Traversal.Standing.Endpoints);

        world.Cut = (from, to) => to.Address == s_outside.Address && relays[3..].Any(relay => relay.Endpoint == from);
        KeepTrying(world, home, TimeSpan.FromHours(1.5));
        Assert.Empty(home.Node.Traversal.Standing.Endpoints);
        Assert.Equal(NodeRole.Introduced, home.Node.Traversal.Standing.Role);
    }

    [Fact]
    public void A_port_that_lets_in_answers_only_is_never_proven()
    {
        var (world, home, _) = Home(NatBoxKind.PortRestricted);
        KeepTrying(world, home, TimeSpan.FromHours(1));
        Assert.Empty(home.Node.Traversal.Standing.Endpoints);
        Assert.Equal(NodeRole.Introduced, home.Node.Traversal.Standing.Role);
    }

    [Fact]
    public void Where_all_relays_have_been_sent_to_nobody_is_asked()
    {
        var (world, home, relays) = Home(NatBoxKind.PortRestricted);
        foreach (var relay in relays)
            home.Node.Contacts.Note(relay.Endpoint.Address, world.Now);
        Assert.True(home.Node.NextToTry(world.Now).IsNone);
        Assert.Equal(s_outside, home.Node.NextToTry(world.Now + Contacts.Memory));
    }

    [Fact]
    public void A_stranger_that_cannot_be_reached_says_nothing_about_the_endpoint()
    {
        var (world, home, relays) = Home(NatBoxKind.FullCone);
        foreach (var relay in relays[3..])
            world.Kill(relay);
        KeepTrying(world, home, TimeSpan.FromMinutes(10));
        foreach (var relay in relays[3..])
            world.Revive(relay);
        KeepTrying(world, home, TimeSpan.FromMinutes(20));
        Assert.Equal([s_outside], home.Node.Traversal.Standing.Endpoints);
    }

    [Fact]
    public void Who_has_introducers_is_told_so()
    {
        var (_, home, _) = Home(NatBoxKind.PortRestricted);
        Assert.Equal(NodeRole.Introduced, home.Node.Traversal.Standing.Role);
    }

    /// <summary>Six relays, of which three introduce a node behind a NAT whose router says that a port is open.</summary>
    static (World, SimNode, SimNode[]) Home(NatBoxKind kind)
    {
        var (world, _, relays) = Networks.Six(41);
        var home = world.Add("home", "192.168.1.10:51820", relay: true);
        world.Topology.Place(home.Endpoint.Address, new NatBox(kind, s_outside.Address, null, world.Random));
        home.Node.SetCandidates([.. relays[..3].Select(relay => relay.Candidate)]);
        home.Do(() =>
        {
            home.Node.Traversal.Configure(VoteRules.Internet, 51820, [], world.Now);
            home.Node.Registrar.Want(3, home.Identity, world.Now);
        });
        world.RunUntil(() => home.Node.Registrar.Introducers.Count == 3, TimeSpan.FromSeconds(10));
        home.Node.SetCandidates([.. relays.Select(relay => relay.Candidate)]);
        home.Do(() => home.Node.Traversal.ObserveGateway(
            new Mapping { Protocol = MappingProtocol.Pcp, Outside = s_outside, InternalPort = 51820, Ends = Instant.Never, Trust = MappingTrust.Confirmed },
            null, offers: true, world.Now));
        return (world, home, relays);
    }

    /// <summary>What the shell does every two seconds.</summary>
    static void KeepTrying(World world, SimNode home, TimeSpan time)
    {
        for (var end = world.Now + time; world.Now < end; world.Run(TimeSpan.FromSeconds(2)))
            if (home.Node.NextToTry(world.Now) is { IsNone: false } endpoint)
                home.Do(() => home.Node.Try(home.Candidate.Target with { Endpoint = endpoint, Descriptor = SimNode.Describe(endpoint) }, world.Now));
    }
}
