using Macro.Circuits;
using Macro.Core;
using Macro.Dht;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// How the node finds its network: routes each input to the part that it is for, and what one part finds to those that
/// want it. A client looks for relays only while a connection is wanted, and once its circuit stands asks by way of it
/// alone; the DHT is then left. A relay takes part in both layers for as long as it serves.
/// </summary>
public sealed class Discovery : IDirectoryService
{
    /// <summary>Relays that are kept for the next start.</summary>
    public const int MostCached = 200;

    readonly DiscoveryOptions _options;
    readonly IRandom _random;
    readonly KnownRelays _relays;
    readonly DirectoryLinks _links;
    readonly Questions _relayQuestions, _clientQuestions;
    readonly BootstrapSources _sources;
    readonly TopicSearch _topics;
    readonly ClientPart _client;
    readonly RelayPart _relay;
    readonly List<Endpoint> _routers;
    Instant? _wantedSince;
    bool _isWanted, _isConnected, _lacks;

    /// <param name="position">Where this node stands: told of every round trip that is measured, and published by a relay.</param>
    public Discovery(DiscoveryOptions options, Vivaldi position, IndexTable indices, Outbox outbox, IRandom random, Instant now)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_options, _random) = (options, random);
        _routers = options.UsesDht ? [.. options.DhtRouters] : [];
        Dht = new DhtNode(new DhtOptions { V6 = options.HasV6, Bootstrap = _routers, Local = options.IsLocal, ReadOnly = true }, random, outbox, now);
        if (!options.SavedDht.IsEmpty)
            Dht.TryLoad(options.SavedDht.Span, now);
        _relays = new KnownRelays(options.Rules);
        _links = new DirectoryLinks(indices, outbox, random);
        (_relayQuestions, _clientQuestions) = (new Questions(_links), new Questions(_links));
        _topics = new TopicSearch(Dht, options.Rules, random);
        _client = new ClientPart(_clientQuestions, options, position, random, Sampled);
        _relay = new RelayPart(_relays, _relayQuestions, Dht, options, position, random);
        _sources = new BootstrapSources(There(options), random);
    }

    public DhtNode Dht { get; }

    /// <summary>Goes up whenever <see cref="Candidates"/> would tell something else.</summary>
    public long Version => _relays.Version;

    /// <summary>Where relays are being looked for; null while that is not needed.</summary>
    public BootstrapSource? Searching => _sources.Current;

    /// <summary>Every source has had its time since the search began, and too few relays were found.</summary>
    public bool SearchFailed => _sources.IsSearching && _sources.Rounds > 0;

    /// <summary>The DHT is to be entered, and no way in is known.</summary>
    public bool NeedsRouters => _options.UsesDht && _routers.Count == 0 && IsDhtActive;

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Min(Instant.Min(_links.NextTimeout, _sources.NextTimeout), Instant.Min(_client.NextTimeout, _relay.NextTimeout));
            return IsDhtActive ? Instant.Min(next, Instant.Min(Dht.NextTimeout, _topics.NextTimeout)) : next;
        }
    }

    bool IsDhtActive => _relay.IsOn || (_isWanted && !_isConnected);

    /// <summary>Relays to choose hops from.</summary>
    public IReadOnlyList<Candidate> Candidates(Instant now) =>
        HopTargets.ToCandidates(_relays.Directory.Current(now), _options.Self, _options.HasV6, _options.PresharedKey);

    public IReadOnlyList<KnownRelay> Relays(Instant now) => [.. _relays.Current(now)];

    public void AddRouters(IEnumerable<Endpoint> routers) => _routers.AddRange(routers);

    /// <summary>
    /// What this node says about itself as a relay, but for times and work, which are filled in here; to be called after
    /// every change of it. Null: it is none.
    /// </summary>
    public void Serve(Descriptor? content, Instant now)
    {
        _relay.SetContent(content, now);
        Dht.ReadOnly = content is null;
        Step(now);
    }

    /// <summary>A descriptor that came in a file, or from an earlier run; verified.</summary>
    public void Offer(SignedDescriptor signed, Verification how, Instant now)
    {
        ArgumentNullException.ThrowIfNull(signed);
        if (now < signed.Descriptor.Expires)
            Sampled(signed, how, now);
        _client.AddContact(signed, answered: false, now);
    }

    /// <summary>What the client is about.</summary>
    /// <param name="isWanted">A connection is wanted.</param>
    /// <param name="lacking">What is wanted, when of the relays that are known no circuit can be chosen for it; else null.</param>
    /// <param name="entry">First hop of the circuit that stands; null: none does.</param>
    public void Follow(bool isWanted, ConnectRequest? lacking, HopTarget? entry, Instant now)
    {
        var begins = isWanted && !_isWanted;
        var connects = entry is not null && !_isConnected;
        (_isWanted, _isConnected, _lacks) = (isWanted, entry is not null, lacking is not null);
        _client.Follow(entry, lacking);
        if (begins)
        {
            _wantedSince = now;
            Search(now);
        }
        else if (!isWanted && _wantedSince is not null)
        {
            _wantedSince = null;
            _client.End();
        }
        if (connects)
        {
            FirstCircuitAfter ??= now - _wantedSince;
            _topics.Stop();
            _sources.End();
            // Straight links of the search end with it: from here on, nothing but the circuit's own datagrams leaves.
            if (!_relay.IsOn)
                _links.CloseAll(now);
            _client.End();
            _client.Begin(now);
        }
        Step(now);
    }

    /// <summary>The node leaves this network.</summary>
    public void Close(Instant now)
    {
        _client.End();
        _relay.SetContent(null, now);
        _links.CloseAll(now);
    }

    /// <summary>A datagram of the DHT.</summary>
    public void HandleDatagram(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (!IsDhtActive)
            return;
        Dht.Receive(datagram, source, now);
        Step(now);
    }

    /// <summary>Looks at what the last input of the node did to the links.</summary>
    public void Observe(Instant now)
    {
        if (_links.Count == 0)
            return;
        _links.Observe(now);
        Step(now);
    }

    public void HandleTimeout(Instant now)
    {
        _relays.Advance(now);
        _links.HandleTimeout(now);
        _sources.HandleTimeout(now);
        _client.HandleTimeout(now);
        _relay.HandleTimeout(now);
        if (IsDhtActive)
            _topics.HandleTimeout(now);
        if (IsDhtActive && Dht.NextTimeout <= now)
            Dht.HandleTimeout(now);
        Step(now);
    }

    ControlStatus IDirectoryService.Answer(ReadOnlySpan<byte> request, Instant now, out ReadOnlyMemory<byte> answer)
    {
        var verdict = _relay.Service.Answer(request, now, out var bytes);
        answer = bytes;
        return verdict switch
        {
            ServiceVerdict.Answered => ControlStatus.Ok,
            ServiceVerdict.Malformed => ControlStatus.BadRequest,
            ServiceVerdict.Busy => ControlStatus.RefusedLoad,
        };
    }

    void Search(Instant now)
    {
        _client.Begin(now);
        _sources.Begin(now);
    }

    /// <summary>Hands on what the parts have found, until none has anything.</summary>
    void Step(Instant now)
    {
        for (var busy = true; busy;)
        {
            busy = false;
            while (_sources.TryTakeBegun(out var source))
                Try(source, now);
            while (Dht.TryTakeEvent(out var happened))
            {
                _topics.Handle(happened, now);
                _relay.HandleEvent(happened, now);
            }
            while (_topics.TryTake(out var found))
                Found(found, now);
            while (_links.TryTakeAnswer(out var answer))
                busy |= _clientQuestions.TryHandle(answer, now) || _relayQuestions.TryHandle(answer, now);
            _client.Step(now);
            _relay.Step(now);
        }
        Settle(now);
    }

    void Found(SignedDescriptor signed, Instant now)
    {
        if (signed.Id == _options.Self)
            return;
        _client.AddContact(signed, answered: true, now);
        if (_relay.IsOn)
            _relay.Found(signed, now);
    }

    /// <summary>A relay passes on what it has met itself, and nothing else.</summary>
    void Sampled(SignedDescriptor signed, Verification how, Instant now)
    {
        if (_relay.IsOn)
            _relay.Found(signed, now);
        else
            _relays.Offer(signed, how, now);
    }

    void Try(BootstrapSource source, Instant now)
    {
        switch (source)
        {
            case BootstrapSource.Cache:
                foreach (var cached in _options.Cached)
                    Offer(cached, Verification.Cached, now);
                break;
            case BootstrapSource.Invite:
                foreach (var seed in _options.Invited)
                    _topics.Ask(seed, now);
                break;
            case BootstrapSource.SeedList:
                foreach (var seed in _options.Seeds)
                    _topics.Ask(seed, now);
                break;
            case BootstrapSource.Dht:
                _topics.Begin(now);
                break;
        }
    }

    /// <summary>Whether the search is over, or must begin.</summary>
    void Settle(Instant now)
    {
        var needs = (_isWanted && !_isConnected && _lacks) || (_relay.IsOn && _relays.Directory.Count < 2);
        if (needs && !_sources.IsSearching)
            Search(now);
        else if (!needs && _sources.IsSearching)
        {
            FoundBy ??= _sources.Current;
            FirstRelayAfter ??= _wantedSince is { } since ? now - since : null;
            _sources.End();
            if (!_isWanted)
                _client.End();
        }
    }

    /// <summary>Where the first relay came from, and how long after the wish to connect there were enough.</summary>
    BootstrapSource? FoundBy { get; set; }

    TimeSpan? FirstRelayAfter { get; set; }

    TimeSpan? FirstCircuitAfter { get; set; }

    public DiscoveryStatus Describe(Instant now)
    {
        var current = _relays.Directory.Current(now);
        return new DiscoveryStatus
        {
            Epoch = Epoch.At(now),
            Relays = current.Count(d => d.Descriptor.IsRelay),
            Exits = current.Count(d => d.Descriptor.IsExit),
            EstimatedRelays = Math.Max(current.Count, Math.Max(_client.NetworkSize, _relay.Service.Estimate)),
            RootAgreement = _client.Roots.Agreement,
            RootsCompared = _client.Roots.Compared,
            Warnings = _client.Warnings,
            Searching = Searching,
            FoundBy = FoundBy,
            FirstRelayAfter = FirstRelayAfter,
            FirstCircuitAfter = FirstCircuitAfter,
            DhtV4 = _options.UsesDht ? Dht.State(v4: true) : null,
            DhtV6 = _options.UsesDht ? Dht.State(v4: false) : null,
        };
    }

    /// <summary>Relays for the next start, at most 200, drawn at random: nothing tells which were used.</summary>
    public IReadOnlyList<SignedDescriptor> Save(Instant now)
    {
        var known = _relays.Directory.Current(now).Where(d => d.Id != _options.Self).ToArray();
        _random.Shuffle<SignedDescriptor>(known);
        return [.. known.Take(MostCached).OrderBy(d => d.Id)];
    }

    static HashSet<BootstrapSource> There(DiscoveryOptions options)
    {
        var there = new HashSet<BootstrapSource>();
        if (options.Cached.Count > 0)
            there.Add(BootstrapSource.Cache);
        if (options.Invited.Count > 0)
            there.Add(BootstrapSource.Invite);
        if (options.Seeds.Count > 0)
            there.Add(BootstrapSource.SeedList);
        if (options.UsesDht)
            there.Add(BootstrapSource.Dht);
        return there;
    }
}
