using Macro.Circuits;
using Macro.Core;
using Macro.Nat;

namespace Macro.Engine;

/// <summary>
/// Of a client whose exit stands behind a NAT: looks for the direct path that spares the introducer, moves the exit's session
/// there, and back when it is lost. The session stays the same, so nothing is lost and nothing comes twice. A state machine
/// of one owner thread.
/// </summary>
public sealed class Bypasses(DirectPaths direct)
{
    static readonly TimeSpan s_retry = TimeSpan.FromSeconds(30), s_hurry = TimeSpan.FromMilliseconds(250);

    sealed class Bypass(Circuit circuit)
    {
        public readonly Circuit Circuit = circuit;
        public (Introduction What, Hop Introducer, uint Request)? Asked;
        public DirectPath? Path;
        public Instant TryAt;
    }

    readonly List<Bypass> _bypasses = [];

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Never;
            foreach (var bypass in _bypasses)
                next = Instant.Min(next, IsAllowed && bypass is { Path: null, Asked: null } ? bypass.TryAt : Instant.Never);
            return next;
        }
    }

    /// <summary>Whether direct paths are looked for; true unless a person wants it otherwise.</summary>
    public bool IsAllowed { get; set; } = true;

    /// <summary>Looks at what the last step did.</summary>
    /// <param name="circuits">All that carry packets.</param>
    public void Observe(IEnumerable<Circuit> circuits, Instant now)
    {
        ArgumentNullException.ThrowIfNull(circuits);
        foreach (var circuit in circuits)
            if (circuit.MayBypass && circuit.State == CircuitState.Ready && !_bypasses.Exists(b => b.Circuit == circuit))
                _bypasses.Add(new Bypass(circuit));
        for (var i = _bypasses.Count - 1; i >= 0; i--)
        {
            var bypass = _bypasses[i];
            if (bypass.Circuit.State == CircuitState.Ready)
                Advance(bypass, now);
            else
            {
                Close(bypass, now);
                _bypasses.RemoveAt(i);
            }
        }
    }

    void Advance(Bypass bypass, Instant now)
    {
        var (circuit, hop) = (bypass.Circuit, bypass.Circuit.Exit);
        if (bypass.Path is { } path)
        {
            if (path.IsOver || !IsAllowed)
                Close(bypass, now);
            else if (path.LastTraffic < circuit.LastTraffic)
                direct.Puncher.NoteTraffic(path, circuit.LastTraffic);
        }
        hop.Direct = bypass.Path switch
        {
            { Use: PathUse.Both, Path: { } way } => Keep(hop.Direct, new DirectWay(way.Remote, Alone: false)),
            // A probe that is missed shows sooner than the pings that the path may be dead.
            { Use: PathUse.Direct, Path: { } way } => Keep(hop.Direct, new DirectWay(way.Remote, Alone: !hop.Health.IsSuspect)),
            _ => null,
        };
        while (circuit.TryTakeAnswer(out var request, out var answer))
            if (bypass.Asked is { } asked && asked.Request == request)
                (bypass.Path, bypass.Asked, bypass.TryAt) = (direct.Begin(asked.What, answer, hop, now), null, now + s_retry);
        // The circuit goes on by another relay: the answer comes to the path that it has left.
        if (bypass.Asked is { } lost && lost.Introducer != hop.Previous)
            bypass.Asked = null;
        if (bypass.Path is not null || bypass.Asked is not null || now < bypass.TryAt || !IsAllowed)
            return;
        var introducer = hop.Previous!;
        bypass.TryAt = now + s_hurry;
        if (direct.Prepare(hop.Target.Node, hop.Target.RelayKey, introducer.Health.RoundTrip ?? default, now) is { } introduction)
            bypass.Asked = (introduction, introducer, circuit.AskIntroduction(introducer, introduction.Request, now));
    }

    void Close(Bypass bypass, Instant now)
    {
        if (bypass.Path is { IsOver: false } path)
            direct.Puncher.Close(path);
        (bypass.Path, bypass.TryAt, bypass.Circuit.Exit.Direct) = (null, now + s_retry, null);
    }

    static DirectWay Keep(DirectWay? old, DirectWay now) => old == now ? old : now;
}
