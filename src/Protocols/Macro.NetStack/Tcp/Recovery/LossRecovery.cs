namespace Macro.NetStack.Tcp;

/// <summary>The states of congestion and loss, as they are commonly named.</summary>
enum RecoveryState : byte
{
    /// <summary>All is well.</summary>
    Open,

    /// <summary>Something is sacked, nothing known to be lost.</summary>
    Disorder,

    /// <summary>The window comes down after an ECN echo.</summary>
    Reduced,

    /// <summary>Losses are repaired, the window comes down (RFC 6675).</summary>
    Recovery,

    /// <summary>After a retransmission time-out.</summary>
    Loss,
}

/// <summary>
/// What is in flight, what of it is lost, and how fast more may follow: the scoreboard (RFC 2018, 6675), RACK-TLP
/// (RFC 8985), PRR (RFC 6937), the RTO (RFC 6298) with F-RTO (RFC 5682), and undoing what turned out to be no loss
/// (RFC 3522, 3708). Times in ticks. It does not know the bytes.
/// </summary>
sealed partial class LossRecovery
{
    readonly Scoreboard _board = new();
    Rack _rack = Rack.Begin();
    ProportionalRate _prr;
    long _highestSacked, _recoveryEnd;
    (long Start, long End) _seenSack;

    public RttEstimator Rtt { get; } = new();
    public CongestionControl Control { get; } = new();
    public RecoveryState State { get; private set; }

    /// <summary>SND.UNA and SND.NXT.</summary>
    public long Una { get; private set; }
    public long Next { get; private set; }

    /// <summary>Payload bytes of a full segment.</summary>
    public int Mss { get; private set; }

    /// <summary>Without SACK there are only duplicate ACKs to go by.</summary>
    public bool HasSack { get; set; }

    /// <summary>The next new data has to tell the peer that the window was reduced (CWR, RFC 3168 6.1.2).</summary>
    public bool OwesCwr { get; set; }

    /// <summary>When something was last acknowledged, or first sent after all was.</summary>
    public long LastProgress { get; private set; }

    public bool IsEmpty => _board.Count == 0;

    public bool HasRoom => _board.InFlight < Control.Window;

    public bool HasLost => _board.ToRetransmit > 0;

    /// <summary>For tests and measurement.</summary>
    internal Scoreboard Board => _board;

    bool IsReducing => State is RecoveryState.Reduced or RecoveryState.Recovery;

    public void Begin(long next, int mss) => (Una, Next, Mss) = (next, next, mss);

    /// <summary>The path takes smaller segments: those in flight that are too long count as lost.</summary>
    public void ShrinkMss(int mss)
    {
        Mss = mss;
        _board.Split(mss);
    }

    public ref SentSegment this[uint index] => ref _board[index];

    /// <summary>The next segment to send again, when the window allows.</summary>
    public bool TryFindLost(out uint index)
    {
        index = 0;
        return _board.ToRetransmit > 0 && HasRoom && _board.TryFindLost(out index);
    }

    /// <summary>Ring index of what was sent last; something is in flight.</summary>
    public uint LastIndex => _board.Next - 1;

    /// <summary>The sender stops: because of the window, or for want of data or of the peer's window.</summary>
    public void NoteLimit(bool byWindow) => Control.Validate(_board.Count, Una, Next, byWindow);

    public void Sent(int length, bool fin, long now, ref TcpTimers timers)
    {
        if (_board.Count == 0)
            LastProgress = now;
        _board.Append(Next, length, fin, now);
        Next += length;
        if (IsReducing)
            _prr.CountSent();
        if (_board.Count == 1 || timers.IsSet(TcpTimer.LossProbe))
            RestartTimeout(now, ref timers);
    }

    public void SentAgain(uint index, uint stamp, long now)
    {
        _retransmitStamp ??= stamp;
        _undoRetransmits = Math.Max(_undoRetransmits, 0) + 1;
        _board.MarkSentAgain(index, now);
        if (IsReducing)
            _prr.CountSent();
    }

