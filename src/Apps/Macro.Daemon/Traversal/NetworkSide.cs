using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Daemon.Devices;
using Macro.Daemon.Pump;
using Macro.Daemon.Settings;
using Macro.Linux;
using Macro.Nat.Classification;
using Macro.Nat.Stun;
using Macro.Peers;

namespace Macro.Daemon.Traversal;

/// <summary>
/// The node's own place in the network: a relay has the router open its port, looks every 20 minutes how others see it, and
/// whoever asks gets told what was found. A node that is only a client asks nobody of itself, since every relay that it asks
/// learns its address.
/// </summary>
sealed class NetworkSide : IAsyncDisposable
{
    static readonly TimeSpan s_lookEvery = TimeSpan.FromMinutes(20);
    const int MostRelaysAsked = 8, MostRelaysShown = 5;

    readonly NodeSettings _settings;
    readonly NodeThreads _threads;
    readonly PortMappings _mappings;
    readonly uint _mark;
    readonly SemaphoreSlim _turn = new(1, 1);
    readonly CancellationTokenSource _stopping = new();
    Task _looking = Task.CompletedTask;

    public NetworkSide(NodeSettings settings, NodeThreads threads, NodeIdentity identity, uint mark)
    {
        (_settings, _threads, _mark) = (settings, threads, Machine.MayConfigureNetworks ? mark : 0);
        _mappings = new PortMappings(threads.Sockets[0].Port, Secret(identity), _mark, threads.Clock, state =>
            _ = threads.RunAsync(() => threads.Node.Traversal.ObserveGateway(state.Mapping, state.Pinhole, state.Found.Count > 0, threads.Clock.Now)));
    }

    /// <summary>On the owner thread, once.</summary>
    public void Configure()
    {
        var traversal = _threads.Node.Traversal;
        traversal.Configure(
            _settings.Network.Static ? VoteRules.Private : VoteRules.Internet, _threads.Sockets[0].Port, _settings.Relay.Endpoints, _threads.Clock.Now);
        traversal.SetOwn(Own());
    }

    public async Task SetRelayAsync(bool enabled)
    {
        if (enabled && _settings.Relay.PortMapping && _settings.Relay.Endpoints.Count == 0)
            _mappings.Start();
        else
            await _mappings.StopAsync();
        if (enabled && _looking.IsCompleted && !_stopping.IsCancellationRequested)
            _looking = LookAsync(_stopping.Token);
    }

    /// <summary>One at a time: a second one waits for the first, and then looks anew.</summary>
    public async Task<NetcheckAnswer> CheckAsync(CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            var (servers, relays) = await _threads.RunAsync(Servers);
            var own = Own();
            var families = await Task.WhenAll(
                NetworkExamination.RunAsync(_threads, v4: true, servers, own, _mark, cancel),
                NetworkExamination.RunAsync(_threads, v4: false, servers, own, _mark, cancel));
            var outside = await _threads.RunAsync(() => _threads.Node.Traversal.V4.Outside);
            if (!outside.IsNone)
                _mappings.Observe(outside.Address);
            var answers = families.SelectMany(family => family ?? []).ToList();
            return await _threads.RunAsync(() => NetcheckWords.Describe(
                _threads.Node.Traversal, _mappings.State, answers, Nearest(answers, relays), _threads.Node.Tcp.Connections, _threads.Clock.Now));
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _mappings.DisposeAsync();
        await _looking;
        _stopping.Dispose();
        _turn.Dispose();
    }

    async Task LookAsync(CancellationToken cancel)
    {
        try
        {
            using var timer = new PeriodicTimer(s_lookEvery);
            do
                await CheckAsync(cancel);
            while (await timer.WaitForNextTickAsync(cancel));
        }
        catch (Exception e) when (e is OperationCanceledException or NodeException or System.Net.Sockets.SocketException)
        {
            // The node stops, or has no network now.
        }
    }

    /// <summary>On the owner thread: whom to ask, and the relays among them.</summary>
    (Endpoint[] Servers, Dictionary<Endpoint, Candidate> Relays) Servers()
    {
        var candidates = _threads.Node.Controller.Candidates.ToArray();
        SystemRandom.Shared.Shuffle(candidates.AsSpan());
        var relays = candidates.Take(MostRelaysAsked)
            .SelectMany(candidate => candidate.Endpoints.Select(endpoint => (Endpoint: endpoint, Candidate: candidate)))
            .DistinctBy(pair => pair.Endpoint)
            .ToDictionary(pair => pair.Endpoint, pair => pair.Candidate);
        return ([.. _settings.Node.StunServers, .. relays.Keys], relays);
    }

    static IReadOnlyList<RelayLatency> Nearest(IEnumerable<BindingResult> answers, Dictionary<Endpoint, Candidate> relays) =>
    [
        .. (from answer in answers
            where relays.ContainsKey(answer.Server)
            group answer by relays[answer.Server] into relay
            let rtt = relay.Min(answer => answer.RoundTrip.TotalMilliseconds)
            orderby rtt
            select new RelayLatency { NodeId = relay.Key.Target.Name, Region = relay.Key.Region, RttMs = Math.Round(rtt, 1) }).Take(MostRelaysShown),
    ];

    HashSet<Endpoint> Own() => [.. Local.OutsideAddresses().Select(address => new Endpoint(address, _threads.Sockets[0].Port))];

    /// <summary>Survives restarts with the identity, and tells nothing about it.</summary>
    static byte[] Secret(NodeIdentity identity)
    {
        Span<byte> signature = stackalloc byte[64];
        identity.Sign("macro port mapping 1"u8, signature);
        Span<byte> hash = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(hash, signature);
        return hash[..16].ToArray();
    }
}
