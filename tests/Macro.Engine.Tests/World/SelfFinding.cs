using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Engine.Tests;

/// <summary>A network of relays that find each other by a DHT of their own, and clients that find them.</summary>
sealed class SelfFinding
{
    readonly SecretBytes? _psk;
    readonly DescriptorRules _rules;
    readonly int _first;
    int _clients;

    /// <param name="network">Null: the public one.</param>
    /// <param name="relays">So many, every third an exit; the first two are the way into the DHT.</param>
    /// <param name="first">Relays stand at 44.FIRST.0.1 and on.</param>
    public SelfFinding(World world, int relays, NetworkKey? network = null, int first = 1, IReadOnlyList<Endpoint>? routers = null)
    {
        World = world;
        _first = first;
        // Work costs the same in every network, and tests have none to spend.
        _rules = DescriptorRules.For(network ?? NetworkKey.Public) with { WorkBits = 0 };
        _psk = _rules.Network.PresharedKey();
        Routers = routers ?? [At(0), At(1)];
        Relays = [.. Enumerable.Range(0, relays).Select(i => Add($"relay{first + i}", At(i), relay: true, exit: i % 3 == 2))];
        foreach (var relay in Relays)
            relay.Answer = Packets.Echo;
    }

    public World World { get; }

    public SimNode[] Relays { get; }

    /// <summary>Where the DHT is entered.</summary>
    public IReadOnlyList<Endpoint> Routers { get; set; }

    /// <summary>What the relays know, once they all know each other.</summary>
    public SelfFinding Settled()
    {
        World.RunUntil(() => Relays.All(r => r.Node.Discovery!.Relays(World.Now).Count == Relays.Length), TimeSpan.FromMinutes(5));
        return this;
    }

    public SimNode Client(
        IReadOnlyList<SignedDescriptor>? cached = null, IReadOnlyList<SimNode>? invited = null, bool usesDht = true) =>
        Add($"client{++_clients}", $"45.{_first + _clients}.0.1:5000", relay: false, exit: false, cached, invited, usesDht);

    public static bool IsUp(SimNode client) => client.Node.Controller.Connection.State == ConnectionState.Active;

    /// <summary>Virtual time until the client is connected.</summary>
    public TimeSpan Connect(SimNode client, TimeSpan limit, ConnectionMode mode = ConnectionMode.Private)
    {
        var began = World.Now;
        client.Up(mode);
        World.RunUntil(() => IsUp(client), limit);
        return World.Now - began;
    }

    Endpoint At(int i) => Endpoint.Parse($"44.{_first + i}.0.1:51820");

    SimNode Add(string name, Endpoint at, bool relay, bool exit) => Add(name, at.ToString(), relay, exit, null, null, true);

    SimNode Add(string name, string at, bool relay, bool exit, IReadOnlyList<SignedDescriptor>? cached, IReadOnlyList<SimNode>? invited, bool usesDht)
    {
        var node = World.Add(name, at, relay, exit);
        node.Membership = new Membership(NodeIdentity.Generate(World.Random), _rules);
        node.Node.Relay.Configure(node.Node.Relay.Options with { PresharedKey = _psk }, node.Node.Relay.Leases, World.Now);
        var options = new DiscoveryOptions
        {
            Rules = _rules,
            Identity = node.Membership.Identity,
            PresharedKey = _psk,
            UsesDht = usesDht,
            DhtRouters = [.. Routers.Where(r => r != node.Endpoint)],
            Cached = cached ?? [],
            Invited = [.. (invited ?? []).Select(relay => new Seed(relay.Membership!.Identity.Id, [relay.Endpoint]))],
        };
        node.Node.Discovery = new Discovery(options, node.Node.Indices, node.Node.Outbox, World.Random, World.Now);
        if (relay)
        {
            node.Node.Relay.Directory = node.Node.Discovery;
            node.Node.Discovery.Serve(node.Membership.Describe(node), World.Now);
        }
        node.Wake();
        return node;
    }
}
