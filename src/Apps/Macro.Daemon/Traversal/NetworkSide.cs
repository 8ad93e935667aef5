using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Daemon.Devices;
using Macro.Daemon.Pump;
using Macro.Daemon.Settings;
using Macro.Engine;
using Macro.Linux;
using Macro.Nat.Classification;
using Macro.Nat.Stun;
using Macro.Peers;

namespace Macro.Daemon.Traversal;

/// <summary>
/// The node's own place in the network: a relay has the router open its port, looks every 20 minutes how others see it and
/// how long the NAT remembers, has strangers try the endpoints that might lead to it, and whoever asks gets told what was
/// found. A node that is only a client asks nobody of itself, since every relay that it asks learns its address.
/// </summary>
sealed class NetworkSide : IAsyncDisposable
{
    static readonly TimeSpan s_lookEvery = TimeSpan.FromMinutes(20), s_tryEvery = TimeSpan.FromSeconds(2);

    /// <summary>Until then a relay behind a NAT has found its introducers, whom it need not ask as strangers.</summary>
    static readonly TimeSpan s_settling = TimeSpan.FromSeconds(3);

    const int MostRelaysAsked = 8, EnoughRelaysAsked = 4, MostRelaysShown = 5;

    /// <summary>Relays to which nothing is sent if it can be helped: they are to show whether strangers get through.</summary>
    const int Strangers = 4;

    readonly NodeSettings _settings;
    readonly NodeThreads _threads;
    readonly PortMappings _mappings;
    readonly Func<Endpoint, SignedDescriptor> _sign;
    readonly uint _mark;
    readonly SemaphoreSlim _turn = new(1, 1);
    CancellationTokenSource? _relaying;
    Task _working = Task.CompletedTask;

    /// <param name="sign">This node's descriptor with a single endpoint.</param>
    public NetworkSide(NodeSettings settings, NodeThreads threads, NodeIdentity identity, Func<Endpoint, SignedDescriptor> sign, uint mark)
    {
        (_settings, _threads, _sign, _mark) = (settings, threads, sign, Machine.MayConfigureNetworks ? mark : 0);
        _mappings = new PortMappings(threads.Sockets[0].Port, Secret(identity), _mark, threads.Clock, () => (DefaultGateway.FindV4(), DefaultGateway.FindV6()), state =>
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

    /// <summary>Whether this node relays: only then it needs an open port, and only then it looks at itself unasked.</summary>
    public async Task SetRelayAsync(bool enabled)
    {
        if (!enabled)
            await StopAsync();
        else if (_relaying is null)
        {
            _relaying = new CancellationTokenSource();
            _working = Task.WhenAll(LookAsync(_relaying.Token), TryAsync(_relaying.Token));
            if (_settings.Relay.PortMapping && _settings.Relay.Endpoints.Count == 0)
                _mappings.Start();
        }
    }

    /// <summary>One at a time: a second one waits for the first, and then looks anew.</summary>
    public async Task<NetcheckAnswer> CheckAsync(CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            var (servers, relays) = await _threads.RunAsync(Servers);
            var families = await Task.WhenAll(ExamineAsync(v4: true, servers, false, cancel), ExamineAsync(v4: false, servers, false, cancel));
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
        await StopAsync();
        _turn.Dispose();
    }

    /// <summary>Nothing is asked any more, and the router closes what it opened.</summary>
    async Task StopAsync()
    {
        if (_relaying is not { } relaying)
            return;
        _relaying = null;
        await relaying.CancelAsync();
        await _mappings.StopAsync();
        await _working;
        relaying.Dispose();
    }

    async Task LookAsync(CancellationToken cancel)
    {
        try
        {
            using var timer = new PeriodicTimer(s_lookEvery);
            await Task.Delay(s_settling, cancel);
            do
            {
                await CheckAsync(cancel);
                var (servers, _) = await _threads.RunAsync(Servers);
                if (await _threads.RunAsync(() => _threads.Node.Traversal.MayLearnLifetime))
                    await ExamineAsync(v4: true, servers, learnLifetime: true, cancel);
            }
            while (await timer.WaitForNextTickAsync(cancel));
        }
        catch (Exception e) when (e is OperationCanceledException or NodeException or System.Net.Sockets.SocketException)
        {
            // The node stops, or has no network now.
        }
    }

    /// <summary>Strangers are led to endpoints that are not proven, or not lately. Signing takes work, so it is done here.</summary>
    async Task TryAsync(CancellationToken cancel)
    {
        try
        {
            using var timer = new PeriodicTimer(s_tryEvery);
            while (await timer.WaitForNextTickAsync(cancel))
            {
                var node = _threads.Node;
                var endpoint = await _threads.RunAsync(() => node.NextToTry(_threads.Clock.Now));
                if (endpoint.IsNone)
                    continue;
                var signed = _sign(endpoint);
                await _threads.RunAsync(() =>
                {
                    node.Try(HopTarget.Of(signed, endpoint, node.Relay.Options.PresharedKey), _threads.Clock.Now);
                    node.Observe(_threads.Clock.Now);
                });
            }
        }
        catch (Exception e) when (e is OperationCanceledException or NodeException)
        {
            // The node stops.
        }
    }

    Task<IReadOnlyList<BindingResult>?> ExamineAsync(bool v4, IReadOnlyList<Endpoint> servers, bool learnLifetime, CancellationToken cancel) =>
        NetworkExamination.RunAsync(_threads, v4, servers, Own(), learnLifetime, _mark, cancel);

    /// <summary>On the owner thread: whom to ask, and the relays among them.</summary>
    (Endpoint[] Servers, Dictionary<Endpoint, Candidate> Relays) Servers()
    {
        var candidates = _threads.Node.Controller.Candidates.Where(candidate => candidate.IsPublic).ToArray();
        SystemRandom.Shared.Shuffle(candidates.AsSpan());
        var now = _threads.Clock.Now;
        var strangers = candidates.ToLookup(candidate => candidate.Endpoints.All(endpoint => _threads.Node.Contacts.IsStranger(endpoint.Address, now)));
        var known = strangers[false].Take(MostRelaysAsked).ToArray();
        var more = Math.Max(EnoughRelaysAsked - known.Length, Math.Min(MostRelaysAsked - known.Length, strangers[true].Count() - Strangers));
        var relays = known.Concat(strangers[true].Take(Math.Max(0, more)))
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

    HashSet<Endpoint> Own() => [.. Local.OutsideAddresses(_settings).Select(address => new Endpoint(address, _threads.Sockets[0].Port))];

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
