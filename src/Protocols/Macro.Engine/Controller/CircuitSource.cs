using Macro.Circuits;
using Macro.Core;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// Where the circuits of a client come from: chosen, made, timed and judged in one place, some of them ahead of time.
/// </summary>
sealed class CircuitSource
{
    readonly IndexTable _indices;
    readonly Outbox _outbox;
    readonly IRandom _random;
    readonly BuildTimes[] _times = [.. Enumerable.Range(0, CircuitMtu.MaxHops + 1).Select(_ => new BuildTimes())];

    public CircuitSource(IndexTable indices, Outbox outbox, IRandom random)
    {
        (_indices, _outbox, _random) = (indices, outbox, random);
        Paths = new PathChooser(random);
        Record = new CircuitRecord(Paths);
        Spares = new SpareCircuits(this, random);
    }

    public PathChooser Paths { get; }

    public CircuitRecord Record { get; }

    /// <summary>Of the circuits that are over, since <see cref="Spent"/> was last set.</summary>
    public WireCost Spent { get; set; }

    public SpareCircuits Spares { get; }

    /// <summary>Chooses a path and begins to build it.</summary>
    /// <param name="end">Where its packets come out; null: that is not known yet.</param>
    /// <param name="late">Relays that do not answer another attempt as soon as they should: this one does without them.</param>
    public PathAnswer TryStart(ConnectRequest request, ICircuitEnd? end, IReadOnlyCollection<NodeId> late, Instant now, out KnownCircuit? started)
    {
        started = null;
        var answer = Paths.Choose(request, late, now);
        if (answer.Path is not { } path)
            return answer;
        var circuit = new Circuit(Paths.Targets(path, now), _indices, _outbox, _random, now, _times[path.Hops.Count].Patience, request.Mode.IsConstantSize())
        {
            End = end,
            GoesEarly = GoesEarly && request.Mode.GoesEarly(),
            MayBypass = path.Hops.Count > request.Mode.Profile().Hops && !path.Hops[^1].Relay.IsPublic,
        };
        started = new KnownCircuit(circuit, path, now);
        if (path.Hops.Count > 1)
            Paths.Guards.Begun(path.Hops[0].Relay.Id, now);
        circuit.Start(now);
        return answer;
    }

    /// <summary>Chooses another path to the exit of a circuit, and begins to build it.</summary>
    /// <param name="others">The other paths that it has.</param>
    /// <param name="apart">It shares nothing with the path in use and the others but the exit. Else it avoids what failed.</param>
    public bool TryStartPath(ConnectRequest request, KnownCircuit of, IEnumerable<KnownCircuit> others, bool apart, Instant now, out KnownCircuit? started)
    {
        started = null;
        if (Paths.ChooseAnother(request, of.Path, others.Select(other => other.Path), apart, now).Path is not { } path || path.Hops.Count != of.Path.Hops.Count)
            return false;
        var relays = Paths.Targets(path, now)[..^1];
        var circuit = new Circuit(relays, _indices, _outbox, _random, now, _times[relays.Length].Patience, request.Mode.IsConstantSize())
        {
            Goal = CircuitGoal.Path,
            PathOf = of.Circuit,
            GoesEarly = GoesEarly && request.Mode.GoesEarly(),
        };
        started = new KnownCircuit(circuit, path, now);
        circuit.Start(now);
        return true;
    }

    /// <summary>Whether circuits in use have a second path that is ready.</summary>
    public bool KeepsStandby { get; set; } = true;

    /// <summary>Paths by which a circuit sends at the same time, where its mode allows that.</summary>
    public int PathsWanted { get; set; } = 1;

    /// <summary>Whoever is afraid of an observer shows himself to one guard; one hop has no path but one.</summary>
    public int MostPaths(ConnectionMode mode) => mode is ConnectionMode.Paranoid or ConnectionMode.Speed ? 1 : PathsWanted;

    /// <summary>Circuits are built in one round trip where the mode and the relays allow it.</summary>
    public bool GoesEarly { get; set; } = true;

    public void Built(KnownCircuit circuit, Instant now)
    {
        _times[circuit.Circuit.Hops.Length].Finished(now - circuit.StartedAt);
        Record.Built(circuit, now);
    }

    /// <summary>It stands. Its time begins with its first packet.</summary>
    public void Observe(KnownCircuit circuit, Instant now)
    {
        Record.Observe(circuit, now);
        if (circuit.RotateAt == Instant.Never && circuit.BuiltAt != default && circuit.Circuit.LastTraffic > circuit.BuiltAt)
            circuit.RotateAt = Rotation.Due(now, _random);
    }

    public void Lost(KnownCircuit circuit, Instant now)
    {
        LearnPatience(circuit, now);
        Record.Lost(circuit, now);
        Spent += WireCost.Of(circuit.Circuit);
    }

    public void Close(KnownCircuit circuit, Instant now)
    {
        LearnPatience(circuit, now);
        Record.Served(circuit, now);
        circuit.Circuit.Close(now);
        Spent += WireCost.Of(circuit.Circuit);
    }

    void LearnPatience(KnownCircuit circuit, Instant now)
    {
        if (circuit.Circuit.RanOutOfPatience && circuit.BuiltAt == default)
            _times[circuit.Circuit.Hops.Length].GaveUp(now - circuit.StartedAt);
    }
}
