using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>
/// The circuit of one isolation key, kept standing: built, watched, changed from time to time, and built anew whenever it is lost, until
/// it is closed. Belongs to the owner thread.
/// </summary>
public sealed partial class KeptCircuit
{
    const int EnoughAttempts = 6;
    static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(5), s_noPathPause = TimeSpan.FromSeconds(1);

    // Answers that are on their way still come by the circuit that made way.
    static readonly TimeSpan s_farewell = TimeSpan.FromSeconds(3);

    // Where another circuit stands at once, the user is still to see that one was lost.
    static readonly TimeSpan s_notice = TimeSpan.FromSeconds(10);

    readonly CircuitSource _source;
    readonly Attempts _attempts;
    KnownCircuit? _carrying, _leaving;
    Instant _beginAt, _leaveAt = Instant.Never, _noticeEnds = Instant.Never;
    Instant _usedAt;

    internal KeptCircuit(IsolationKey key, ICircuitEnd end, ConnectRequest request, CircuitSource source)
    {
        (Key, End) = (key, end);
        (Request, _source, _attempts) = (request, source, new Attempts(request, source));
    }

    public IsolationKey Key { get; }

    public ICircuitEnd End { get; }

    /// <summary>What is wanted of its circuits.</summary>
    internal ConnectRequest Request { get; }

    /// <summary>The circuit that packets take, or null.</summary>
    public Circuit? Carrying => _carrying?.Circuit;

    /// <summary>The circuit being built, of several the one that has come furthest; null while one carries.</summary>
    public Circuit? Building => Furthest?.Circuit;

    /// <summary>What there is to show.</summary>
    public Circuit? Shown => Building ?? Carrying;

    /// <summary>Why <see cref="Shown"/> has the hops that it has; null with it.</summary>
    public ChosenPath? Path => (Furthest ?? _carrying)?.Path;

    /// <summary>From the first message to the exit's consent; null while no circuit stands.</summary>
    public TimeSpan? BuildTime => _carrying is { } carrying && carrying.BuiltAt != default ? carrying.BuiltAt - carrying.StartedAt : null;

    /// <summary>From the first message to the last hop's response; null while no circuit stands.</summary>
    public TimeSpan? HandshakeTime => BuildTime is null ? null : _carrying!.Circuit.ReachedAt - _carrying.StartedAt;

    /// <summary>A circuit stood already, and was lost.</summary>
    public bool WasLost { get; private set; }

    /// <summary>Attempts that failed since a circuit stood.</summary>
    public int Failures { get; private set; }

    /// <summary>The relays that are known make no circuit as it is wanted.</summary>
    public bool HasNoPath { get; private set; }

    /// <summary>No circuit stands, and attempts enough have failed, or the relays that are known make none: whoever waits should be told.</summary>
    public bool LooksHopeless => Carrying is null && (HasNoPath || Failures >= EnoughAttempts);

    /// <summary>Why the last attempt failed or, for a while, why the last circuit was lost, and what helps; null while all is well.</summary>
    public Trouble? Trouble { get; private set; }

    /// <summary>The one that carries and its other paths, and all attempts.</summary>
    internal IEnumerable<Circuit> Circuits => (Carrying is { } carrying ? Others.Prepend(carrying) : []).Concat(_attempts.Circuits);

    internal Instant NextTimeout => Instant.Min(
        Instant.Min(Instant.Min(WantsAnother ? _beginAt : Instant.Never, _leaveAt), _noticeEnds),
        Instant.Min(Instant.Min(Carrying?.NextTimeout ?? Instant.Never, NextPathTimeout), _attempts.NextTimeout));

    KnownCircuit? Furthest => _carrying is null ? _attempts.Furthest : null;

    bool WantsAnother => _carrying is null && _attempts.WantsAnother;

    /// <summary>When packets last left by it, or it was last asked for.</summary>
    internal Instant UsedAt => Instant.Max(_usedAt, Carrying?.LastTraffic ?? default);

    internal void Use(Instant now) => _usedAt = now;

    /// <summary>Takes a circuit that stands already, or begins to build one.</summary>
    internal void Build(Instant now)
    {
        HasNoPath = false;
        if (_source.Spares.TryTake(Request, now, out var spare))
            Adopt(spare, now);
        else
            Begin(now);
    }

