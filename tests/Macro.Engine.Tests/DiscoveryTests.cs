using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Engine.Tests;

/// <summary>A network that finds itself: 25 ms one way, virtual time.</summary>
public sealed class DiscoveryTests
{
    static readonly TimeSpan s_limit = TimeSpan.FromSeconds(8);

    [Fact]
    public void Relays_find_each_other_by_the_DHT_alone()
    {
        var network = new SelfFinding(new World(1), relays: 12).Settled();

        Assert.All(network.Relays, relay => Assert.All(
            relay.Node.Discovery!.Relays(network.World.Now),
            known => Assert.True(known.Verified >= Verification.Handshake)));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_client_with_an_empty_disk_is_connected_within_seconds(ulong seed)
    {
        var network = new SelfFinding(new World(seed), relays: 12).Settled();
        var client = network.Client();

        var taken = network.Connect(client, s_limit);

        Assert.InRange(taken, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Equal(BootstrapSource.Dht, client.Node.Discovery!.Describe(network.World.Now).FoundBy);
    }

    [Fact]
    public void A_client_that_was_here_before_needs_nothing_but_its_cache()
    {
        var network = new SelfFinding(new World(5), relays: 12).Settled();
        var first = network.Client();
        network.Connect(first, s_limit);
        network.World.Run(TimeSpan.FromMinutes(1));
        var cache = first.Node.Discovery!.Save(network.World.Now);
        network.Routers = [Endpoint.Parse("46.0.0.1:1")];

        var taken = network.Connect(network.Client(cached: cache), s_limit);

        Assert.InRange(taken, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_cache_whose_descriptors_have_expired_leads_to_fresh_ones()
    {
        var network = new SelfFinding(new World(6), relays: 12).Settled();
        var first = network.Client();
        network.Connect(first, s_limit);
        var cache = first.Node.Discovery!.Save(network.World.Now);
        network.World.Run(TimeSpan.FromHours(5));
        network.Routers = [Endpoint.Parse("46.0.0.1:1")];

        var taken = network.Connect(network.Client(cached: cache), s_limit);

        Assert.InRange(taken, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void An_invite_is_enough_without_any_DHT()
    {
        var network = new SelfFinding(new World(7), relays: 12, NetworkKey.Generate(new World(70).Random)).Settled();

        var taken = network.Connect(network.Client(invited: [network.Relays[3]], usesDht: false), s_limit);

        Assert.InRange(taken, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void Of_an_invite_one_relay_that_lives_is_enough()
    {
        var network = new SelfFinding(new World(8), relays: 12).Settled();
        network.World.Kill(network.Relays[3]);
        network.World.Kill(network.Relays[4]);

        var client = network.Client(invited: [network.Relays[3], network.Relays[4], network.Relays[5]], usesDht: false);

        // The directory lists the dead until their descriptors expire: it may take more than one attempt to a circuit.
        network.Connect(client, TimeSpan.FromSeconds(30));

        Assert.InRange(client.Node.Discovery!.Describe(network.World.Now).FirstRelayAfter!.Value, TimeSpan.Zero, TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void With_no_way_into_the_DHT_the_client_says_what_it_tries_and_goes_on()
    {
        var network = new SelfFinding(new World(10), relays: 6).Settled();
        network.Routers = [Endpoint.Parse("46.0.0.1:1")];
        var client = network.Client();
        client.Up(ConnectionMode.Private);
        network.World.Run(TimeSpan.FromSeconds(3));
        Assert.Equal((ConnectionState.Connecting, ConnectPhase.FindingRelays), (client.Node.Controller.Connection.State, client.Node.Controller.Connection.Phase));
        Assert.Equal(BootstrapSource.Dht, client.Node.Discovery!.Searching);
        network.World.Run(TimeSpan.FromSeconds(20));
        Assert.Equal(ConnectionState.Waiting, client.Node.Controller.Connection.State);
        Assert.Equal("No relay was found so far.", client.Node.Controller.Connection.Problem);

        client.Node.Discovery.AddRouters([network.Relays[0].Endpoint]);
        network.World.RunUntil(() => SelfFinding.IsUp(client), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public void While_relays_are_found_one_by_one_the_client_does_not_despair()
    {
        var network = new SelfFinding(new World(15), relays: 12).Settled();
        var client = network.Client();
        client.Up(ConnectionMode.Private);
        for (var i = 0; i < 10; i++)
            client.Node.Controller.Retry(network.World.Now);

        network.World.RunUntil(
            () =>
            {
                Assert.NotEqual(ConnectionState.Waiting, client.Node.Controller.Connection.State);
                return SelfFinding.IsUp(client);
            },
            s_limit);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(18)]
    public void An_exit_of_a_country_that_is_not_in_the_sample_is_searched_for(ulong seed)
    {
        // Of three shards the client takes one: the only exit in Iceland is mostly not in it.
        var network = new SelfFinding(new World(seed), relays: 140, acquainted: true, regions: i => i == 80 ? "IS" : "NL");
        var client = network.Client(invited: [.. network.Relays.Take(3)], usesDht: false, sampling: new SamplerOptions { Shards = 1, LargestMatch = 1 });

        network.Connect(client, TimeSpan.FromSeconds(30), ConnectionMode.Balanced, "IS");

        Assert.Equal("IS", client.Node.Controller.Carrying!.Exit.Target.Region);
    }

    [Fact]
    public void Who_lists_the_endpoint_and_the_key_of_another_is_not_passed_on()
    {
        var network = new SelfFinding(new World(20), relays: 6).Settled();
        var (victim, witness, now) = (network.Relays[0], network.Relays[1], Instant.FromUnixSeconds(network.World.Now.UnixSeconds));
        var thief = NodeIdentity.Generate(network.World.Random);
        var claim = SignedDescriptor.Sign(thief, NetworkKey.Public, victim.Membership!.Describe(victim) with { Epoch = Epoch.At(now), NotBefore = now }, now);

        witness.Node.Discovery!.Offer(claim, Verification.File, network.World.Now);
        witness.Wake();
        network.World.Run(TimeSpan.FromMinutes(2));

        Assert.All(network.Relays, relay => Assert.DoesNotContain(relay.Node.Discovery!.Relays(network.World.Now), known => known.Signed.Id == thief.Id));
    }

    [Fact]
    public void Relays_find_their_places_from_what_they_measure_of_each_other()
    {
        var network = new SelfFinding(new World(21), relays: 12).Settled();

        network.World.Run(TimeSpan.FromHours(1));

        // 25 ms one way between any two.
        var places = network.Relays[0].Node.Discovery!.Relays(network.World.Now).Select(known => known.Signed.Descriptor.Coordinates).ToArray();
        Assert.All(places, place => Assert.False(place.IsUnknown()));
        var foretold = places.SelectMany((a, i) => places.Skip(i + 1).Select(b => a.RoundTrip(b)!.Value.TotalMilliseconds)).Order().ToArray();
        Assert.InRange(foretold[foretold.Length / 2], 35, 65);
    }

    [Fact]
    public void Two_networks_on_one_DHT_never_mix()
    {
        var world = new World(11);
        var mine = new SelfFinding(world, relays: 9, NetworkKey.Generate(world.Random), first: 1);
        var theirs = new SelfFinding(world, relays: 9, NetworkKey.Generate(world.Random), first: 101, routers: mine.Routers);
        mine.Settled();
        theirs.Settled();
        var (one, other) = (mine.Client(), theirs.Client());
        mine.Connect(one, s_limit);
        theirs.Connect(other, s_limit);
        world.Run(TimeSpan.FromMinutes(2));

        Check(mine, one);
        Check(theirs, other);

        static void Check(SelfFinding network, SimNode client)
        {
            var members = network.Relays.Select(r => r.Membership!.Identity.Id).ToHashSet();
            foreach (var node in network.Relays.Append(client))
                Assert.All(node.Node.Discovery!.Relays(network.World.Now), known => Assert.Contains(known.Signed.Id, members));
        }
    }

    [Fact]
    public void Who_knows_an_address_and_not_the_network_gets_no_session()
    {
        var world = new World(12);
        var network = new SelfFinding(world, relays: 6, NetworkKey.Generate(world.Random)).Settled();
        var stranger = new Adversary(world, "47.0.0.1:5000", network.Relays[0]);

        stranger.Initiate();
        world.Run(TimeSpan.FromSeconds(3));

        Assert.False(stranger.Tunnel.IsConnected(world.Now));
    }

    [Fact]
    public void After_the_first_circuit_nothing_leaves_the_client_but_to_its_entry()
    {
        var network = new SelfFinding(new World(13), relays: 12).Settled();
        var client = network.Client();
        network.Connect(client, s_limit);
        // Answers that are under way, and the farewell of the links of the search.
        network.World.Run(TimeSpan.FromMilliseconds(200));
        var entry = client.Node.Controller.Carrying!.Entry;
        var elsewhere = 0;
        network.World.Tap = (from, to, datagram) => elsewhere += from == client.Endpoint && (to != entry || datagram[0] == (byte)'d') ? 1 : 0;

        network.World.Run(TimeSpan.FromHours(2));

        Assert.True(SelfFinding.IsUp(client));
        Assert.Equal(0, elsewhere);
        // And yet it knows the network as it is now.
        Assert.True(client.Node.Discovery!.Relays(network.World.Now).Count >= 10);
    }

    [Fact]
    public void A_client_that_wants_nothing_says_nothing()
    {
        var network = new SelfFinding(new World(14), relays: 6).Settled();
        var client = network.Client();
        var said = 0;
        network.World.Tap = (from, _, _) => said += from == client.Endpoint ? 1 : 0;

        network.World.Run(TimeSpan.FromHours(1));

        Assert.Equal(0, said);
    }
}
