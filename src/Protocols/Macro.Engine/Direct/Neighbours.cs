using Macro.Circuits;
using Macro.Core;
using Macro.Nat;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// Of a relay: nodes behind NATs that it meets as next hops of its clients, through one of their introducers. Each is met
/// once, for all clients, and kept while channels lead to it and some minutes beyond. A state machine of one owner thread.
/// </summary>
public sealed class Neighbours(IndexTable indices, Outbox outbox, IRandom random, DirectPaths direct) : INeighbours
{
    public const int Most = 256;

    static readonly TimeSpan s_keptUnused = TimeSpan.FromMinutes(5), s_refusedFor = TimeSpan.FromSeconds(10);

    /// <summary>Linking and asking take no longer; the punch has its own time.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(8);

    sealed class Neighbour(NextHop next, Circuit link, Instant until) : IReachedHop
    {
        sealed class Location(Endpoint endpoint) { public readonly Endpoint Endpoint = endpoint; }

        volatile Location? _location;

        public readonly NextHop Next = next;
        public Circuit? Link = link;
        public Introduction? Asked;
        public DirectPath? Path;

        /// <summary>Given up then, unless reached; when reached, forgotten then, unless used.</summary>
        public Instant Until = until;

        public Endpoint Remote => _location?.Endpoint ?? default;

        public int Channels { get; set; }

        public void MoveTo(Endpoint endpoint) => _location = endpoint == Remote ? _location : new Location(endpoint);
    }

    readonly Dictionary<NodeId, Neighbour> _neighbours = [];
    readonly Dictionary<NodeId, Instant> _refused = [];

    public int Count => _neighbours.Count;

    /// <summary>To introducers that are asked just now.</summary>
    public IEnumerable<Circuit> Links => _neighbours.Values.Select(neighbour => neighbour.Link).OfType<Circuit>();

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Never;
            foreach (var neighbour in _neighbours.Values)
                next = Instant.Min(next, Instant.Min(neighbour.Until, neighbour.Link?.NextTimeout ?? Instant.Never));
            return next;
        }
    }

    public ControlStatus Reach(in NextHop next, in NextHop introducer, Instant now, out IReachedHop? hop)
    {
        hop = null;
        if (_neighbours.TryGetValue(next.Id, out var known))
        {
            hop = known.Remote.IsNone ? null : known;
            return hop is null ? ControlStatus.Busy : ControlStatus.Ok;
        }
        if (_refused.TryGetValue(next.Id, out var until) && now < until)
            return ControlStatus.RefusedUnreachable;
        if (_neighbours.Count >= Most)
            return ControlStatus.RefusedLoad;
        var target = new HopTarget
        {
            Name = introducer.Id.ToString(),
            Node = introducer.Id,
            RelayKey = introducer.RelayKey,
            Endpoint = introducer.Endpoint,
            Descriptor = default,
        };
        var link = new Circuit([target], indices, outbox, random, now) { Goal = CircuitGoal.Introduction };
        _neighbours[next.Id] = new Neighbour(next, link, now + s_patience);
        link.Start(now);
        return ControlStatus.Busy;
    }

    public void HandleTimeout(Relay relay, Instant now)
    {
        foreach (var neighbour in _neighbours.Values)
            neighbour.Link?.HandleTimeout(now);
        Observe(relay, now);
    }

    /// <summary>Looks at what the last step did to the links and paths, and tells the relay who was reached and who was not.</summary>
    public void Observe(Relay relay, Instant now)
    {
        ArgumentNullException.ThrowIfNull(relay);
        foreach (var (node, neighbour) in _neighbours)
        {
            Advance(neighbour, now);
            var isReached = neighbour.Path is { Verdict: PunchVerdict.Direct, IsOver: false };
            if (isReached && neighbour.Path!.Path is { } way)
            {
                var isNew = neighbour.Remote.IsNone;
                neighbour.MoveTo(way.Remote);
                if (isNew)
                    relay.HandleReached(node, neighbour, now);
            }
            if (neighbour.Channels > 0)
                neighbour.Until = now + s_keptUnused;
            else if (isReached && neighbour.Until > now + s_keptUnused)
                neighbour.Until = now + s_keptUnused;
            if (now >= neighbour.Until || neighbour.Path is { IsOver: true } || neighbour is { Link: null, Path: null })
                Forget(relay, node, neighbour, now);
        }
    }

    void Advance(Neighbour neighbour, Instant now)
    {
        if (neighbour.Link is not { } link)
            return;
        if (link.State == CircuitState.Ready && neighbour.Asked is null
            && direct.Prepare(neighbour.Next.Id, neighbour.Next.RelayKey, link.LastRoundTrip, now) is { } introduction)
        {
            neighbour.Asked = introduction;
            link.AskIntroduction(link.Exit, introduction.Request, now);
        }
        while (link.TryTakeAnswer(out _, out var answer))
        {
            neighbour.Path = direct.Begin(neighbour.Asked!, answer, neighbour, now);
            neighbour.Until = Instant.Max(neighbour.Until, now + 2 * s_patience);
            link.Close(now);
        }
        if (link.State == CircuitState.Closed)
            neighbour.Link = null;
    }

    void Forget(Relay relay, NodeId node, Neighbour neighbour, Instant now)
    {
        _neighbours.Remove(node);
        neighbour.Link?.Close(now);
        if (neighbour.Path is { IsOver: false } path)
            direct.Puncher.Close(path);
        if (neighbour.Remote.IsNone)
        {
            foreach (var (old, until) in _refused)
                if (until <= now)
                    _refused.Remove(old);
            _refused[node] = now + s_refusedFor;
            relay.HandleReached(node, null, now);
        }
        neighbour.MoveTo(default);
    }
}
