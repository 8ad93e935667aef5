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
    /// <param name="acquainted">They know each other from the beginning, and use no DHT.</param>
    /// <param name="regions">By number of the relay.</param>
    public SelfFinding(
        World world, int relays, NetworkKey? network = null, int first = 1, IReadOnlyList<Endpoint>? routers = null, bool acquainted = false,
        Func<int, string>? regions = null)
    {
        World = world;
        _first = first;
        // Work costs the same in every network, and tests have none to spend.
        _rules = DescriptorRules.For(network ?? NetworkKey.Public) with { WorkBits = 0 };
        _psk = _rules.Network.PresharedKey();
        Routers = routers ?? [At(0), At(1)];
        Relays = [.. Enumerable.Range(0, relays).Select(i => Add($"relay{first + i}", At(i).ToString(), relay: true, exit: i % 3 == 2, new DiscoveryOptions
        {
            Rules = _rules,
            Identity = NodeIdentity.Generate(world.Random),
            UsesDht = !acquainted,
        }, regions?.Invoke(i)))];
        if (acquainted)
            Acquaint();
        foreach (var relay in Relays)
        {
            relay.Answer = Packets.Echo;
            relay.Node.Relay.Directory = relay.Node.Discovery;
            relay.Node.Discovery!.Serve(relay.Membership!.Describe(relay), World.Now);
            relay.Wake();
        }
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
        IReadOnlyList<SignedDescriptor>? cached = null, IReadOnlyList<SimNode>? invited = null, bool usesDht = true, SamplerOptions? sampling = null)
    {
        var client = Add($"client{++_clients}", $"45.{_first + _clients}.0.1:5000", relay: false, exit: false, new DiscoveryOptions
        {
            Rules = _rules,
            Identity = NodeIdentity.Generate(World.Random),
            UsesDht = usesDht,
            Sampling = sampling ?? new SamplerOptions(),
            Cached = cached ?? [],
            Invited = [.. (invited ?? []).Select(relay => new Seed(relay.Membership!.Identity.Id, [relay.Endpoint]))],
        });
        client.Wake();
        return client;
    }

    public static bool IsUp(SimNode client) => client.Node.Controller.Connection.State == ConnectionState.Active;

    /// <summary>Virtual time until the client is connected.</summary>
    public TimeSpan Connect(SimNode client, TimeSpan limit, ConnectionMode mode = ConnectionMode.Private, string? region = null)
    {
        var began = World.Now;
        client.Up(mode, region);
        World.RunUntil(() => IsUp(client), limit);
        return World.Now - began;
    }

    Endpoint At(int i) => Endpoint.Parse($"44.{_first + i}.0.1:51820");

    void Acquaint()
    {
        var now = Instant.FromUnixSeconds(World.Now.UnixSeconds);
        SignedDescriptor[] all =
        [
            .. Relays.Select(relay => SignedDescriptor.Sign(
                relay.Membership!.Identity, _rules.Network, relay.Membership.Describe(relay) with { Epoch = Epoch.At(now), NotBefore = now }, now)),
        ];
        foreach (var relay in Relays)
            foreach (var signed in all)
                relay.Node.Discovery!.Offer(signed, Verification.Handshake, World.Now);
    }

    SimNode Add(string name, string at, bool relay, bool exit, DiscoveryOptions options, string? region = null)
    {
        var node = World.Add(name, at, relay, exit);
        node.Membership = new Membership(options.Identity, _rules) { Region = region ?? Descriptor.UnknownRegion };
        node.Node.Relay.Configure(node.Node.Relay.Options with { PresharedKey = _psk }, node.Node.Relay.Leases, World.Now);
        options = options with { PresharedKey = _psk, DhtRouters = [.. Routers.Where(r => r != node.Endpoint)] };
        node.Node.Discovery = new Discovery(options, node.Node.Controller.Position, node.Node.Indices, node.Node.Outbox, World.Random, World.Now);
        return node;
    }
}
