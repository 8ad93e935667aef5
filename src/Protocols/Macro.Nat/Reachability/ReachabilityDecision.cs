using Macro.Core;
using Macro.Nat.Classification;
using Macro.Nat.PortMapping;

namespace Macro.Nat.Reachability;

/// <summary>
/// Decides what this node may be, from what is known of its NAT, from mappings, and above all from whether others who were not
/// sent to before come through. A better role is taken at once, a lesser one after a minute, so that a lost packet costs nothing.
/// </summary>
/// <param name="port">Our UDP port, for the advice.</param>
public sealed class ReachabilityDecision(ushort port)
{
    static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    readonly Dictionary<Endpoint, Candidate> _candidates = [];
    NatClass _v4 = new(), _v6 = new();
    Mapping? _mapping, _pinhole;
    bool _offers, _introduced;
    Instant? _lesserSince;

    public Standing Standing { get; private set; } = new();

    /// <summary>Counts changes of <see cref="Standing"/>.</summary>
    public int Changes { get; private set; }

    /// <summary>When to decide again though nothing happens.</summary>
    public Instant NextTimeout => _lesserSince is { } since ? since + s_patience : Instant.Never;

    /// <summary>Endpoints that others should try, so that they can be proven.</summary>
    public IEnumerable<Endpoint> ToTry => _candidates.Keys;

    /// <summary>The endpoint whose turn it is to be tried; none when there is none now.</summary>
    public Endpoint NextToTry(Instant now)
    {
        var next = _candidates.Values.MinBy(candidate => candidate.TryAt);
        return next?.TryAt <= now ? next.Endpoint : default;
    }

    /// <summary>When somebody of an address's network last came through to an endpoint.</summary>
    public Instant ProvenAt(Endpoint endpoint, IpAddress from) =>
        _candidates.TryGetValue(endpoint, out var candidate) ? candidate.ProvenAt(from) : new Instant(long.MinValue / 2);

    /// <param name="endpoints">Those that the operator says lead here.</param>
    public void Configure(IEnumerable<Endpoint> endpoints, Instant now) => Replace(ReachableBy.Settings, endpoints, now);

    public void Observe(NatClass v4, NatClass v6, Instant now)
    {
        (_v4, _v6) = (v4, v6);
        NatClass[] both = [v4, v6];
        Replace(ReachableBy.Nothing, both.Where(one => one.Kind == NatKind.Public).Select(one => one.Outside), now);
        Replace(ReachableBy.FullCone, both.Where(one => one.Kind == NatKind.FullCone).Select(one => one.Outside), now);
    }

    /// <param name="offers">The gateway speaks a protocol for mappings, whether or not it granted one.</param>
    public void Observe(Mapping? mapping, Mapping? pinhole, bool offers, Instant now)
    {
        (_mapping, _pinhole, _offers) = (mapping, pinhole, offers);
        Replace(ReachableBy.Mapping, mapping is { IsUsable: true } ? [mapping.Outside] : [], now);
        Replace(ReachableBy.Pinhole, pinhole is null ? [] : [pinhole.Outside], now);
    }

    /// <summary>Whether relays stand ready to introduce others to us.</summary>
    public void ObserveIntroducers(bool any, Instant now)
    {
        _introduced = any;
        Decide(now);
    }

    /// <summary>Somebody to whom we had sent nothing tried an endpoint of ours.</summary>
    public void ObserveTry(Endpoint endpoint, IpAddress from, bool arrived, Instant now)
    {
        if (_candidates.TryGetValue(endpoint, out var candidate))
            candidate.Record(from, arrived, now);
        Decide(now);
    }

    /// <summary>Nobody can try that endpoint now.</summary>
    public void Postpone(Endpoint endpoint, Instant now)
    {
        if (_candidates.TryGetValue(endpoint, out var candidate))
            candidate.Postpone(now);
    }

    public void HandleTimeout(Instant now) => Decide(now);

    void Replace(ReachableBy by, IEnumerable<Endpoint> endpoints, Instant now)
    {
        var wanted = endpoints.Where(endpoint => endpoint.Port != 0).ToHashSet();
        foreach (var (endpoint, candidate) in _candidates)
            if (candidate.By == by && !wanted.Contains(endpoint) && now - candidate.SeenAt >= s_patience)
                _candidates.Remove(endpoint);
        foreach (var endpoint in wanted)
        {
            if (!_candidates.TryGetValue(endpoint, out var candidate))
                _candidates[endpoint] = candidate = new Candidate(endpoint, by);
            candidate.SeenAt = now;
        }
        Decide(now);
    }

    void Decide(Instant now)
    {
        Endpoint[] reached =
        [
            .. from candidate in _candidates.Values
               where candidate.IsProven(now) || candidate.By == ReachableBy.Settings && !candidate.IsDisproven
               orderby candidate.By, candidate.Endpoint.Address
               select candidate.Endpoint,
        ];
        // Not every relay has IPv6: with that alone introducers serve all, unless the operator knows better.
        if (!Array.Exists(reached, endpoint => endpoint.Address.IsV4 || _candidates[endpoint].By == ReachableBy.Settings))
            reached = [];
        var role = reached.Length > 0 ? NodeRole.Public : _introduced && _v4.Kind != NatKind.UdpBlocked ? NodeRole.Introduced : NodeRole.Client;
        if (role >= Standing.Role)
            _lesserSince = null;
        else
        {
            _lesserSince ??= now;
            if (now - _lesserSince < s_patience)
                return;
            _lesserSince = null;
        }
        var (why, help) = ReachabilityWords.About(role, _v4, _v6, _mapping, _pinhole, _offers, port);
        if (role == Standing.Role && why == Standing.Why && help == Standing.Help && reached.SequenceEqual(Standing.Endpoints))
            return;
        Standing = new Standing { Role = role, Endpoints = reached, Why = why, Help = help };
        Changes++;
    }
}
