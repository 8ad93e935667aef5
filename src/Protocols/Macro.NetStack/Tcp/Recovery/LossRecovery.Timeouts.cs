namespace Macro.NetStack.Tcp;

/// <summary>The three timers of which one runs while data is in flight: loss probe, reordering, retransmission.</summary>
sealed partial class LossRecovery
{
    const long AckDelay = TimeSpan.TicksPerSecond / 5, Jitter = 2 * TimeSpan.TicksPerMillisecond;

    long _probeEnd;
    bool _probeWasCopy;

    /// <summary>Retransmission time-outs since the last progress.</summary>
    public int Timeouts { get; private set; }

    /// <summary>The tail is to be probed (RFC 8985 7.3): with new data, or else the last segment again.</summary>
    public bool WantsProbe { get; private set; }

    /// <summary>After sending a batch.</summary>
    public void SetTimer(long now, ref TcpTimers timers)
    {
        if (_board.Count == 0)
        {
            StopTimers(ref timers);
            return;
        }
        if (timers.IsSet(TcpTimer.Reorder))
            return;
        if (!TryScheduleProbe(now, ref timers))
            RestartTimeout(now, ref timers);
    }

    public static void StopTimers(ref TcpTimers timers)
    {
        timers.Clear(TcpTimer.Retransmit);
        timers.Clear(TcpTimer.LossProbe);
        timers.Clear(TcpTimer.Reorder);
    }

    void RestartTimeout(long now, ref TcpTimers timers) => SetOnly(TcpTimer.Retransmit, now + Rtt.Timeout, ref timers);

    static void SetOnly(TcpTimer timer, long at, ref TcpTimers timers)
    {
        StopTimers(ref timers);
        timers.Set(timer, at);
    }

    void StopReorderTimer(long now, ref TcpTimers timers)
    {
        if (timers.IsSet(TcpTimer.Reorder))
            SetOnly(TcpTimer.Retransmit, Math.Max(now + 1, _board.Count > 0 ? _board[_board.First].SentAt + Rtt.Timeout : 0), ref timers);
    }

    /// <summary>RFC 8985 7.2: two round trips after the last segment, and not later than the RTO.</summary>
    bool TryScheduleProbe(long now, ref TcpTimers timers)
    {
        if (!HasSack || State is not (RecoveryState.Open or RecoveryState.Reduced) || _probeEnd != 0 || Rtt.Smoothed == 0 || _board.Sacked > 0)
            return false;
        var wait = 2 * Rtt.Smoothed + (_board.Count == 1 ? AckDelay : Jitter);
        SetOnly(TcpTimer.LossProbe, now + Math.Min(wait, Rtt.Timeout), ref timers);
        return true;
    }

    public void HandleProbeTimeout(long now, ref TcpTimers timers)
    {
        if (_board.Count == 0)
            return;
        WantsProbe = _probeEnd == 0;
        RestartTimeout(now, ref timers);
    }

    /// <summary>A probe went out.</summary>
    /// <param name="copy">It was the last segment again.</param>
    public void SentProbe(bool copy)
    {
        WantsProbe = false;
        _probeEnd = Next;
        _probeWasCopy = copy;
    }

    public void SkipProbe() => WantsProbe = false;

    /// <summary>RFC 8985 7.4: did the probe repair a loss that nobody else noticed?</summary>
    void JudgeProbe(in Acknowledgment ack, in AckNews news)
    {
        if (ack.Position < _probeEnd)
            return;
        if (!_probeWasCopy || news.DsackOfProbe)
        {
            _probeEnd = 0;
        }
        else if (ack.Position > _probeEnd)
        {
            _undoMarker = 0;
            BeginReduction();
            State = RecoveryState.Reduced;
            EndReduction();
            State = RecoveryState.Disorder;
            KeepOpen();
        }
        else if (!news.Advanced && !news.Sacked && ack.IsBare)
        {
            // Both the segment and its copy have arrived.
            _probeEnd = 0;
        }
    }

    /// <summary>RFC 8985 6.3: the reordering window of some segment is over.</summary>
    public void HandleReorderTimeout(long now, ref TcpTimers timers)
    {
        if (_board.Count == 0)
            return;
        var news = new AckNews();
        DetectLoss(now, ref news, ref timers);
        if (news.Lost > 0)
        {
            if (State != RecoveryState.Recovery && State != RecoveryState.Loss)
                EnterRecovery(congestionEcho: false);
            if (IsReducing)
                Control.Window = _prr.Window(_board.InFlight, Control.Threshold, 1, goesWell: false);
        }
        if (!timers.IsSet(TcpTimer.Reorder))
            RestartTimeout(now, ref timers);
    }

    /// <summary>The retransmission time-out: slow start from one segment (RFC 5681 3.1, RFC 8985 6.3).</summary>
    public void HandleRetransmitTimeout(long now, ref TcpTimers timers)
    {
        if (_board.Count == 0)
            return;
        var isNew = State < RecoveryState.Recovery;
        var first = _board.First;
        if (_board[first].Is(SentState.Sacked))
        {
            Renege();
        }
        else
        {
            // What was sent only just now may still arrive.
            for (var i = first; i != _board.Next; i++)
                if (i == first || _rack.Remaining(_board[i], now) <= 0)
                    _board.MarkLost(i);
        }
        if (State <= RecoveryState.Disorder || _recoveryEnd <= Una || (State == RecoveryState.Loss && Timeouts == 0))
        {
            _priorThreshold = Control.Threshold;
            _priorWindow = Control.Window;
            Control.Reduce();
            BeginUndo();
        }
        Control.Collapse(_board.InFlight + 1);
        State = RecoveryState.Loss;
        _recoveryEnd = Next;
        OwesCwr = true;
        _probeEnd = 0;
        WantsProbe = false;
        _forwardRto = isNew || Timeouts > 0;
        PrefersNewData = false;
        _duplicates = 0;
        Timeouts++;
        Rtt.BackOff();
        RestartTimeout(now, ref timers);
    }
}
