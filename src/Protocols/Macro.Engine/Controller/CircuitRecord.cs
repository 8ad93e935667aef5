using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// Writes down what circuits show of their relays: round-trip times, rates, success and failure, and whose fault it was. One for all
/// circuits of a client, because only together do they tell a dead relay from a dead network.
/// </summary>
sealed class CircuitRecord(PathChooser paths)
{
    static readonly TimeSpan s_measureEvery = TimeSpan.FromSeconds(10), s_creditEvery = TimeSpan.FromMinutes(10), s_leastService = TimeSpan.FromMinutes(1);

    public OwnNetwork Network { get; } = new();

    /// <summary>It carries packets.</summary>
    public void Built(KnownCircuit circuit, Instant now)
    {
        circuit.BuiltAt = circuit.MeasuredAt = circuit.CreditedAt = now;
        if (circuit.Path.Hops.Count > 1)
            paths.Guards.Succeeded(circuit.Path.Hops[0].Relay.Id, now);
    }

    /// <summary>Time passes, and it stands.</summary>
    public void Observe(KnownCircuit circuit, Instant now)
    {
        var hops = circuit.Circuit.Hops;
        Network.Heard(circuit.Path.Hops[0].Relay.Id, hops[0].Tunnel.Activity.LastReceived);
        TakeDenied(circuit, now);
        var time = now - circuit.MeasuredAt;
        if (circuit.BuiltAt == default || time < s_measureEvery)
            return;
        var activity = hops[0].Tunnel.Activity;
        var bytes = activity.BytesSent + activity.BytesReceived - circuit.MeasuredBytes;
        (circuit.MeasuredAt, circuit.MeasuredBytes) = (now, circuit.MeasuredBytes + bytes);
        foreach (var hop in circuit.Path.Hops)
            paths.Book.Delivered(hop.Relay.Id, bytes, time, now);
        JudgeForgeries(circuit, now);
        if (now - circuit.CreditedAt >= s_creditEvery)
            Credit(circuit, now);
        if (hops[0].Health.RoundTrip is { } roundTrip)
        {
            var entry = circuit.Path.Hops[0].Relay;
            paths.Book.Measured(entry.Id, roundTrip, now);
            paths.Position.Observe(entry.Id, entry.Coordinates, roundTrip);
        }
    }

    /// <summary>It was closed by its owner after it served.</summary>
    public void Served(KnownCircuit circuit, Instant now)
    {
        if (circuit.BuiltAt != default && now - circuit.CreditedAt >= s_leastService)
            Credit(circuit, now);
    }

    /// <summary>It failed, being built or in use.</summary>
    public void Lost(KnownCircuit circuit, Instant now) => Lost(circuit, circuit.Circuit.Failure, now);

    /// <summary>The same of one that goes on by another path. Each is judged once.</summary>
    public void Lost(KnownCircuit circuit, CircuitFailure? failure, Instant now)
    {
        if (failure is not { Kind: not CircuitFailureKind.Late } || circuit.IsJudged)
            return;
        circuit.IsJudged = true;
        NodeId[] ids = [.. circuit.Path.Hops.Select(hop => hop.Relay.Id)];
        var relay = circuit.Path.Hops[failure.HopIndex].Relay;
        if (failure.Kind == CircuitFailureKind.Mute)
        {
            paths.AvoidMute(relay, now);
            return;
        }
        paths.Avoid(relay, onlyByUdp: failure.HopIndex == 0 && (!paths.EntriesByTcp || relay.Target.TcpEndpoint.IsNone), now);
        if (failure.Kind == CircuitFailureKind.Refused)
        {
            paths.Book.Declined(relay.Id, inUse: circuit.BuiltAt != default, now);
            Convict(now);
            return;
        }
        var hop = circuit.Circuit.Hops[failure.HopIndex];
        var heard = hop.Tunnel.Activity.LastReceived;
        // Who answers some questions and leaves others open is heard himself; and he who falls silent alone, behind an entry that does not.
        var worked = hop.Health.Silence is not { } silence || (failure.HopIndex > 0 && !circuit.Circuit.Hops[0].Health.IsSuspect)
            || Network.WorkedDuring(silence.Since, silence.Asked, ids[0]);
        var slept = Network.SleptSince(heard == default ? circuit.StartedAt : heard);
        var loss = new CircuitLoss(ids, failure.HopIndex, worked, slept, CouldChoose: failure.HopIndex < circuit.Circuit.HopsReached || hop.KnowsNext);
        Blame.Assign(loss, paths.Book, now);
        if (worked && !slept)
            paths.GoCarefully(relay, now);
        if (failure.HopIndex == 0 && ids.Length > 1 && !loss.Slept)
            paths.Guards.Failed(ids[0], loss.NetworkWorked, now);
        Convict(now);
    }

    /// <summary>
    /// The internet answered by another exit what it did not by this one. A relay before it may have let pass only what is as small as a
    /// probe, so they share the blame.
    /// </summary>
    public void WasMute(ChosenPath path, Instant now)
    {
        var exit = path.Hops[^1].Relay.Id;
        if (path.Hops.Count > 1)
            paths.Book.Failed(path.Hops[^2].Relay.Id, exit, couldChoose: true, now);
        else
            paths.Book.Failed(exit, couldChoose: true, now);
        Convict(now);
    }

    /// <summary>An exit that refuses what it promises is found by its own word. The circuit makes way as soon as nothing hangs on it.</summary>
    void TakeDenied(KnownCircuit circuit, Instant now)
    {
        var exit = circuit.Path.Hops[^1].Relay;
        while (circuit.Circuit.TryTakeDenied(out var denied))
            if (denied.IsPromisedBy(exit.Policy))
                paths.Book.Refused(exit.Id, denied.Network, now);
        if (Convict(now))
            circuit.RotateAt = now;
    }

    /// <summary>Once in the time in which it would earn credit, which it does not get.</summary>
    void JudgeForgeries(KnownCircuit circuit, Instant now)
    {
        var (hops, path) = (circuit.Circuit.Hops, circuit.Path.Hops);
        for (var i = 0; i < hops.Length && i + 1 < path.Count; i++)
        {
            if (!hops[i].Forgeries.WereMany(hops[i].Tunnel.Activity.BytesReceived) || now - circuit.TamperedAt < s_creditEvery)
                continue;
            circuit.TamperedAt = circuit.CreditedAt = now;
            paths.Book.Tampered(path[i].Relay.Id, path[i + 1].Relay.Id, now);
        }
        Convict(now);
    }

    bool Convict(Instant now)
    {
        var found = false;
        for (; paths.Book.TryTakeSuspect(out var suspect, out var offence); found = true)
            paths.Blocklist.Convict(suspect, offence, now);
        return found;
    }

    void Credit(KnownCircuit circuit, Instant now)
    {
        circuit.CreditedAt = now;
        foreach (var hop in circuit.Path.Hops)
            paths.Book.Succeeded(hop.Relay.Id, now);
    }
}