    public void Acknowledge(in Acknowledgment ack, long now, ref TcpTimers timers)
    {
        var una = Una;
        var highestSacked = _highestSacked;
        var news = new AckNews { LowestReordered = long.MaxValue };
        if (!ack.SackBlocks.IsEmpty && HasSack)
            TakeSacks(ack, now, ref news);
        if (ack.Position > una)
            Advance(ack.Position, highestSacked, now, ref news);
        else if (!HasSack && ack.IsBare)
            CountDuplicate(now, ref news);
        MeasureRtt(ack, news, now);
        _rack.UpdateWindow(una, Next);
        if (_probeEnd != 0)
            JudgeProbe(ack, news);

        if (news.Sacked || news.Dsack || ack.CongestionEcho || State != RecoveryState.Open || _board.Sacked > 0)
            Alert(ack, una, now, ref news, ref timers);
        if (IsReducing)
        {
            if (news.Delivered > 0)
                Control.Window = _prr.Window(_board.InFlight, Control.Threshold, news.Delivered, news.Advanced && news.Lost == 0);
        }
        else if (news.Delivered > 0 && (news.Advanced || _rack.ReorderingSeen))
        {
            // Where packets overtake each other, much arrives by SACK first, and counts then.
            Control.Acknowledge(news.Delivered, Una, Next, LatestRtt(news, now), Rtt.Smoothed, now);
        }
        if (news.Advanced && !timers.IsSet(TcpTimer.Reorder))
            SetTimer(now, ref timers);
    }

    /// <summary>Cumulative acknowledgment: the front of the board goes.</summary>
    void Advance(long position, long highestSacked, long now, ref AckNews news)
    {
        while (_board.Count > 0)
        {
            ref var segment = ref _board[_board.First];
            if (segment.End > position)
            {
                if (segment.Start < position)
                    (segment.Length, segment.Start) = ((int)(segment.End - position), position);
                break;
            }
            if (segment.Is(SentState.Retransmitted))
            {
                news.RetransmittedAcked |= segment.Is(SentState.Again);
            }
            else if (!segment.Is(SentState.Sacked))
            {
                news.LastAckedAt = segment.SentAt;
                if (news.FirstAckedAt == 0)
                    news.FirstAckedAt = segment.SentAt;
                news.LowestReordered = Math.Min(news.LowestReordered, segment.Start);
                news.OriginalArrived |= segment.End <= _recoveryEnd;
            }
            if (!segment.Is(SentState.Sacked))
            {
                news.Delivered++;
                _rack.Advance(segment, Rtt.Minimum, now);
            }
            _board.RemoveFirst();
        }
        _board.Relax();
        news.Advanced = true;
        Una = position;
        LastProgress = now;
        Rtt.Progress();
        if (highestSacked != 0 && news.LowestReordered < highestSacked)
            NoteReordering(highestSacked - news.LowestReordered);
        if (_highestSacked <= Una)
            _highestSacked = 0;
        if (_seenSack.End <= Una)
            _seenSack = default;
        _duplicates = 0;
        Timeouts = 0;
    }

    void NoteReordering(long distance)
    {
        if (State != RecoveryState.Loss || _undoMarker != 0)
            _rack.NoteReordering(distance, Mss);
    }

    void MeasureRtt(in Acknowledgment ack, in AckNews news, long now)
    {
        if (news.FirstAckedAt != 0 && !news.RetransmittedAcked)
            Rtt.Sample(now - news.FirstAckedAt, now);
        else if (news.FirstSackedAt != 0)
            Rtt.Sample(now - news.FirstSackedAt, now);
        else if (news.Advanced && ack.Echo is { } echo)
            Rtt.SampleCoarse(((int)(TimestampClock.Now(now) - echo)) * TimeSpan.TicksPerMillisecond, now);
    }

    static long LatestRtt(in AckNews news, long now) =>
        news.LastSackedAt != 0 ? now - news.LastSackedAt
        : news.LastAckedAt != 0 && !news.RetransmittedAcked ? now - news.LastAckedAt
        : 0;

