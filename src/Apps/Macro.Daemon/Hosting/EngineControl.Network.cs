using Macro.Api;
using Macro.Core;
using Macro.Engine;
using Macro.Linux;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>The node's place in its network: entering and leaving, what it says as a relay, what it keeps for the next start.</summary>
sealed partial class EngineControl
{
    /// <summary>Relays that an invite names: one that lives is enough, and a QR code has little room.</summary>
    const int MostInvited = 4;

    long _savedVersion = -1;
    bool _routersFound;

    public async Task EnterNetworkAsync(CancellationToken cancel)
    {
        var wanted = await Threads.RunAsync(() => Node.Controller.Main is null ? null : Node.Controller.Connection.Request);
        await DownAsync(cancel);
        cache.Forget();
        await FindNetworkAsync();
        if (wanted is not null)
            await ConnectAsync(wanted);
        if (await Threads.RunAsync(() => Node.Relay.Options.IsRelay))
            await FindRoutersAsync();
    }

    public Task<IReadOnlyList<PeerEntry>> PeersAsync(CancellationToken cancel) => Threads.RunAsync<IReadOnlyList<PeerEntry>>(() =>
    {
        var now = Threads.Clock.Now;
        var known = Node.Discovery?.Relays(now)
            ?? directory.Current().Select(signed => new KnownRelay(signed, signed.Id == keys.Identity.Id ? Verification.Self : Verification.File));
        return [.. known.Select(relay => NetworkWords.Describe(relay, now))];
    });

    public Task<NetworkStatusAnswer> NetworkStatusAsync(CancellationToken cancel) => Threads.RunAsync(() =>
    {
        var (now, membership) = (Threads.Clock.Now, network.Current);
        if (Node.Discovery is { } discovery)
            return NetworkWords.Describe(discovery.Describe(now), membership.Name, membership.Kind);
        var known = directory.Current();
        return new NetworkStatusAnswer
        {
            Name = membership.Name,
            Kind = membership.Kind,
            Epoch = Epoch.At(now),
            Relays = known.Count,
            Exits = known.Count(signed => signed.Descriptor.IsExit),
            EstimatedRelays = known.Count,
        };
    });

    public Task<IReadOnlyList<Seed>> SeedsAsync(CancellationToken cancel) => Threads.RunAsync<IReadOnlyList<Seed>>(() =>
    {
        var seeds = new List<Seed>();
        if (Node.Relay.Options.IsRelay && own.Endpoints.Count > 0)
            seeds.Add(new Seed(keys.Identity.Id, own.Endpoints));
        var others = (Node.Discovery?.Relays(Threads.Clock.Now) ?? [])
            .Where(relay => relay.Verified >= Verification.Agreed && relay.Signed.Id != keys.Identity.Id && relay.Signed.Descriptor.Endpoints.Count > 0).ToArray();
        SystemRandom.Shared.Shuffle<KnownRelay>(others);
        seeds.AddRange(others.Take(MostInvited - seeds.Count).Select(relay => new Seed(relay.Signed.Id, relay.Signed.Descriptor.Endpoints)));
        return seeds;
    });

    /// <summary>Begins to look for the network that the node is in now; nothing of another one stays.</summary>
    async Task FindNetworkAsync()
    {
        var before = _discovery;
        _discovery = network.Current.IsStatic ? null : entrance.Options(Threads.HasV6, OwnEndpoints(Threads.Sockets[0].Port));
        (_savedVersion, _routersFound) = (-1, false);
        await Threads.RunAsync(() =>
        {
            var now = Threads.Clock.Now;
            Node.Discovery?.Close(now);
            Node.Discovery = _discovery is null ? null : new Discovery(_discovery, Node.Controller.Position, Node.Indices, Node.Outbox, SystemRandom.Shared, now);
            Node.Relay.Directory = Node.Discovery;
            _verifier!.Rules = network.Current.Rules;
            Node.SetCandidates([]);
            RefreshCandidates();
            Configure(o => o with { PresharedKey = _discovery?.PresharedKey }, Node.Relay.Leases);
        });
        before?.PresharedKey?.Dispose();
    }

    /// <summary>On the owner thread: this relay, or that there is none here.</summary>
    void Announce()
    {
        if (Node.Discovery is not { } discovery)
            return;
        var options = Node.Relay.Options;
        var content = own.Content(options.IsExit);
        discovery.Serve(options.IsRelay && content.Endpoints.Count + content.Introducers.Count > 0 ? content : null, Threads.Clock.Now);
    }

    /// <summary>Names of DHT routers are looked up once, and only when the DHT is to be entered.</summary>
    async Task FindRoutersAsync()
    {
        if (_routersFound || _discovery is not { UsesDht: true, DhtRouters.Count: 0 })
            return;
        _routersFound = true;
        var found = await entrance.ResolveRoutersAsync(Threads.HasV6, _stopping.Token);
        await Threads.RunAsync(() => Node.Discovery?.AddRouters(found));
    }

    /// <summary>Relays for the next start, when they are others than at the last time; and on a relay its place in the DHT.</summary>
    async Task SaveAsync()
    {
        var (version, relays, dht) = await Threads.RunAsync<(long, IReadOnlyList<SignedDescriptor>?, byte[]?)>(() => Node.Discovery is not { } discovery
            ? (-1, null, null)
            : (discovery.Version, discovery.Save(Threads.Clock.Now), Node.Relay.Options.IsRelay ? discovery.Dht.Save(Threads.Clock.Now) : null));
        if (relays is null || relays.Count == 0 || version == _savedVersion)
            return;
        _savedVersion = version;
        cache.Save(relays);
        if (dht is not null)
            cache.SaveDht(dht);
    }
}
