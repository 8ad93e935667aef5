using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// What a client does to know relays: rounds of a <see cref="ShardSampler"/> over those that it has found or knew already. Once
/// a circuit stands, every question goes through its entry.
/// </summary>
/// <param name="sampled">Takes the relays that the rounds yield.</param>
sealed class ClientPart(Questions questions, DiscoveryOptions options, Vivaldi position, IRandom random, Action<SignedDescriptor, Verification, Instant> sampled)
{
    const int MostContacts = 512, MostWarnings = 8;

    /// <summary>Sources that a round wants, and for how long it waits for the next one when it has some.</summary>
    const int WantedSources = 3;

    static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(300);
    static readonly TimeSpan s_refreshEvery = TimeSpan.FromMinutes(30), s_shortestPause = TimeSpan.FromSeconds(2);

    readonly Dictionary<NodeId, SignedDescriptor> _contacts = [];
    readonly HashSet<NodeId> _answered = [];
    readonly List<string> _warnings = [];
    ShardSampler? _round;
    Instant _beginAt = Instant.Never;
    TimeSpan _pause = s_shortestPause;
    HopTarget? _via;
    ConnectRequest? _lacking;
    bool _isAimed;
    int _generation;
    bool _isOn;

    public Instant NextTimeout => _round is null || _round.IsDone ? _beginAt : Instant.Never;

    /// <summary>Relays in the network, as most sources say; 0 before they have.</summary>
    public long NetworkSize { get; private set; }

    /// <summary>Roots that could be compared, and how much they have in common on average.</summary>
    public (int Compared, double? Agreement) Roots { get; private set; }

    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Somebody who may know relays; he need not be alive, nor may he be a hop yet.</summary>
    /// <param name="answered">His own endpoint gave out his descriptor.</param>
    public void AddContact(SignedDescriptor signed, bool answered, Instant now)
    {
        if (signed.Id == options.Self || (_contacts.Count >= MostContacts && !_contacts.ContainsKey(signed.Id)))
            return;
        _contacts[signed.Id] = signed;
        if (answered)
            _answered.Add(signed.Id);
        if (!_isOn)
            return;
        if (_round is { IsDone: false } round)
            round.AddSource(signed);
        else if (_beginAt > now + s_patience || _contacts.Count >= WantedSources)
            _beginAt = Instant.Min(_beginAt, _contacts.Count >= WantedSources ? now : now + s_patience);
    }

    /// <summary>A round with all that are known, now or as soon as there is somebody.</summary>
    public void Begin(Instant now)
    {
        (_isOn, _pause) = (true, s_shortestPause);
        _beginAt = _contacts.Count == 0 ? Instant.Never : now;
        HandleTimeout(now);
    }

    public void End()
    {
        (_isOn, _round, _beginAt) = (false, null, Instant.Never);
        _generation++;
    }

    /// <param name="via">The entry of the circuit that stands; null: none does.</param>
    /// <param name="lacking">What cannot be had of the relays that are known; null: nothing is lacking.</param>
    public void Follow(HopTarget? via, ConnectRequest? lacking) => (_via, _lacking) = (via, lacking);

    public void HandleTimeout(Instant now)
    {
        if (!_isOn || now < _beginAt || _round is { IsDone: false })
            return;
        _generation++;
        var able = _contacts.Values.Where(contact => CanAsk(contact, now)).ToArray();
        if (able.Length == 0)
        {
            (_round, _beginAt) = (null, Later(now));
            return;
        }
        _beginAt = Instant.Never;
        _round = new ShardSampler(options.Rules, _isAimed ? options.Sampling with { Filter = IsWanted } : options.Sampling, random);
        foreach (var contact in able)
            _round.AddSource(contact);
        Step(now);
    }

    public void Step(Instant now)
    {
        if (_round is not { } round)
            return;
        while (round.TryTakeRequest(out var request))
            Ask(round, request, now);
    }