    void Begin(Instant now)
    {
        var answer = _attempts.Begin(End, now);
        _beginAt = answer.Path is null ? now + s_noPathPause : now;
        HasNoPath = _attempts.IsEmpty;
        // No attempt: nobody has failed. Other relays, when they are known, are tried at once.
        if (HasNoPath)
            Trouble = _source.Paths.Explain(answer, Request);
    }

    internal void HandleTimeout(Instant now)
    {
        Carrying?.HandleTimeout(now);
        foreach (var other in _others)
            other.Circuit.HandleTimeout(now);
        _attempts.HandleTimeout(now);
        if (now >= _leaveAt)
            Leave(now);
        if (now >= _noticeEnds)
            (Trouble, _noticeEnds) = (_carrying is null ? Trouble : null, Instant.Never);
        if (_carrying is { Circuit.State: CircuitState.Ready } old && now >= old.RotateAt
            && Rotation.MayChange(Request.Mode, End.IsInUse, old.Circuit.LastTraffic, now) && _source.Spares.TryChange(Request, now, out var next))
        {
            Leave(now);
            DropPaths(now);
            Adopt(next, now);
            (_leaving, _leaveAt) = (old, now + s_farewell);
        }
    }

    /// <summary>Looks at what the last step did to the circuit.</summary>
    internal void Observe(Instant now)
    {
        if (_carrying is { } standing)
            WatchInternet(standing, now);
        if (_carrying is { Circuit.State: CircuitState.Closed } lost)
        {
            DropPaths(now);
            _usedAt = UsedAt;
            _carrying = null;
            End.Circuit = null;
            WasLost = true;
            _source.Lost(lost, now);
            (Trouble, _noticeEnds) = (new Trouble(Describe(lost.Circuit), "Its connections ended; new ones go by another circuit."), now + s_notice);
            Build(now);
        }
        else if (_carrying is { } carrying)
        {
            _source.Observe(carrying, now);
            KeepPaths(carrying, now);
        }
        while (_attempts.TryTakeEnded(now, out var ended))
            Take(ended, now);
        if (_carrying is not null)
            _attempts.Settle(now);
        else if (now < _beginAt || !_attempts.WantsAnother)
            return;
        else if (_attempts.IsEmpty)
            Build(now);
        else
            Begin(now);
    }

    internal void Close(Instant now)
    {
        End.Circuit = null;
        Leave(now);
        DropPaths(now);
        _attempts.Close(now);
        if (_carrying is not null)
            _source.Close(_carrying, now);
        _carrying = null;
    }

    void Take(KnownCircuit ended, Instant now)
    {
        if (ended.Circuit.State == CircuitState.Closed)
        {
            _source.Lost(ended, now);
            if (_carrying is null)
                Retry(new Trouble(Describe(ended.Circuit), "Check that this machine is online and that its firewall lets UDP out."), ended.StartedAt, now);
        }
        else if (_carrying is not null)
            _source.Close(ended, now);
        else
        {
            _source.Built(ended, now);
            Adopt(ended, now);
        }
    }

    void Leave(Instant now)
    {
        if (_leaving is not null)
            _source.Close(_leaving, now);
        (_leaving, _leaveAt) = (null, Instant.Never);
    }

    void Adopt(KnownCircuit circuit, Instant now)
    {
        BeginPaths(circuit.Circuit, now);
        // What was used a moment ago is not idle because another circuit carries now.
        _usedAt = UsedAt;
        _carrying = circuit;
        circuit.Circuit.End = End;
        End.Circuit = circuit.Circuit;
        Failures = 0;
        if (_noticeEnds == Instant.Never)
            Trouble = null;
    }

    /// <param name="startedAt">When the attempt began: one that took long was a pause itself.</param>
    void Retry(Trouble trouble, Instant startedAt, Instant now)
    {
        Trouble = trouble;
        Failures++;
        // At once after the first failure, then slower: 0, 250 ms, 500 ms, ... 5 s.
        var pause = Failures == 1 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(250) * (1 << Math.Min(Failures - 2, 5));
        _beginAt = Instant.Max(now, startedAt + (pause < s_longestPause ? pause : s_longestPause));
    }

    static string Describe(Circuit circuit) => (circuit.Failure ?? circuit.Stranded) is { } failure
        ? $"Hop {failure.HopIndex + 1} of {circuit.Hops.Length}: {failure.Reason}."
        : "The circuit was closed.";
}
