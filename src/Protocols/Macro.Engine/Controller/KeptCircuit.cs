using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// The circuit of one isolation key, kept standing: built, watched, and built anew whenever it is lost, until it is closed.
/// Belongs to the owner thread.
/// </summary>
public sealed class KeptCircuit
{
    const int EnoughAttempts = 6;
    static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(5);

    readonly ConnectRequest _request;
    readonly PathChooser _paths;
    readonly Func<HopTarget[], Instant, Circuit> _make;
    Instant _retryAt = Instant.Never;
    Instant _usedAt;

    internal KeptCircuit(
        IsolationKey key, ICircuitEnd end, ConnectRequest request, PathChooser paths, Func<HopTarget[], Instant, Circuit> make)
    {
        (Key, End) = (key, end);
        (_request, _paths, _make) = (request, paths, make);
    }

    public IsolationKey Key { get; }

    public ICircuitEnd End { get; }

    /// <summary>The circuit that packets take, or null.</summary>
    public Circuit? Carrying { get; private set; }

    /// <summary>The circuit being built, or null.</summary>
    public Circuit? Building { get; private set; }

    /// <summary>What there is to show.</summary>
    public Circuit? Shown => Building ?? Carrying;

    /// <summary>A circuit stood already, and was lost.</summary>
    public bool WasLost { get; private set; }

    /// <summary>Attempts that failed since a circuit stood.</summary>
    public int Failures { get; private set; }

    /// <summary>The relays that are known make no circuit as it is wanted.</summary>
    public bool HasNoPath { get; private set; }

    /// <summary>No circuit stands, and attempts enough have failed, or the relays that are known make none: whoever waits should be told.</summary>
    public bool LooksHopeless => Carrying is null && (HasNoPath || Failures >= EnoughAttempts);

    /// <summary>Why the last attempt failed, and what helps; null while all is well.</summary>
    public (string Problem, string Remedy)? Trouble { get; private set; }

    internal Instant NextTimeout => Instant.Min(_retryAt, Shown?.NextTimeout ?? Instant.Never);

    /// <summary>When packets last left by it, or it was last asked for.</summary>
    internal Instant UsedAt => Instant.Max(_usedAt, Carrying?.LastTraffic ?? default);

    internal void Use(Instant now) => _usedAt = now;

    internal void Build(Instant now)
    {
        _retryAt = Instant.Never;
        var verdict = _paths.Choose(_request, now, out var path);
        HasNoPath = verdict != PathVerdict.Ok;
        if (HasNoPath)
        {
            Retry(_paths.Explain(verdict, _request), now);
            return;
        }
        Building = _make(path, now);
        Building.Start(now);
    }

    internal void HandleTimeout(Instant now)
    {
        Shown?.HandleTimeout(now);
        if (now >= _retryAt)
            Build(now);
    }

    /// <summary>Looks at what the last step did to the circuit.</summary>
    internal void Observe(Instant now)
    {
        if (Carrying is { State: CircuitState.Closed } lost)
        {
            Carrying = null;
            End.Circuit = null;
            WasLost = true;
            _paths.Avoid(lost, now);
            Trouble = (Describe(lost), "");
            Build(now);
        }
        if (Building is { State: CircuitState.Ready } built)
        {
            (Building, Carrying) = (null, built);
            End.Circuit = built;
            (Failures, Trouble) = (0, null);
        }
        else if (Building is { State: CircuitState.Closed } failed)
        {
            Building = null;
            _paths.Avoid(failed, now);
            Retry((Describe(failed), "Check that this machine is online and that its firewall lets UDP out."), now);
        }
    }

    internal void Close(Instant now)
    {
        End.Circuit = null;
        Shown?.Close(now);
        (Building, Carrying, _retryAt) = (null, null, Instant.Never);
    }

    void Retry((string Problem, string Remedy) trouble, Instant now)
    {
        Trouble = trouble;
        Failures++;
        // At once after the first failure, then slower: 0, 250 ms, 500 ms, ... 5 s.
        var pause = Failures == 1 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(250) * (1 << Math.Min(Failures - 2, 5));
        _retryAt = now + (pause < s_longestPause ? pause : s_longestPause);
    }

    static string Describe(Circuit circuit) => circuit.Failure is { } failure
        ? $"Hop {failure.HopIndex + 1} of {circuit.Hops.Length}: {failure.Reason}."
        : "The circuit was closed.";
}
