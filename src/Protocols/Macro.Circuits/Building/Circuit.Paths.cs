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
    static readonly TimeSpan s_bindAgain = TimeSpan.FromMilliseconds(50), s_renewal = TimeSpan.FromSeconds(5);

    volatile Circuit? _beside, _pathOf;
    volatile Circuit[] _others = [];
    Instant _strandedUntil = Instant.Never, _settledAt, _mutedUntil;
    bool _isBound, _isMoving;

    // Of a path: the newest index of the exit's session, the requests that bind it, and when to look for another.
    readonly List<uint> _newestBinds = new(0);
    uint _newestIndex;
    Instant _bindAt = Instant.Never, _renewedAt;

    /// <summary>The circuit to whose exit this one leads; null for every goal but <see cref="CircuitGoal.Path"/>.</summary>
    public Circuit? PathOf { get => _pathOf; init => _pathOf = value; }

    /// <summary>The owner gives the circuit another path when it loses its own; else it fails.</summary>
    public bool IsRerouted { get; set; }

    /// <summary>The other paths, each ready to take over. Any thread.</summary>
    public IReadOnlyList<Circuit> Others => _others;

    /// <summary>The one of them that would take over now.</summary>
    public Circuit? Standby => _others.Where(path => path.State == CircuitState.Ready).MinBy(path => Worst(path.Hops));

    /// <summary>The standby while packets go by both paths: a hop is suspect. Any thread.</summary>
    public Circuit? Beside => _beside;

    /// <summary>How often the circuit has gone on by another path.</summary>
    public int Reroutes { get; private set; }

    /// <summary>When it last did; null: never.</summary>
    public Instant? ReroutedAt { get; private set; }

    /// <summary>The path that it took last, and that has its old relays now; null: it took none.</summary>
    public Circuit? Left { get; private set; }

    /// <summary>The path is lost and there is no other yet: packets go nowhere. Null: it stands.</summary>
    public CircuitFailure? Stranded { get; private set; }

    /// <summary>Packets go both ways. False while there is no path, and until the exit was heard by the one that took over after that.</summary>
    public bool IsPassing => Stranded is null && !_isMoving;

    /// <summary>The last relay of a path may hand over what comes from the exit.</summary>
    internal bool IsLedToBy(Hop relay)
    {
        foreach (var path in _others)
            if (path.Exit == relay)
                return true;
        return false;
    }

    /// <summary>From now on these are the other paths, all of them ready.</summary>
    public void SetOthers(IReadOnlyList<Circuit> paths, Instant now)
    {
        ArgumentNullException.ThrowIfNull(paths);
        foreach (var path in paths)
            if (path.Goal != CircuitGoal.Path || path.PathOf != this || path.Hops.Length != Hops.Length - 1)
                throw new ArgumentException("It is no path of this circuit.", nameof(paths));
        var added = paths.Except(_others).ToArray();
        (_others, _beside) = ([.. paths], null);
        SharePaths(now);
        if (State != CircuitState.Ready || Standby is not { } standby)
            return;
        if (Stranded is not null)
            Reroute(standby, now);
        else if (!IsShared)
            foreach (var path in added)
                Knock(path, now);
    }

    /// <summary>The last relay of a path opens the way to the exit: both requests go in one burst, the second again if it overtook the first.</summary>
    void ReachExit(Hop last, Instant now)
    {
        Ask(last, new Extend { Channel = last.NextChannel, Descriptor = PathOf!.Exit.Target.Descriptor, Introducer = PathOf.Exit.Target.Introducer }, now);
        BindIndices(now);
    }

    void HandleReach(Hop last, ControlStatus status, Instant now)
    {
        if (status != ControlStatus.Ok)
            Fail(last.Index, $"Extend refused: {status}", now, CircuitFailureKind.Refused);
        else if (!_isBound)
            BindIndices(now);
    }

    void HandleBound(Hop last, uint request, ControlStatus status, Instant now)
    {
        var isNewest = _newestBinds.Contains(request);
        switch (status)
        {
            case ControlStatus.Ok when State == CircuitState.Building && isNewest:
                _isBound = true;
                BecomeReady(now);
                break;
            // A path that was lost ended at this relay, too, and does not know of it; there the session takes another index.
            case ControlStatus.Busy when State == CircuitState.Building && isNewest && PathOf!.IsPassing:
                _bindAt = now + s_bindAgain;
                PathOf.RenewExit(now);
                break;
            case ControlStatus.Busy when isNewest && Goal != CircuitGoal.Path:
                RenewExit(now);
                break;
            // It has started again since: the session was renewed, and the channel is gone.
            case ControlStatus.NotFound when State == CircuitState.Ready:
                Lose(last.Index, "has forgotten the way to the exit", now, CircuitFailureKind.Refused);
                break;
            case ControlStatus.Busy when !isNewest:
            case ControlStatus.Ok or ControlStatus.NotFound:
                break;
            case var _:
                Lose(last.Index, $"Bind refused: {status}", now, CircuitFailureKind.Refused);
                break;
        }
    }

    /// <summary>
    /// Binds the indices of the exit's session at the last relay before it. The newest comes last: it is the one that never gives way.
    /// </summary>
    void BindIndices(Instant now)
    {
        var (last, exit) = PathOf is { } path ? (Exit, path.Exit) : (Hops[Exit.Index - 1], Exit);
        uint[] indices = [.. exit.Tunnel.ReceiverIndices];
        if (indices.Length == 0)
            return;
        if (indices[0] != _newestIndex)
            _newestBinds.Clear();
        var request = 0u;
        foreach (var index in indices.Reverse())
            request = Ask(last, new Bind { Channel = last.NextChannel, Index = index }, now);
        _newestBinds.Add(request);
        (_newestIndex, _bindAt) = (indices[0], Instant.Never);
    }

    /// <summary>The index that was taken is to make way for another: when the session has it, it is bound.</summary>
    void BindAnother(Instant now)
    {
        if (now < _bindAt)
            return;
        if (PathOf!.Exit.Tunnel.ReceiverIndices.FirstOrDefault() != _newestIndex)
            BindIndices(now);
        else
            _bindAt = now + s_bindAgain;
    }

    /// <summary>The exit's session is renewed before its time, which gives it another receiver index.</summary>
    void RenewExit(Instant now)
    {
        if (State != CircuitState.Ready || now - _renewedAt < s_renewal)
            return;
        _renewedAt = now;
        Exit.Tunnel.Initiate(now);
        Drive(Exit, now);
    }

    void HandleEstablished(Hop hop, Instant now)
    {
        HopReached(hop, now);
        if (State != CircuitState.Ready || hop != Exit)
            return;
        // Packets may have gone by two paths: who knows by which the handshake came.
        if (Goal == CircuitGoal.Path || _others.Length > 0)
            BindIndices(now);
        foreach (var path in _others)
            path.BindAgain(now);
    }

    void BindAgain(Instant now)
    {
        if (State == CircuitState.Ready)
            BindIndices(now);
    }

    /// <summary>
    /// Something of the exit's session goes by that path alone. The exit does not know this address and challenges it, which opens the
    /// channel at the last relay; and it is heard, if it lives.
    /// </summary>
    void Knock(Circuit path, Instant now)
    {
        SendBy(path, new Probe { Token = 0 }, now);
        // The exit is to stay where it is: only if it is lost there will it be told that this address is ours, too.
        _mutedUntil = now + HeardLately;
    }

    void Prove(Hop hop, uint request, PathChallenge challenge, Instant now)
    {
        _isMoving &= hop != Exit;
        if (hop == Exit && IsShared)
            Join(request, challenge, now);
        else if (hop != Exit || now >= _mutedUntil || _beside is not null)
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
        if (_others.Length == 0 || Standby is not { } standby)
        {
            _beside = null;
            return;
        }
        var isSuspect = Array.Exists(Hops, hop => hop.Health.IsSuspect);
        if (isSuspect && _beside is null)
            standby.Hurry(now);
        _beside = isSuspect ? standby : null;
        if (!isSuspect || now < _settledAt)
            return;
        // One of several that is full loses probes, too: while much goes by them, what its packets tell decides.
        if (IsWorseThan(standby) && (!IsShared || !IsBusy(now) || Hops[Exit.Index - 1].Meter?.IsAside(now) == true))
            Reroute(standby, now);
        else if (Exit.Health.IsUnanswering && now - Exit.Tunnel.Activity.LastReceived < HeardLately)
            Reroute(standby, now);
        else if (Exit.Health.Misses > 0 && !IsShared)
            Knock(standby, now);
    }

    /// <summary>What the exit was asked by another path can have been answered by then.</summary>
    TimeSpan HeardLately => Longest(s_heardLately, 2 * Exit.Health.RoundTrip ?? default);

    /// <summary>
    /// The path in use leaves probes open that the other does not. Behind a relay that loses, the others lose, too: together they show it
    /// sooner, where the other path shows nothing; but not at the first moment that all of them miss. And the exit alone tells only while it
    /// answers in between: one that is dead is no better by another path.
    /// </summary>
    bool IsWorseThan(Circuit standby)
    {
        var (worst, other) = (Worst(Hops.AsSpan(0, Hops.Length - 1)), Worst(standby.Hops));
        if (worst >= BadProbes && worst > 2 * other)
            return true;
        return other == 0 && (worst > 0 || Exit.Health.Misses == 0) && Worst(Hops) > 1 && Missed(Hops) >= BadProbes;
    }

    static int Missed(ReadOnlySpan<Hop> hops)
    {
        var missed = 0;
        foreach (var hop in hops)
            missed += hop.Health.Unanswered;
        return missed;
    }

    static int Worst(ReadOnlySpan<Hop> hops)
    {
        var worst = 0;
        foreach (var hop in hops)
            worst = Math.Max(worst, hop.Health.Unanswered);
        return worst;
    }

    /// <summary>Exchanges relays with another path: that one has the old relays now, and finds out what is wrong with them.</summary>
    void Reroute(Circuit path, Instant now)
    {
        var exit = Exit;
        var (old, next) = (Hops[..^1], path.Hops);
        foreach (var hop in old)
            hop.Circuit = path;
        foreach (var hop in next)
            hop.Circuit = this;
        (path._hops, _hops) = (old, [.. next, exit]);
        (path.Observed, Observed) = (Observed, path.Observed);
        exit.Health.BeginAnew(now);
        if (next[^1].Health.RoundTrip + exit.Health.RoundTrip is { } most)
            exit.Health.Expect(most);
        _isMoving = Stranded is not null;
        Settle();
        Reroutes++;
        (Left, ReroutedAt) = (path, now);
        SharePaths(now);
        (_beside, _mutedUntil, _settledAt) = (null, default, now + s_settle);
        path.Hurry(now);
        // A last relay may have missed an index when packets were lost, or have started again and know no way to the exit.
        BindIndices(now);
        path.BindAgain(now);
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
            if (Standby is { } path)
            {
                Reroute(path, now);
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
