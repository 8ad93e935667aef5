using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// The relays that this client knows and what it makes of them: one for all its circuits, which learn from each other. A relay that failed
/// is left out for two minutes (an exit by which nothing came back, for an hour), whoever is to blame, unless there is no path without it, and
/// is told nothing early for ten; what lasts is written down by <see cref="CircuitRecord"/>. Relays that are blocked for an offence serve when
/// there is no path without them; those that the user blocked never do.
/// </summary>
sealed class PathChooser
{
    static readonly TimeSpan s_avoidFor = TimeSpan.FromMinutes(2), s_muteFor = TimeSpan.FromHours(1), s_carefulFor = TimeSpan.FromMinutes(10), s_refreshEvery = TimeSpan.FromHours(1);

    readonly IRandom _random;
    readonly RelayRatings _ratings;
    readonly Dictionary<string, (Instant Until, bool OnlyByUdp)> _avoided = [];
    readonly Dictionary<NodeId, Instant> _carefulUntil = [];
    IReadOnlyList<Candidate> _candidates = [];
    IReadOnlyList<Candidate> _allowed = [], _convicted = [];
    Dictionary<NodeId, Candidate> _entries = [];
    Instant _refreshAt;
    long _blocklistSeen;

    public PathChooser(IRandom random)
    {
        _random = random;
        Guards = new GuardSet(random);
        Position = new Vivaldi(random);
        _ratings = new RelayRatings(Book, Position);
    }

    public GuardSet Guards { get; }

    public Blocklist Blocklist { get; } = new();

    public ReputationBook Book { get; } = new();

    /// <summary>Where this client stands.</summary>
    public Vivaldi Position { get; }

    public IReadOnlyList<Candidate> Candidates
    {
        get => _candidates;
        set => (_candidates, _refreshAt) = (Candidate.Placed(value), default);
    }

    /// <summary>Only entries that take TCP, if they make a path: UDP does not pass.</summary>
    public bool EntriesByTcp { get; set; }

    /// <param name="late">Relays without which the path must do.</param>
    public PathAnswer Choose(ConnectRequest request, IReadOnlyCollection<NodeId> late, Instant now)
    {
        foreach (var (name, avoided) in _avoided)
            if (avoided.Until <= now)
                _avoided.Remove(name);
        foreach (var (id, until) in _carefulUntil)
            if (until <= now)
                _carefulUntil.Remove(id);
        Refresh(now);
        if (EntriesByTcp && Choose(request, Untroubled(late, byTcp: true), late, entriesByTcp: true, now) is { Path: not null } byTcp)
            return byTcp;
        var answer = Choose(request, Untroubled(late, byTcp: false), late, entriesByTcp: false, now);
        return answer.Path is not null ? answer
            : late.Count == 0 ? ChooseAmongAll(request, now)
            : Choose(request, [.. _allowed.Where(c => !late.Contains(c.Id))], late, entriesByTcp: false, now);
    }

    public PathAnswer ChooseAmongAll(ConnectRequest request, Instant now)
    {
        Refresh(now);
        var answer = Choose(request, _allowed, [], entriesByTcp: false, now);
        if (answer.Path is not null || _convicted.Count == 0)
            return answer;
        (_allowed, _convicted, _entries) = ([.. _allowed, .. _convicted], [], []);
        return Choose(request, _allowed, [], entriesByTcp: false, now);
    }

    /// <summary>There is a path to an exit that is not this one and did not fail lately.</summary>
    public bool HasOtherExit(ConnectRequest request, Candidate exit, Instant now) =>
        Choose(request, [exit.Id], now).Path is { } path && !IsAvoided(path.Hops[^1].Relay, now);

    /// <summary>Another path to the exit of one that is in use: without relays that failed just now, where there is one.</summary>
    /// <param name="others">More paths of the same circuit.</param>
    /// <param name="apart">With other relays only.</param>
    public PathAnswer ChooseAnother(ConnectRequest request, ChosenPath path, IEnumerable<ChosenPath> others, bool apart, Instant now)
    {
        Refresh(now);
        HashSet<NodeId> taken = apart ? [.. others.Prepend(path).SelectMany(one => one.Hops).Select(hop => hop.Relay.Id)] : [];
        var answer = ChooseAnother(request, path, relay => !IsAvoided(relay, now) && MayServe(relay), now);
        return answer.Path is null ? ChooseAnother(request, path, MayServe, now) : answer;

        bool MayServe(Candidate relay) => !taken.Contains(relay.Id);
    }

    PathAnswer ChooseAnother(ConnectRequest request, ChosenPath path, Func<Candidate, bool> mayServe, Instant now)
    {
        var exit = path.Hops[^1].Relay.Id;
        Candidate[] among = [.. _allowed.Where(relay => relay.Id == exit || mayServe(relay))];
        HashSet<NodeId> ids = [.. among.Select(relay => relay.Id)];
        request = request with { ExitRegion = null };
        return EntriesByTcp && Choose(request, among, [], entriesByTcp: true, now, exit, ids.Contains) is { Path: not null } byTcp
            ? byTcp : Choose(request, among, [], entriesByTcp: false, now, exit, ids.Contains);
    }

    /// <param name="onlyByUdp">It did not answer as an entry by UDP; where UDP does not pass, it is not to blame.</param>
    public void Avoid(Candidate relay, bool onlyByUdp, Instant now) => _avoided[relay.Target.Name] = (now + s_avoidFor, onlyByUdp);

