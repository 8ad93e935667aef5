using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// The circuits that are being built for one place. While a relay of the last one is late another is begun without that relay, up to four at a time, and
/// the first that stands is taken: so a dead relay costs the time until it is late, and not all of its handshakes. Where a
/// relay was late the attempt goes on to its end even then, so that the next choice knows whether it is dead.
/// </summary>
sealed class Attempts(ConnectRequest request, CircuitSource source)
{
    public const int Most = 4;

    readonly List<KnownCircuit> _circuits = [];

    public bool IsEmpty => _circuits.Count == 0;

    public IEnumerable<Circuit> Circuits => _circuits.Select(known => known.Circuit);

    /// <summary>The one that has come furthest; null when there is none.</summary>
    public KnownCircuit? Furthest => _circuits.MaxBy(known => known.Circuit.HopsReached);

    /// <summary>There is none that might stand soon.</summary>
    public bool WantsAnother => _circuits.Count < Most && _circuits.TrueForAll(known => known.Circuit.Late is not null);

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Never;
            foreach (var known in _circuits)
                next = Instant.Min(next, known.Circuit.NextTimeout);
            return next;
        }
    }

    /// <summary>Begins another one, if there is a path without those that are late.</summary>
    public PathAnswer Begin(ICircuitEnd end, Instant now)
    {
        var answer = source.TryStart(request, end, [.. _circuits.Select(Late).OfType<NodeId>()], now, out var started);
        if (started is not null)
            _circuits.Add(started);
        return answer;
    }

    public void HandleTimeout(Instant now)
    {
        foreach (var known in _circuits)
            known.Circuit.HandleTimeout(now);
    }

    /// <summary>Takes one that stands, or one that failed.</summary>
    public bool TryTakeEnded(Instant now, out KnownCircuit ended)
    {
        ended = null!;
        foreach (var known in _circuits)
        {
            if (known.Circuit.HopsReached > 0)
                source.Record.Network.Heard(known.Path.Hops[0].Relay.Id, known.Circuit.Hops[0].Tunnel.Activity.LastReceived);
            if (known.Circuit.State != CircuitState.Building)
                ended ??= known;
        }
        return ended is not null && _circuits.Remove(ended);
    }

    /// <summary>A circuit stands: what is left goes on only where a relay is late.</summary>
    public void Settle(Instant now)
    {
        foreach (var known in _circuits)
            if (known.Circuit.Late is null)
                source.Close(known, now);
        _circuits.RemoveAll(known => known.Circuit.State == CircuitState.Closed && known.Circuit.Failure is null);
    }

    public void Close(Instant now)
    {
        foreach (var known in _circuits)
            source.Close(known, now);
        _circuits.Clear();
    }

    static NodeId? Late(KnownCircuit known) => known.Circuit.Late is { } hop ? known.Path.Hops[hop.Index].Relay.Id : null;
}
