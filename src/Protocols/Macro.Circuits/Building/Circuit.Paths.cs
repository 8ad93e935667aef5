using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// The exit's session outlives the relays that lead to it. Another circuit, of the goal <see cref="CircuitGoal.Path"/>, ends at
/// a relay that has opened a channel to the same exit and has bound the session's indices there; both exchange their relays, and
/// the session goes on with its keys and its lease. The exit sees the client at another address and has it proven.
/// </summary>
public sealed partial class Circuit
{
    const int BadProbes = 3;
    static readonly TimeSpan s_strandedFor = TimeSpan.FromSeconds(5), s_settle = TimeSpan.FromSeconds(2), s_heardLately = TimeSpan.FromMilliseconds(600);

    volatile Circuit? _standby, _beside, _pathOf;
    Instant _strandedUntil = Instant.Never, _settledAt, _mutedUntil;
    bool _isBound, _isMoving;

    /// <summary>The circuit to whose exit this one leads; null for every goal but <see cref="CircuitGoal.Path"/>.</summary>
    public Circuit? PathOf { get => _pathOf; init => _pathOf = value; }

    /// <summary>The owner gives the circuit another path when it loses its own; else it fails.</summary>
    public bool IsRerouted { get; set; }

    /// <summary>The other path, ready to take over.</summary>
    public Circuit? Standby => _standby;

    /// <summary>The standby while packets go by both paths: a hop is suspect. Any thread.</summary>
    public Circuit? Beside => _beside;

    /// <summary>How often the circuit has gone on by another path.</summary>
    public int Reroutes { get; private set; }

    /// <summary>The path is lost and there is no other yet: packets go nowhere. Null: it stands.</summary>
    public CircuitFailure? Stranded { get; private set; }

    /// <summary>Packets go both ways. False while there is no path, and until the exit was heard by the one that took over after that.</summary>
    public bool IsPassing => Stranded is null && !_isMoving;

    bool HasStandby => _standby is { State: CircuitState.Ready };

    /// <summary>From now on that path, which is ready, is the standby; null: there is none.</summary>
    public void SetStandby(Circuit? path, Instant now)
    {
        if (path is not null && (path.Goal != CircuitGoal.Path || path.PathOf != this || path.Hops.Length != Hops.Length - 1))
            throw new ArgumentException("It is no path of this circuit.", nameof(path));
        (_standby, _beside) = (path, null);
        if (State != CircuitState.Ready || path is null)
            return;
        if (Stranded is not null)
            Reroute(now);
        else
            Knock(now);
    }

    /// <summary>The last relay of a path opens the way to the exit: both requests go in one burst, the second again if it overtook the first.</summary>
    void ReachExit(Hop last, Instant now)
    {
        Ask(last, new Extend { Channel = last.NextChannel, Descriptor = PathOf!.Exit.Target.Descriptor, Introducer = PathOf.Exit.Target.Introducer }, now);
        BindIndices(now);
    }

    void HandleReach(Hop last, ControlAnswer answer, Instant now)
    {
        switch (answer)
        {
            case { Type: ControlType.Bind, Status: ControlStatus.Ok } when State == CircuitState.Building:
                _isBound = true;
                BecomeReady(now);
                break;
            case { Status: ControlStatus.Ok } when !_isBound:
                BindIndices(now);
                break;
            case { Status: ControlStatus.Ok } or { Type: ControlType.Bind, Status: ControlStatus.NotFound }:
                break;
            case var _:
                Fail(last.Index, $"{answer.Type} refused: {answer.Status}", now, CircuitFailureKind.Refused);
                break;
        }
    }

    /// <summary>The newest comes last: it is the one that never gives way.</summary>
    void BindIndices(Instant now)
    {
        foreach (var index in PathOf!.Exit.Tunnel.ReceiverIndices.Reverse())
            Ask(Exit, new Bind { Channel = Exit.NextChannel, Index = index }, now);
    }

    void HandleEstablished(Hop hop, Instant now)
    {
        HopReached(hop, now);
        if (State == CircuitState.Ready && hop == Exit && HasStandby)
            _standby!.BindIndices(now);
    }

