using Macro.Core;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// A circuit of 1 to 3 hops: nested WireGuard sessions. The initiation for the next hop travels in the same burst as the <see cref="Extend"/>
/// that opens its channel, so a hop costs one round trip; or all of them together cost one, by early data.
/// A state machine of one owner thread; datagrams leave through the outbox.
/// </summary>
public sealed partial class Circuit
{
    static readonly TimeSpan s_buildTimeout = TimeSpan.FromSeconds(10);

    static readonly TimeSpan s_activeProbe = TimeSpan.FromMilliseconds(700);
    static readonly TimeSpan s_suspectProbe = TimeSpan.FromMilliseconds(250);
    static readonly TimeSpan s_activeFor = TimeSpan.FromSeconds(10);

    readonly Outbox _outbox;
    readonly IRandom _random;
    volatile Hop[] _hops;
    readonly byte[][] _layers;
    readonly byte[] _frame = new byte[2048];
    readonly Instant _startedAt;
    Instant _buildDeadline, _hopDeadline, _hopStarted, _progressAt;
    bool _isHurried;
    TimeSpan _patience = s_entryPatience;
    long _lastTraffic;
    int _reached = -1;
    uint _nextRequest;
    bool _observedIsNew, _isLate;

    public Circuit(ReadOnlySpan<HopTarget> targets, IndexTable indices, Outbox outbox, IRandom random, Instant now, TimeSpan? patience = null, bool isConstantSize = false)
    {
        ArgumentOutOfRangeException.ThrowIfZero(targets.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(targets.Length, CircuitMtu.MaxHops);
        _outbox = outbox;
        _random = random;
        IsConstantSize = isConstantSize;
        // Times that the exit is told begin above zero, and say nothing of the clock.
        _epoch = now - TimeSpan.FromSeconds(1);
        _startedAt = _progressAt = now;
        _buildDeadline = now + (patience ?? s_buildTimeout);
        _isHurried = patience < s_buildTimeout;
        _layers = new byte[targets.Length][];
        _hops = new Hop[targets.Length];
        for (var i = 0; i < targets.Length; i++)
        {
            _hops[i] = new Hop(this, i, targets[i], isConstantSize, indices, random);
            _layers[i] = new byte[2048];
        }
        _nextRequest = random.NextUInt32();
    }

    public CircuitGoal Goal { get; init; } = CircuitGoal.Exit;

    /// <summary>The first hop is only there to reach the last, which may know the client's address: without it is better.</summary>
    public bool MayBypass { get; init; }

    /// <summary>Handshakes go out together where relays take early data.</summary>
    public bool GoesEarly { get => _goesEarly; init => _goesEarly = value; }

    /// <summary>Of the node that registers; null for every other goal.</summary>
    public NodeIdentity? Identity { get; init; }

    /// <summary>Between probes while nothing else happens; so often, that no NAT before us forgets the way. Default 25 s.</summary>
    public TimeSpan IdleProbe { get; private set; } = TimeSpan.FromSeconds(25);

    /// <summary>Changes <see cref="IdleProbe"/>; what is due sooner now is not late.</summary>
    public void ProbeEvery(TimeSpan idle, Instant now)
    {
        if (idle == IdleProbe)
            return;
        IdleProbe = idle;
        if (State != CircuitState.Ready || !IsWatched)
            return;
        foreach (var hop in Hops)
            hop.Health.NextProbe = Instant.Min(hop.Health.NextProbe, now + idle);
    }

    bool IsWatched => Goal is CircuitGoal.Exit or CircuitGoal.Registration or CircuitGoal.Path;

    /// <summary>All data messages between two nodes have one size. Any thread.</summary>
    public bool IsConstantSize { get; }

    /// <summary>Entry first. Another array once the circuit goes on by another path. Any thread.</summary>
    public Hop[] Hops => _hops;

    /// <summary>Where the outermost datagrams go; a <see cref="TcpEndpoint"/> where the entry is reached so. Any thread reads it.</summary>
    public Endpoint Entry => Hops[0].Remote;

    /// <summary>Where packets from the exit come out; null: nowhere. Set before the first packet goes in.</summary>
    public ICircuitEnd? End { get; set; }

    public Hop Exit => Hops[^1];

    public CircuitState State { get; private set; }

    /// <summary>Hops that have completed their handshake.</summary>
    public int HopsReached => _reached + 1;

    /// <summary>The hop that is waited for, when it has let the time for a handshake pass already, or much of the patience for the circuit; null: nobody is late.</summary>
    public Hop? Late => State == CircuitState.Building && _isLate ? Awaited : null;

    Hop Awaited => Hops[Math.Min(HopsReached, Hops.Length - 1)];

    /// <summary>The patience for the whole circuit ended before it stood.</summary>
    public bool RanOutOfPatience { get; private set; }

    /// <summary>When the last hop had answered its handshake; default before.</summary>
    public Instant ReachedAt { get; private set; }

    public CircuitFailure? Failure { get; private set; }

    /// <summary>What the exit said when it opened.</summary>
    public OpenExitAnswer? ExitTerms { get; private set; }

    /// <summary>This client's address as the entry sees it.</summary>
    public Endpoint Observed { get; private set; }

    /// <summary>The entry has told <see cref="Observed"/>, and nobody took it yet.</summary>
    public bool TryTakeObserved(out Endpoint observed)
    {
        (observed, var isNew, _observedIsNew) = (Observed, _observedIsNew, false);
        return isNew;
    }

    public Instant NextTimeout
    {
        get
        {
            if (State == CircuitState.Closed)
                return Instant.Never;
            var next = State == CircuitState.Building
                ? Instant.Min(Instant.Min(_buildDeadline, _hopDeadline), _bindAt)
                : Instant.Min(Instant.Min(_strandedUntil, NextCover), Instant.Min(_nextReport, Exit.Order?.NextTimeout ?? Instant.Never));
            foreach (var hop in Hops.AsSpan(0, Math.Min(Hops.Length, _reached + 2)))
            {
                next = Instant.Min(next, Instant.Min(hop.Tunnel.NextTimeout, hop.Requests.NextTimeout));
                next = Instant.Min(next, hop.Health.NextTimeout);
            }
            return next;
        }
    }

    public void Start(Instant now) => Connect(0, now);

    /// <summary>
    /// The entry is reached by another way from now on, in the same session. What is asked goes there at once, so that the entry
    /// hears of it.
    /// </summary>
    public void MoveEntry(Endpoint entry, Instant now)
    {
        if (State == CircuitState.Closed || entry == Entry)
            return;
        Hops[0].Remote = entry;
        if (_reached < 0)
        {
            LeaveFlight(0);
            Hops[0].Restart();
            StartHandshake(Hops[0], now);
        }
        else if (State == CircuitState.Ready && IsWatched)
        {
            HurryProbes(now);
            ProbeHops(now);
        }
    }

    /// <summary>A handshake message (types 2, 3) that came for a hop by the way that leads to it, or data that came before its session stood.</summary>
    public void HandleHandshake(Hop hop, ReadOnlySpan<byte> datagram, Instant now)
    {
        if (State == CircuitState.Closed)
            return;
        if (Message.TryReadType(datagram, out var type) && type == MessageType.Data)
        {
            HandleEarly(hop, datagram, now);
            return;
        }
        var output = hop.Tunnel.Decapsulate(datagram, _layers[hop.Index], now);
        Transmit(hop, output, now);
        // A relay under load wants its cookie back; at once, for WireGuard alone would wait five seconds.
        if (output.Kind == TunnelOutputKind.Nothing && type == MessageType.CookieReply)
            Reconnect(hop.Index, now);
        Drive(hop, now);
        while (State != CircuitState.Closed && hop.Tunnel.Sending is not null && hop.TryTakeHeld(out var held))
            HandleEarly(hop, held, now);
    }

    /// <summary>An opened payload of a hop's session that the fast path does not handle: answers to control requests.</summary>
    public void HandlePayload(Hop hop, ReadOnlySpan<byte> payload, Instant now)
    {
        if (State == CircuitState.Closed)
            return;
        if (hop == Exit && DenialNotice.TryRead(payload, out var denied) && _denied.Count < MostDenied)
            _denied.Enqueue(denied);
        if (!Frame.TryRead(payload, out var frame) || frame.Type != FrameType.Control)
            return;
        hop.IsPadding = payload.Length == hop.PadTo;
        var body = payload.Slice(Frame.HeaderSize, frame.Length);
        if (ControlCodec.Decode(body, out var message, out var type, out var isAnswer) != ControlVerdict.Ok)
            return;
        if (message is PathChallenge challenge)
            Prove(hop, frame.Channel, challenge, now);
        else if (message is Close { Channel: 0 } && !isAnswer)
            Lose(hop.Index, "shut down", now, CircuitFailureKind.Refused);
        else if (message is Introduced introduced && Goal == CircuitGoal.Registration && _introduced.Count < MostIntroduced)
            _introduced.Enqueue((frame.Channel, introduced));
        else if (!isAnswer)
            return;
        else if (message is ProbeAnswer { Report: { } report, Token: var token } && hop == Exit)
            HandleReport(token, report, now);
        else if (message is ProbeAnswer probe)
            hop.Health.Answered(probe.Token, now);
        else if (message is StatusAnswer { Asked: ControlType.Bind, Status: ControlStatus.Busy } && frame.Channel == hop.NextChannel)
            Reconnect(hop.Index + 1, now);
        else if (hop.Requests.TryComplete(frame.Channel, type))
        {
            hop.Health.Heard();
            HandleAnswer(hop, frame.Channel, (ControlAnswer)message!, now);
        }
    }

    /// <summary>The fast path says that a timer of this hop may need setting, or that traffic began.</summary>
    public void HandleActivity(Hop hop, Instant now)
    {
        if (State == CircuitState.Closed)
            return;
        hop.Tunnel.HandleActivity(now);
        Drive(hop, now);
        if (State == CircuitState.Ready && IsWatched && IsActive(now))
        {
            HurryProbes(now);
            _nextReport = Instant.Min(_nextReport, IsShared ? now : Instant.Never);
        }
    }

    /// <summary>What the last handshake took, there and back.</summary>
    public TimeSpan LastRoundTrip { get; private set; }

    /// <summary>When packets last left through it, or it became ready. Any thread.</summary>
    public Instant LastTraffic => new(Volatile.Read(ref _lastTraffic));

    /// <summary>
    /// From a pump thread: packets leave through the circuit. True when they begin after a pause: the owner thread must be
    /// told (<see cref="HandleActivity"/>), so that it probes often while there is traffic.
    /// </summary>
    internal bool NoteTraffic(Instant now)
    {
        var last = LastTraffic;
        Volatile.Write(ref _lastTraffic, now.Ticks);
        return now - last > s_activeFor / 2;
    }

    public void HandleTimeout(Instant now)
    {
        if (State == CircuitState.Closed)
            return;
        if (State == CircuitState.Building && now >= _buildDeadline)
        {
            EndPatience(now);
            if (State == CircuitState.Closed)
                return;
        }
        if (State == CircuitState.Building && now >= _hopDeadline)
        {
            if (!TryTelescope(now))
            {
                _isLate = true;
                Hops[_reached + 1].Health.Missed(_hopStarted, now);
                Reconnect(_reached + 1, now);
            }
        }
        if (State == CircuitState.Building)
            BindAnother(now);
        if (Stranded is { } lost && now >= _strandedUntil)
            Fail(lost.HopIndex, lost.Reason, now, lost.Kind);
        for (var i = 0; i < Hops.Length && i <= _reached + 1 && State != CircuitState.Closed; i++)
        {
            Drive(Hops[i], now);
            Repeat(Hops[i], now);
        }
        if (State == CircuitState.Ready && IsWatched)
            Watch(now);
        ReportPaths(now);
        ReleasePackets(now);
        KeepCover(now);
        SendCover(now);
    }

    /// <summary>Tells every hop to forget us, innermost first, and wipes the keys.</summary>
    public void Close(Instant now)
    {
        if (State == CircuitState.Closed)
            return;
        TellHops(now);
        Finish();
    }

    void TellHops(Instant now)
    {
        for (var i = _reached; i >= 0; i--)
            Send(Hops[i], FrameType.Control, _nextRequest++, ControlCodec.Encode(new Close { Channel = 0 }), now);
    }

    void HandleAnswer(Hop hop, uint request, ControlAnswer answer, Instant now)
    {
        switch (answer)
        {
            case { Type: ControlType.Directory or ControlType.Introduce }:
                _answers.Enqueue((request, answer));
                break;
            case { Type: ControlType.Cover }:
                HandleCover(hop, answer, now);
                break;
            case HelloAnswer hello:
                (Observed, _observedIsNew) = (hello.Observed, !hello.Observed.IsNone);
                break;
            case OpenExitAnswer terms:
                (ExitTerms, hop.IsEarly) = (terms, false);
                BecomeReady(now);
                break;
            case { Type: ControlType.Register, Status: ControlStatus.Ok }:
                BecomeReady(now);
                break;
            case { Type: ControlType.Extend, Status: ControlStatus.Ok } when hop.IsEarly:
                HandleTaken(hop, now);
                break;
            case { Type: ControlType.Extend } when Goal == CircuitGoal.Path && hop.Index == Hops.Length - 1:
                HandleReach(hop, answer.Status, now);
                break;
            case { Type: ControlType.Bind }:
                HandleBound(hop, request, answer.Status, now);
                break;
            case { Status: not ControlStatus.Ok }:
                // The hop that refuses to extend is honest about its neighbour; the blame goes to the one it cannot reach.
                var blamed = answer.Type == ControlType.Extend && answer.Status is ControlStatus.RefusedUnreachable or ControlStatus.RefusedUnverified
                    ? hop.Index + 1
                    : hop.Index;
                Fail(blamed, $"{answer.Type} refused: {answer.Status}", now, blamed == hop.Index ? CircuitFailureKind.Refused : CircuitFailureKind.Silent, blamed != hop.Index);
                break;
            case var _:
                break;
        }
    }

    void BecomeReady(Instant now)
    {
        State = CircuitState.Ready;
        Volatile.Write(ref _lastTraffic, now.Ticks);
        HurryProbes(now);
        Watch(now);
    }

    void Drive(Hop hop, Instant now)
    {
        while (State != CircuitState.Closed && hop.Tunnel.HandleTimeout(_layers[hop.Index], now) is { Kind: TunnelOutputKind.ToNetwork } output)
            Transmit(hop, output, now);
        while (State != CircuitState.Closed && hop.Tunnel.TryTakeEvent(out var happened))
        {
            if (happened.Kind == TunnelEventKind.SessionEstablished)
                HandleEstablished(hop, now);
            else if (happened.Kind is TunnelEventKind.HandshakeFailed or TunnelEventKind.KeysErased)
                Lose(hop.Index, "the session could not be renewed", now);
        }
    }

    void Repeat(Hop hop, Instant now)
    {
        // A path that stays relayed is no loss.
        while (hop.Requests.TryGiveUp(ControlType.Introduce, now, out var request))
            _answers.Enqueue((request, new StatusAnswer(ControlType.Introduce) { Status = ControlStatus.RefusedUnreachable }));
        // Nor is it one where packets were lost: its probes tell whether the relay lives.
        while (State == CircuitState.Ready && hop.Requests.TryGiveUp(ControlType.Bind, now, out _))
        {
            hop.Requests.Forget(ControlType.Bind);
            BindIndices(now);
        }
        while (State != CircuitState.Closed && hop.Requests.TryTakeDue(now, out var id, out var body))
        {
            hop.Health.Missed(asked: now, now);
            Send(hop, FrameType.Control, id, body, now);
        }
        if (State == CircuitState.Closed || hop.Requests.NextTimeout > now)
            return;
        hop.Requests.Forget();
        Lose(hop.Index, "no answer to a request", now);
    }

    /// <summary>Each request says it, so that none is answered before it is known.</summary>
    byte ControlFlags => IsConstantSize ? Frame.ConstantSize : (byte)0;

    uint Ask(Hop hop, ControlMessage message, Instant now)
    {
        var body = ControlCodec.Encode(message);
        var id = _nextRequest++;
        if (hop.AwaitsSession)
            hop.Requests.AddOnce(id, message.Type, body);
        else
            hop.Requests.Add(id, message.Type, body, now);
        Send(hop, FrameType.Control, id, body, now);
        return id;
    }

    void Send(Hop hop, FrameType type, uint channel, ReadOnlySpan<byte> body, Instant now, bool mayCopy = true)
    {
        var frame = Frame.Wrap(_frame, type, channel, body, ControlFlags);
        if (hop.AwaitsSession)
            frame = MakeRoom(frame);
        Transmit(hop, hop.Seal(frame, _layers[hop.Index], now), now, mayCopy);
    }

    /// <summary>A datagram of a hop's tunnel lies in that hop's layer buffer: send it, wrapped for every hop before it.</summary>
    void Transmit(Hop hop, TunnelOutput output, Instant now, bool mayCopy = true)
    {
        if (output.Kind != TunnelOutputKind.ToNetwork)
            return;
        var datagram = _layers[hop.Index].AsSpan(0, output.Length);
        if (hop.Direct is { } way)
        {
            _outbox.Send(datagram, way.Remote);
            if (way.Alone)
                return;
        }
        if (hop.Index > 0)
            Hops[hop.Index - 1].Meter?.NoteSent(output.Length);
        if (mayCopy && hop == Exit && Beside is { } beside)
            beside.Carry(datagram, beside.Hops.Length, now);
        Carry(datagram, hop.Index, now);
    }

    /// <summary>Sends a datagram, wrapped for each of the first so many hops.</summary>
    void Carry(ReadOnlySpan<byte> datagram, int through, Instant now)
    {
        for (var i = through - 1; i >= 0; i--)
        {
            var outer = Hops[i].Seal(Frame.Wrap(_frame, FrameType.Forward, Hops[i].NextChannel, datagram), _layers[i], now);
            if (outer.Kind != TunnelOutputKind.ToNetwork)
                return;
            datagram = _layers[i].AsSpan(0, outer.Length);
        }
        _outbox.Send(datagram, Entry);
    }

    void Fail(int hopIndex, string reason, Instant now, CircuitFailureKind kind = CircuitFailureKind.Silent, bool isHearsay = false)
    {
        Failure = new CircuitFailure(Math.Clamp(hopIndex, 0, Hops.Length - 1), reason, kind, isHearsay);
        // Those that are well need not keep what nobody uses any more.
        TellHops(now);
        Finish();
    }

    static TimeSpan Longest(TimeSpan a, TimeSpan b) => a > b ? a : b;

    static TimeSpan Shortest(TimeSpan a, TimeSpan b) => a < b ? a : b;

    void Finish()
    {
        State = CircuitState.Closed;
        Exit.Order?.Dispose();
        foreach (var hop in Hops)
            hop.Dispose();
    }
}
