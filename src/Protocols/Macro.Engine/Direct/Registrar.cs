using Macro.Circuits;
using Macro.Core;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// Of a node behind a NAT: sessions to a few public relays by which others reach it. Lost ones are replaced. The node lists
/// those that stand in its descriptor (<see cref="Introducers"/>). A state machine of one owner thread.
/// </summary>
public sealed class Registrar(IndexTable indices, Outbox outbox, IRandom random)
{
    static readonly TimeSpan s_retry = TimeSpan.FromSeconds(5), s_avoidFor = TimeSpan.FromMinutes(2);

    /// <summary>While somebody is served: a NAT that lost its memory lets nobody in before this node has sent something.</summary>
    internal static readonly TimeSpan BusyProbe = TimeSpan.FromSeconds(2);

    readonly List<Circuit> _links = [];
    readonly Dictionary<NodeId, (Instant Until, bool OnlyByUdp)> _avoided = [];
    readonly Dictionary<Circuit, NodeId> _names = [];
    NodeIdentity? _identity;
    int _wanted;
    Instant _retryAt = Instant.Never;

    /// <summary>Relays to choose from; the owner keeps them up to date and leaves itself out.</summary>
    public IReadOnlyList<Candidate> Candidates { get; set; } = [];

    /// <summary>Relays by which others reach this node now, at most <see cref="Descriptor.MaxEndpoints"/>.</summary>
    public IReadOnlyList<NodeId> Introducers { get; private set; } = [];

    /// <summary>Goes up with every change of <see cref="Introducers"/>: time for a new descriptor.</summary>
    public long Changes { get; private set; }

    /// <summary>Only relays that take TCP, if there are any: UDP does not pass.</summary>
    public bool EntriesByTcp { get; set; }

    /// <summary>Its sessions, those being built included.</summary>
    internal IReadOnlyList<Circuit> Links => _links;

    public Instant NextTimeout
    {
        get
        {
            var next = _retryAt;
            foreach (var link in _links)
                next = Instant.Min(next, link.NextTimeout);
            return next;
        }
    }

    /// <summary>From now on this node is reached through so many relays; 0: it needs none.</summary>
    /// <param name="identity">Signs the registrations; not owned.</param>
    public void Want(int introducers, NodeIdentity? identity, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(introducers, Descriptor.MaxEndpoints);
        (_wanted, _identity) = (identity is null ? 0 : introducers, identity);
        while (_links.Count > _wanted)
            Drop(_links[^1], now);
        Fill(now);
        Observe(now);
    }

    /// <summary>Somebody wants to meet this node, says an introducer. To be answered by its link.</summary>
    public bool TryTakeIntroduced(out Circuit link, out uint request, out Introduced message)
    {
        foreach (var candidate in _links)
        {
            if (!candidate.TryTakeIntroduced(out request, out var taken))
                continue;
            (link, message) = (candidate, taken);
            return true;
        }
        (link, request, message) = (null!, 0, null!);
        return false;
    }

    public void HandleTimeout(Instant now)
    {
        foreach (var link in _links)
            link.HandleTimeout(now);
        if (now >= _retryAt)
            Fill(now);
        Observe(now);
    }

    /// <summary>Looks at what the last step did to the links.</summary>
    public void Observe(Instant now)
    {
        for (var i = _links.Count - 1; i >= 0; i--)
        {
            if (_links[i].State != CircuitState.Closed)
                continue;
            // Where UDP does not pass, who did not answer by it is not to blame.
            _avoided[_names[_links[i]]] = (now + s_avoidFor, OnlyByUdp: _links[i].HopsReached == 0 && !TcpEndpoint.Is(_links[i].Entry));
            Drop(_links[i], now);
            _retryAt = Instant.Min(_retryAt, now);
        }
        if (now >= _retryAt)
            Fill(now);
        NodeId[] standing = [.. _links.Where(l => l.State == CircuitState.Ready).Select(l => _names[l]).Order()];
        if (standing.AsSpan().SequenceEqual([.. Introducers]))
            return;
        Introducers = standing;
        Changes++;
    }

    void Fill(Instant now)
    {
        _retryAt = Instant.Never;
        foreach (var (node, avoided) in _avoided)
            if (avoided.Until <= now)
                _avoided.Remove(node);
        while (_links.Count < _wanted)
        {
            var free = Candidates.Where(c => c.IsPublic && !_names.ContainsValue(c.Id)).ToArray();
            var fit = EntriesByTcp ? Array.FindAll(free, c => !c.Target.TcpEndpoint.IsNone && (!_avoided.TryGetValue(c.Id, out var avoided) || avoided.OnlyByUdp)) : [];
            if (fit.Length == 0)
                fit = Array.FindAll(free, c => !_avoided.ContainsKey(c.Id));
            if (fit.Length == 0)
            {
                _retryAt = now + s_retry;
                return;
            }
            // Of two draws the one with less to do: so the load is spread, and nobody can tell whom a node will choose.
            var (one, other) = (fit[random.NextInt(fit.Length)], fit[random.NextInt(fit.Length)]);
            var chosen = other.LoadClass < one.LoadClass ? other : one;
            var link = new Circuit([chosen.Target], indices, outbox, random, now) { Goal = CircuitGoal.Registration, Identity = _identity };
            _links.Add(link);
            _names[link] = chosen.Id;
            link.Start(now);
        }
    }

    void Drop(Circuit link, Instant now)
    {
        link.Close(now);
        _links.Remove(link);
        _names.Remove(link);
    }
}