    /// <summary>
    /// Something of the exit's session goes by the standby alone. The exit does not know this address and challenges it, which opens the
    /// channel at the last relay; and it is heard, if it lives.
    /// </summary>
    void Knock(Instant now)
    {
        var output = Exit.Tunnel.Encapsulate(Frame.Wrap(_frame, FrameType.Control, _nextRequest++, ControlCodec.Encode(new Probe { Token = 0 })), _layers[Exit.Index], now);
        if (output.Kind == WireGuard.TunnelOutputKind.ToNetwork)
            _standby!.Carry(_layers[Exit.Index].AsSpan(0, output.Length), _standby.Hops.Length, now);
        // The exit is to stay where it is: only if it is lost there will it be told that this address is ours, too.
        _mutedUntil = now + s_heardLately;
    }

    void Prove(Hop hop, uint request, PathChallenge challenge, Instant now)
    {
        _isMoving &= hop != Exit;
        if (hop != Exit || now >= _mutedUntil || _beside is not null)
            Send(hop, FrameType.Control, request, ControlCodec.Encode(new PathResponse { Status = ControlStatus.Ok, Token = challenge.Token }), now);
    }

    /// <summary>While a hop is suspect packets go by both paths; when the standby is the better one it takes over.</summary>
    void ChoosePath(Instant now)
    {
        if (State != CircuitState.Ready)
            return;
        if (Stranded is { } lost && !Array.Exists(Hops, hop => hop.Health.IsDead)
            && Hops[lost.HopIndex].Tunnel.Activity.LastReceived > _strandedUntil - s_strandedFor)
            Settle();
        _isMoving &= Exit.Tunnel.Activity.LastReceived < _settledAt - s_settle;
        if (!HasStandby)
        {
            _beside = null;
            return;
        }
        var isSuspect = Array.Exists(Hops, hop => hop.Health.IsSuspect);
        if (isSuspect && _beside is null)
            _standby!.Hurry(now);
        _beside = isSuspect ? _standby : null;
        if (!isSuspect || now < _settledAt)
            return;
        var (worst, other) = (Worst(Hops.AsSpan(0, Hops.Length - 1)), Worst(_standby!.Hops));
        if (worst >= BadProbes && worst > 2 * other)
            Reroute(now);
        else if (Exit.Health.IsUnanswering && now - Exit.Tunnel.Activity.LastReceived < s_heardLately)
            Reroute(now);
        else if (Exit.Health.Misses > 0)
            Knock(now);
    }

    static int Worst(ReadOnlySpan<Hop> hops)
    {
        var worst = 0;
        foreach (var hop in hops)
            worst = Math.Max(worst, hop.Health.Unanswered);
        return worst;
    }

    /// <summary>Exchanges relays with the standby: that one has the old path now, and finds out what is wrong with it.</summary>
    void Reroute(Instant now)
    {
        var (path, exit) = (_standby!, Exit);
        var (old, next) = (Hops[..^1], path.Hops);
        foreach (var hop in old)
            hop.Circuit = path;
        foreach (var hop in next)
            hop.Circuit = this;
        (path._hops, _hops) = (old, [.. next, exit]);
        (path.Observed, Observed) = (Observed, path.Observed);
        exit.Health.BeginAnew(now);
        _isMoving = Stranded is not null;
        Settle();
        Reroutes++;
        (_beside, _mutedUntil, _settledAt) = (null, default, now + s_settle);
        path.Hurry(now);
        HurryProbes(now);
        ProbeHops(now);
    }

    void Settle() => (Stranded, _strandedUntil) = (null, Instant.Never);

    /// <summary>It is to be known soon how this path is.</summary>
    void Hurry(Instant now)
    {
        Volatile.Write(ref _lastTraffic, now.Ticks);
        HurryProbes(now);
        if (State == CircuitState.Ready)
            ProbeHops(now);
    }

    /// <summary>A hop is lost. When it is a relay, only the path is.</summary>
    void Lose(int hopIndex, string reason, Instant now, CircuitFailureKind kind = CircuitFailureKind.Silent)
    {
        if (State == CircuitState.Ready && IsRerouted && hopIndex < Hops.Length - 1)
        {
            if (HasStandby)
            {
                var path = _standby!;
                Reroute(now);
                path.Fail(hopIndex, reason, now, kind);
                return;
            }
            if (Stranded is null)
                (Stranded, _strandedUntil) = (new CircuitFailure(hopIndex, reason, kind), now + s_strandedFor);
            return;
        }
        Fail(hopIndex, reason, now, kind);
    }
}