    /// <summary>Nothing came back from the internet by this exit.</summary>
    public void AvoidMute(Candidate exit, Instant now) => _avoided[exit.Target.Name] = (now + s_muteFor, false);

    /// <summary>
    /// It fell silent. It may be down, and no relay is suspected for that; so for a while nothing goes behind its handshake by which it could choose whom to answer.
    /// </summary>
    public void GoCarefully(Candidate relay, Instant now) => _carefulUntil[relay.Id] = now + s_carefulFor;

    /// <summary>The relays of a path, as they are to be reached now.</summary>
    public HopTarget[] Targets(ChosenPath path, Instant now) =>
        [.. path.Hops.Zip(path.Targets, (hop, target) => _carefulUntil.GetValueOrDefault(hop.Relay.Id) > now ? target with { TakesEarly = false } : target)];

    public bool IsAvoided(Candidate relay, Instant now) => _avoided.TryGetValue(relay.Target.Name, out var avoided) && avoided.Until > now;

    /// <summary>An exit stands where a request wants it first, of those regions that have exits now.</summary>
    public bool IsPreferred(Candidate exit, ConnectRequest request, Instant now)
    {
        Refresh(now);
        foreach (var region in request.Regions)
            if (exit.Region == region || _allowed.Any(relay => relay.IsExit && relay.Region == region && !IsAvoided(relay, now)))
                return exit.Region == region;
        return request.OtherRegions || request.Regions.Count == 0;
    }

    public void ForgetFailures() => _avoided.Clear();

    /// <summary>Relays are found by the node itself and not told by a file.</summary>
    public bool FindsRelays { get; set; }

    /// <summary>Why there is no path, and what helps.</summary>
    public Trouble Explain(PathAnswer answer, ConnectRequest request) => PathProblem.Explain(answer, request, FindsRelays);

    /// <param name="byTcp">For a path whose entry takes TCP: a relay that does not may be late or lost only because UDP does not reach it from here.</param>
    Candidate[] Untroubled(IReadOnlyCollection<NodeId> late, bool byTcp) =>
    [
        .. _allowed.Where(relay => (byTcp && relay.Target.TcpEndpoint.IsNone) || !late.Contains(relay.Id))
            .Where(relay => !_avoided.TryGetValue(relay.Target.Name, out var avoided) || (byTcp && avoided.OnlyByUdp)),
    ];

    /// <param name="exit">The only one that will do; default: any.</param>
    /// <param name="mayEnter">Guards that may be taken, of those whose turn it is; null: all.</param>
    PathAnswer Choose(
        ConnectRequest request, IReadOnlyList<Candidate> among, IReadOnlyCollection<NodeId> late, bool entriesByTcp, Instant now,
        NodeId exit = default, Func<NodeId, bool>? mayEnter = null)
    {
        _ratings.Now = now;
        if (request.Mode.Hops() > 1)
            FillGuards(now);
        var answer = PathSelector.Choose(
            new PathRequest
            {
                Profile = request.Mode.Profile(),
                Candidates = among,
                ExitRegions = request.Regions,
                OtherRegions = request.OtherRegions,
                EntriesByTcp = entriesByTcp,
                MayExit = exit == default ? null : relay => relay.Id == exit,
                Guards = fits => Guards.Order(id => _entries.TryGetValue(id, out var guard) && fits(guard), now, late)
                    .Where(id => mayEnter?.Invoke(id) != false).Select(id => _entries[id]),
            },
            _ratings, _random);
        return answer.Verdict == PathVerdict.NoRelays && _candidates.Count > 0 ? answer with { Verdict = PathVerdict.AllBlocked } : answer;
    }

    /// <summary>Which relays may be used changes with the directory, the blocklist, and the end of what is blocked for a time.</summary>
    void Refresh(Instant now)
    {
        if (now < _refreshAt && _blocklistSeen == Blocklist.Changes)
            return;
        _blocklistSeen = Blocklist.Changes;
        _refreshAt = Instant.Min(now + s_refreshEvery, Blocklist.NextTimeout(now));
        Candidate[] all = [.. _candidates.Where(c => !Blocklist.IsRuledOut(Subject(c)))];
        _allowed = [.. all.Where(c => !Blocklist.IsBlocked(Subject(c), now))];
        _convicted = [.. all.Where(c => Blocklist.IsBlocked(Subject(c), now))];
        _entries = [];
    }

    static BlockSubject Subject(Candidate relay) => new(relay.Id, relay.Endpoints, relay.Region, relay.Asn);

    /// <summary>Guards are drawn when the first circuit needs one, and no sooner; of those that are convicted, only when there are no others.</summary>
    void FillGuards(Instant now)
    {
        if (_entries.Count > 0)
            return;
        foreach (var relay in _allowed.Concat(_convicted))
            if (relay.IsPublic)
                _entries.TryAdd(relay.Id, relay);
        HashSet<NodeId> convicted = [.. _entries.Values.Where(relay => Blocklist.IsBlocked(Subject(relay), now)).Select(relay => relay.Id)];
        Guards.Update(
            [.. PathSelector.WeighEntries([.. _entries.Values], _ratings).Select(entry => (entry.Relay.Id, convicted.Contains(entry.Relay.Id) ? 0 : entry.Weight))],
            now, convicted);
    }
}
