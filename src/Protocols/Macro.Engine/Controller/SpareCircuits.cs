using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>
/// Circuits that are built before they are wanted: for the next isolation key, for the place of one that is lost, and for rotation. As
/// many as were wanted lately, at most four, and as the last one was wanted; each serves one key and never another, and expires when
/// nobody wants it. They also are how relays are tried that have no record yet: with them it costs no user's packet.
/// </summary>
sealed class SpareCircuits(CircuitSource source, IRandom random)
{
    public const int Most = 4;

    static readonly TimeSpan s_halfLife = TimeSpan.FromMinutes(20), s_life = TimeSpan.FromMinutes(30);
    static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(5), s_longestPause = TimeSpan.FromMinutes(5);

    readonly List<Spare> _spares = [];
    ConnectRequest? _request;
    double _demand;
    Instant _demandAt, _pauseUntil;
    int _failures;

    sealed record Spare(KnownCircuit Known, ConnectRequest Request, Instant Expires)
    {
        public Circuit Circuit => Known.Circuit;
    }

    /// <summary>At most so many are kept; 0 switches them off.</summary>
    public int Limit { get; set; } = Most;

    /// <summary>False while something more urgent is being built.</summary>
    public bool MayBuild { get; set; }

    public int Count => _spares.Count;

    public IEnumerable<Circuit> Circuits => _spares.Select(spare => spare.Circuit);

    public int Ready => _spares.Count(spare => spare.Circuit.State == CircuitState.Ready);

    /// <summary>What they are built for until something else is wanted; null: nothing, and none is kept.</summary>
    public void Serve(ConnectRequest? request, Instant now)
    {
        foreach (var spare in _spares)
            source.Close(spare.Known, now);
        _spares.Clear();
        (_request, _demand, _failures, _pauseUntil) = (request, 0, 0, default);
    }

    public Instant NextTimeout
    {
        get
        {
            var next = MayBuild && _spares.Count < Wanted(_demandAt) ? _pauseUntil : Instant.Never;
            foreach (var spare in _spares)
                next = Instant.Min(next, Instant.Min(spare.Expires, spare.Circuit.NextTimeout));
            return next;
        }
    }

    /// <summary>A key wants one: it is taken if it stands, and in any case the wish counts for how many are built.</summary>
    public bool TryTake(ConnectRequest request, Instant now, out KnownCircuit taken) => TryTake(request, Demand(now) + 1, now, out taken);

    /// <summary>A circuit that still carries may be changed: the wish keeps one being built, and is repeated until it stands.</summary>
    public bool TryChange(ConnectRequest request, Instant now, out KnownCircuit taken) =>
        TryTake(request, Math.Max(1 + _spares.Count(spare => !Suits(spare, request, now)), Demand(now)), now, out taken);

    bool TryTake(ConnectRequest request, double demand, Instant now, out KnownCircuit taken)
    {
        (_request, _demand, _demandAt) = (request, Math.Min(Limit, demand), now);
        var place = _spares.FindIndex(spare => spare.Circuit.State == CircuitState.Ready && Suits(spare, request, now)
            && !spare.Known.Path.Hops.Any(hop => source.Paths.IsAvoided(hop.Relay, now)));
        taken = place < 0 ? null! : _spares[place].Known;
        if (place >= 0)
            _spares.RemoveAt(place);
        return place >= 0;
    }

    /// <summary>It was built as this one is wanted, or its exit is where such a one would be looked for first.</summary>
    bool Suits(Spare spare, ConnectRequest request, Instant now) =>
        spare.Request == request || source.Paths.IsPreferred(spare.Known.Path.Hops[^1].Relay, request, now);

    public void HandleTimeout(Instant now)
    {
        foreach (var spare in _spares)
            spare.Circuit.HandleTimeout(now);
        for (var i = _spares.Count - 1; i >= 0; i--)
        {
            if (_spares[i].Expires > now)
                continue;
            source.Close(_spares[i].Known, now);
            _spares.RemoveAt(i);
        }
        (_demand, _demandAt) = (Demand(now), now);
        Observe(now);
        while (MayBuild && _request is not null && now >= _pauseUntil && _spares.Count < Wanted(now) && source.TryStart(_request, null, [], now, out var known).Path is not null)
            _spares.Add(new Spare(known!, _request, now + 0.75 * s_life + random.NextTime(0.5 * s_life)));
        if (MayBuild && _spares.Count < Wanted(now))
            Pause(now);
    }

    /// <summary>Looks at what the last step did to them.</summary>
    public void Observe(Instant now)
    {
        for (var i = _spares.Count - 1; i >= 0; i--)
        {
            var known = _spares[i].Known;
            if (known.Circuit.State == CircuitState.Closed)
            {
                _spares.RemoveAt(i);
                source.Lost(known, now);
                Pause(now);
            }
            else if (known.Circuit.State == CircuitState.Ready && known.BuiltAt == default)
            {
                source.Built(known, now);
                _failures = 0;
            }
            else
                source.Record.Observe(known, now);
        }
    }

    void Pause(Instant now)
    {
        if (now < _pauseUntil)
            return;
        var pause = s_firstPause * (1L << Math.Min(_failures++, 10));
        _pauseUntil = now + (pause < s_longestPause ? pause : s_longestPause);
    }

    int Wanted(Instant now) => (int)Math.Min(Limit, Demand(now) + 0.5);

    double Demand(Instant now) => _demand * Math.Pow(0.5, Math.Max(0, (now - _demandAt) / s_halfLife));
}
