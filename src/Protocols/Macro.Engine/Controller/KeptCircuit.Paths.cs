using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>
/// The other paths of a circuit in use: kept ready, so that the circuit survives its relays and, where that is wanted, sends by several at the
/// same time; or built when the first is lost and there was none. They share only the exit where the relays that are known allow it.
/// </summary>
public sealed partial class KeptCircuit
{
    static readonly TimeSpan s_nextPath = TimeSpan.FromSeconds(5), s_noPath = TimeSpan.FromSeconds(15), s_strandedRetry = TimeSpan.FromMilliseconds(250);

    readonly List<KnownCircuit> _others = [];
    Instant _nextPathAt = Instant.Never;

    /// <summary>The other paths to the exit of <see cref="Carrying"/>, ready or being built.</summary>
    public IEnumerable<Circuit> Others => _others.Select(other => other.Circuit);

    /// <summary>How often the circuits of this key have gone on by another path.</summary>
    public int Reroutes { get; private set; }

    /// <summary>Its path is lost and no other carries packets yet.</summary>
    public bool IsStranded => Carrying is { IsPassing: false };

    Instant NextPathTimeout
    {
        get
        {
            if (_carrying is not { } carrying)
                return Instant.Never;
            var next = _others.Count < Wanted(carrying.Circuit) && !IsBuildingPath ? _nextPathAt : Instant.Never;
            foreach (var other in _others)
                next = Instant.Min(next, other.Circuit.NextTimeout);
            return next;
        }
    }

    /// <summary>One after the other: each is to share nothing with those that stand.</summary>
    bool IsBuildingPath => _others.Exists(other => other.Circuit.State == CircuitState.Building);

    int Wanted(Circuit circuit) =>
        !circuit.IsRerouted ? 0 : Math.Max(circuit.MostPaths - 1, _source.KeepsStandby || circuit.Stranded is not null ? 1 : 0);

    void BeginPaths(Circuit circuit, Instant now)
    {
        circuit.IsRerouted = circuit.Hops.Length > 1;
        circuit.MostPaths = _source.MostPaths(Request.Mode);
        _nextPathAt = now;
    }

    /// <summary>Looks at what the last step did to the paths of the circuit in use.</summary>
    void KeepPaths(KnownCircuit carrying, Instant now)
    {
        var circuit = carrying.Circuit;
        FollowReroute(carrying, now);
        var changed = false;
        foreach (var lost in _others.FindAll(other => other.Circuit.State == CircuitState.Closed))
        {
            _others.Remove(lost);
            _source.Lost(lost, now);
            changed = true;
            _nextPathAt = now + (circuit.Stranded is null ? s_nextPath : s_strandedRetry);
        }
        foreach (var other in _others)
        {
            if (other.Circuit.State != CircuitState.Ready)
                continue;
            if (other.BuiltAt != default)
                _source.Record.Observe(other, now);
            else
            {
                _source.Built(other, now);
                changed = true;
            }
        }
        if (changed)
        {
            TellPaths(circuit, now);
            FollowReroute(carrying, now);
        }
        if (circuit.Stranded is null)
        {
            // It came back by itself.
            if (carrying.IsJudged)
                Trouble = null;
            carrying.IsJudged = false;
        }
        else if (circuit.Stranded is { } failure && !carrying.IsJudged)
        {
            _source.Record.Lost(carrying, failure, now);
            Trouble = new Trouble(Describe(circuit), "");
            _nextPathAt = now;
        }
        if (_others.Count < Wanted(circuit) && !IsBuildingPath && now >= _nextPathAt)
            BuildPath(carrying, now);
    }

    void TellPaths(Circuit circuit, Instant now) =>
        circuit.SetOthers([.. Others.Where(other => other.State == CircuitState.Ready)], now);

    void BuildPath(KnownCircuit carrying, Instant now)
    {
        var isStranded = carrying.Circuit.Stranded is not null;
        if (_source.TryStartPath(Request, carrying, _others, apart: !isStranded, now, out var started))
            _others.Add(started!);
        else
            _nextPathAt = now + (isStranded ? s_strandedRetry : s_noPath);
    }

    /// <summary>The circuit has gone on by another path, which has the relays that it left.</summary>
    void FollowReroute(KnownCircuit carrying, Instant now)
    {
        if (carrying.Reroutes == carrying.Circuit.Reroutes || _others.Find(other => other.Circuit == carrying.Circuit.Left) is not { } left)
            return;
        carrying.ExchangeWith(left, now);
        Trouble = null;
        Reroutes++;
        if (left.IsJudged)
            Drop(left, now);
    }

    void Drop(KnownCircuit other, Instant now)
    {
        _others.Remove(other);
        if (Carrying is { } circuit)
            TellPaths(circuit, now);
        _source.Close(other, now);
        _nextPathAt = now + s_nextPath;
    }

    void DropPaths(Instant now)
    {
        foreach (var other in _others.ToArray())
            Drop(other, now);
    }
}
