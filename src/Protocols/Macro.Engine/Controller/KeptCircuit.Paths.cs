using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>
/// The second path of a circuit in use: kept ready, so that the circuit survives its relays, or built when the first is lost and
/// there was none. It shares only the exit with the first where the relays that are known allow it.
/// </summary>
public sealed partial class KeptCircuit
{
    static readonly TimeSpan s_nextStandby = TimeSpan.FromSeconds(5), s_noStandby = TimeSpan.FromMinutes(1), s_strandedRetry = TimeSpan.FromMilliseconds(250);

    KnownCircuit? _standby;
    Instant _standbyAt = Instant.Never;

    /// <summary>The other path to the exit of <see cref="Carrying"/>, ready or being built; null: there is none.</summary>
    public Circuit? Standby => _standby?.Circuit;

    /// <summary>How often the circuits of this key have gone on by another path.</summary>
    public int Reroutes { get; private set; }

    /// <summary>Its path is lost and no other carries packets yet.</summary>
    public bool IsStranded => Carrying is { IsPassing: false };

    Instant NextPathTimeout => _carrying is null ? Instant.Never : _standby?.Circuit.NextTimeout ?? _standbyAt;

    void BeginPaths(Circuit circuit, Instant now)
    {
        circuit.IsRerouted = circuit.Hops.Length > 1;
        _standbyAt = circuit.IsRerouted && _source.KeepsStandby ? now : Instant.Never;
    }

    /// <summary>Looks at what the last step did to the paths of the circuit in use.</summary>
    void KeepPath(KnownCircuit carrying, Instant now)
    {
        var circuit = carrying.Circuit;
        FollowReroute(carrying, now);
        if (_standby is { Circuit.State: CircuitState.Closed } lost)
        {
            _standby = null;
            circuit.SetStandby(null, now);
            _source.Lost(lost, now);
            _standbyAt = now + (circuit.Stranded is null ? s_nextStandby : s_strandedRetry);
        }
        else if (_standby is { Circuit.State: CircuitState.Ready } standby)
        {
            if (standby.BuiltAt == default)
            {
                _source.Built(standby, now);
                circuit.SetStandby(standby.Circuit, now);
                FollowReroute(carrying, now);
            }
            else
                _source.Record.Observe(standby, now);
        }
        if (circuit.Stranded is null)
            carrying.IsJudged = false;
        else if (circuit.Stranded is { } failure && !carrying.IsJudged)
        {
            _source.Record.Lost(carrying, failure, now);
            Trouble = (Describe(circuit), "");
            _standbyAt = now;
        }
        if (_standby is null && now >= _standbyAt)
            BuildPath(carrying, now);
    }

    void BuildPath(KnownCircuit carrying, Instant now)
    {
        var isStranded = carrying.Circuit.Stranded is not null;
        if (!isStranded && !_source.KeepsStandby)
            _standbyAt = Instant.Never;
        else if (!_source.TryStartPath(_request, carrying, apart: !isStranded, now, out _standby))
            _standbyAt = now + (isStranded ? s_strandedRetry : s_noStandby);
    }

    /// <summary>The circuit has gone on by its standby, which has the relays that it left.</summary>
    void FollowReroute(KnownCircuit carrying, Instant now)
    {
        if (carrying.Reroutes == carrying.Circuit.Reroutes || _standby is null)
            return;
        carrying.ExchangeWith(_standby, now);
        Trouble = null;
        Reroutes++;
        if (_standby.IsJudged)
            DropStandby(now);
    }

    void DropStandby(Instant now)
    {
        if (_standby is null)
            return;
        Carrying?.SetStandby(null, now);
        _source.Close(_standby, now);
        _standby = null;
        _standbyAt = now + s_nextStandby;
    }
}