    /// <summary>Something is out of the ordinary: judges losses and moves between the states.</summary>
    void Alert(in Acknowledgment ack, long una, long now, ref AckNews news, ref TcpTimers timers)
    {
        // The first segment cannot be beyond a gap: the peer has dropped what it had sacked.
        if (_board.Count > 0 && _board[_board.First].Is(SentState.Sacked))
            Renege();
        if (State == RecoveryState.Open)
            _retransmitStamp = null;
        else if (Una >= _recoveryEnd)
            EndEpisode(ack);

        switch (State)
        {
            case RecoveryState.Recovery:
                if (news.Advanced && TryUndoPartial(ack))
                    return;
                if (TryUndoByDsack())
                    KeepOpen();
                DetectLoss(now, ref news, ref timers);
                if (State == RecoveryState.Recovery)
                    return;
                break;
            case RecoveryState.Loss:
                JudgeTimeout(ack, ref news);
                DetectLoss(now, ref news, ref timers);
                if (State != RecoveryState.Open && !news.LostCopy)
                    return;
                break;
            case RecoveryState.Open or RecoveryState.Disorder or RecoveryState.Reduced:
                if (State != RecoveryState.Reduced)
                    TryUndoByDsack();
                DetectLoss(now, ref news, ref timers);
                break;
        }
        if (_board.Lost > 0)
            EnterRecovery(ack.CongestionEcho);
        else
            TryOpen(ack.CongestionEcho);
    }

    /// <summary>Everything that was in flight when the trouble began is acknowledged.</summary>
    void EndEpisode(in Acknowledgment ack)
    {
        switch (State)
        {
            case RecoveryState.Reduced when Una != _recoveryEnd:
                EndReduction();
                State = RecoveryState.Open;
                break;
            case RecoveryState.Recovery:
                FinishRecovery(ack);
                EndReduction();
                break;
            default:
                break;
        }
    }

    void DetectLoss(long now, ref AckNews news, ref TcpTimers timers)
    {
        if (!HasSack && _duplicates < DuplicateThreshold)
            return;
        var copies = _board.Again;
        var wait = _rack.DetectLoss(_board, State >= RecoveryState.Recovery, Rtt.Minimum, Rtt.Smoothed, now, out var lost);
        news.Lost += lost;
        news.LostCopy |= _board.Again < copies;
        if (wait > 0)
            SetOnly(TcpTimer.Reorder, now + wait, ref timers);
        else
            StopReorderTimer(now, ref timers);
    }

    void EnterRecovery(bool congestionEcho)
    {
        _priorThreshold = 0;
        BeginUndo();
        if (!IsReducing)
        {
            if (!congestionEcho)
                _priorThreshold = Control.Threshold;
            BeginReduction();
        }
        State = RecoveryState.Recovery;
    }

    void TryOpen(bool congestionEcho)
    {
        if (_board.Again == 0)
            _retransmitStamp = null;
        if (congestionEcho && State <= RecoveryState.Disorder)
        {
            _undoMarker = 0;
            BeginReduction();
            State = RecoveryState.Reduced;
        }
        if (State != RecoveryState.Reduced)
            KeepOpen();
    }

    void KeepOpen()
    {
        var state = _board.Sacked + _board.Lost + _board.Again > 0 ? RecoveryState.Disorder : RecoveryState.Open;
        if (State == state)
            return;
        State = state;
        _recoveryEnd = Next;
    }

    void BeginReduction()
    {
        _recoveryEnd = Next;
        _probeEnd = 0;
        _priorWindow = Control.Window;
        _prr.Begin(Control.Window);
        Control.Reduce();
        OwesCwr = true;
    }

    void EndReduction()
    {
        if (Control.Threshold != int.MaxValue && (State == RecoveryState.Reduced || _undoMarker != 0))
            Control.Window = Control.Threshold;
    }

    void Renege()
    {
        _board.ForgetSacks();
        _highestSacked = 0;
        _seenSack = default;
    }
}