    void Ask(ShardSampler round, SamplerRequest request, Instant now)
    {
        if (!CanAsk(request.Relay, now))
        {
            round.HandleAnswer(request.Number, default, now);
            return;
        }
        var generation = _generation;
        var target = HopTargets.Alone(request.Relay, options);
        questions.Ask(target, _via, request.Body, now, (answer, at) =>
        {
            position.Observe(request.Relay, answer);
            // An answer to a round that is over.
            if (generation != _generation)
                return;
            round.HandleAnswer(request.Number, answer.Body.Span, at);
            Collect(round, at);
        });
    }

    /// <summary>Through a circuit only those whose descriptors the entry accepts, and not the entry itself.</summary>
    bool CanAsk(SignedDescriptor relay, Instant now) => !HopTargets.Pick(relay.Descriptor.Endpoints, options.HasV6).IsNone
        && (_via is null || (now < relay.Descriptor.Expires && relay.Id.ToString() != _via.Name));

    void Collect(ShardSampler round, Instant now)
    {
        NetworkSize = round.NetworkSize > 0 ? round.NetworkSize : NetworkSize;
        foreach (var signed in round.Pool)
        {
            if (signed.Id == options.Self)
                continue;
            _contacts[signed.Id] = signed;
            if (!Contradicts(signed))
                sampled(signed, _answered.Contains(signed.Id) ? Verification.Answered : Verification.Agreed, now);
        }
        while (round.TryTakeEvent(out var happened))
            Note(happened);
        if (!round.IsDone)
            return;
        CompareRoots(round);
        foreach (var gone in _contacts.Values.Where(c => now >= c.Descriptor.Expires && _contacts.Count > WantedSources).Select(c => c.Id).ToArray())
            _contacts.Remove(gone);
        var aims = !_isAimed && Aims(round);
        _isAimed = false;
        if (aims)
        {
            (_isAimed, _beginAt) = (true, now);
            return;
        }
        if (round.Pool.Count == 0)
        {
            _beginAt = Later(now);
            return;
        }
        _pause = s_shortestPause;
        _beginAt = now + s_refreshEvery + random.NextTime(s_refreshEvery / 2);
    }

    /// <summary>
    /// The round drew from a part of the network, and no exit of a region that is wanted was in it: the next one looks for such alone.
    /// </summary>
    bool Aims(ShardSampler round) =>
        _lacking is { ExitRegion: not null } && (1 << Shard.BitsFor(round.NetworkSize)) > options.Sampling.Shards && !_contacts.Values.Any(IsWanted);

    bool IsWanted(SignedDescriptor relay) => relay.Descriptor.IsExit && _lacking?.Regions.Contains(relay.Descriptor.Region) != false;

    /// <summary>Nobody could be asked, or nobody answered.</summary>
    Instant Later(Instant now)
    {
        var pause = _pause;
        _pause = 2 * pause < s_refreshEvery ? 2 * pause : s_refreshEvery;
        return now + pause + random.NextTime(pause / 2);
    }

    bool Contradicts(SignedDescriptor signed) =>
        options.Countries is { } table && RegionEvidence.Check(signed.Descriptor, table, []).Verdict == RegionVerdict.Contradicted;

    void CompareRoots(ShardSampler round)
    {
        var roots = round.Roots.Values.Select(told => new DirectoryRoot(told.RootEpoch, told.Root)).ToArray();
        var agreements = new List<double>();
        for (var i = 0; i < roots.Length; i++)
            for (var k = 0; k < i; k++)
                if (roots[i].AgreementWith(roots[k]) is { } agreement)
                    agreements.Add(agreement);
        if (agreements.Count > 0)
            Roots = (roots.Count(root => !root.IsNone), agreements.Average());
    }

    void Note(SamplerEvent happened)
    {
        var warning = happened switch
        {
            SourceLies => "A relay gave out a descriptor that does not hold; it is not asked any more.",
            SourceDisagrees => "A relay shows another directory than the others; it is not asked any more.",
            ShardContested => "Relays divide about who belongs to the network; more of them were asked.",
            DensityOff => "A part of the network is far fuller or emptier than chance makes it: somebody may be crowding it.",
            _ => null,
        };
        if (warning is not null && !_warnings.Contains(warning) && _warnings.Count < MostWarnings)
            _warnings.Add(warning);
    }
}
