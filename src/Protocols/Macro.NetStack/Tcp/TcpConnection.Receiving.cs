using Macro.Core;
using Macro.Core.Packets;
using Macro.NetStack.Tcp;

namespace Macro.NetStack;

/// <summary>Segments that arrive (RFC 9293 3.10.7), guarded against blind injection (RFC 5961) and old duplicates (RFC 7323 5).</summary>
public sealed partial class TcpConnection
{
    const long StampLifetime = 24 * TimeSpan.TicksPerDay, ChallengeInterval = TimeSpan.TicksPerSecond / 2;

    /// <summary>
    /// A segment that is late by less was overtaken by a retransmission; sequence numbers cannot wrap in that time.
    /// RFC 7323 would drop it, and have the peer send it again.
    /// </summary>
    const int LateStamps = 64;

    uint _recentStamp;
    long _recentStampAt, _lastReceived, _lastChallenge;
    bool _echoesCongestion;

    /// <summary>Takes a segment that was parsed and whose checksum fits.</summary>
    internal void Receive(in TcpSegment segment, Ecn ecn, Instant now)
    {
        _now = now;
        switch (State)
        {
            case TcpState.Closed:
                return;
            case TcpState.SynSent:
                ReceiveInSynSent(segment);
                return;
            case TcpState.SynReceived:
                if (!ReceiveInSynReceived(segment))
                    return;
                break;
            case TcpState.Established when IsExpected(segment):
                TakeAcknowledged(segment, ecn);
                return;
        }
        if (IsAcceptable(segment))
            TakeAcknowledged(segment, ecn);
    }

    /// <summary>Header prediction: the next segment in order, with nothing but data and a sensible ACK.</summary>
    bool IsExpected(in TcpSegment segment)
    {
        if ((segment.Flags & ~TcpFlags.Push) != TcpFlags.Ack || segment.Sequence != (uint)_receiver.Next || segment.HasTimestamps != _stamps)
            return false;
        if (_stamps)
        {
            if ((int)(segment.TimestampValue - _recentStamp) < 0)
                return false;
            (_recentStamp, _recentStampAt) = (segment.TimestampValue, _now.Ticks);
        }
        // Between SND.UNA and SND.NXT.
        var flight = _sender.Flight;
        return segment.Acknowledgment - (uint)flight.Una <= (uint)(flight.Next - flight.Una);
    }

    /// <summary>All checks up to the ACK field. False: the segment was answered or dropped.</summary>
    bool IsAcceptable(in TcpSegment segment)
    {
        var start = Tcp.Sequence.Unwrap(segment.Sequence, _receiver.Next);
        var end = start + segment.SequenceLength;
        var isReset = segment.Has(TcpFlags.Reset);
        if (_stamps && !isReset && !PassesPaws(segment, start, end))
            return false;
        if (end < _receiver.Acknowledged || start > _receiver.Edge)
        {
            if (!isReset)
                AnswerDuplicate(segment, start, end);
            return false;
        }
        if (isReset)
        {
            TakeReset(start);
            return false;
        }
        if (segment.Has(TcpFlags.Syn))
        {
            if (State != TcpState.TimeWait)
                Challenge();
            return false;
        }
        if (!segment.Has(TcpFlags.Ack))
            return false;
        var acknowledgment = Tcp.Sequence.Unwrap(segment.Acknowledgment, _sender.Flight.Una);
        if (acknowledgment > _sender.Flight.Next || acknowledgment < _sender.Flight.Una - Math.Max(_sender.LargestWindow, ushort.MaxValue))
        {
            Challenge();
            return false;
        }
        if (_stamps && start <= _receiver.Acknowledged && (int)(segment.TimestampValue - _recentStamp) >= 0)
            (_recentStamp, _recentStampAt) = (segment.TimestampValue, _now.Ticks);
        return true;
    }

    /// <summary>Protection against wrapped sequence numbers (RFC 7323 5.3).</summary>
    bool PassesPaws(in TcpSegment segment, long start, long end)
    {
        if (!segment.HasTimestamps)
            return false;
        if ((int)(segment.TimestampValue - _recentStamp) > -LateStamps || _now.Ticks - _recentStampAt > StampLifetime)
            return true;
        AnswerDuplicate(segment, start, end);
        return false;
    }

    /// <summary>An old or far segment is answered with an ACK, but a loop of such answers is not fed.</summary>
    void AnswerDuplicate(in TcpSegment segment, long start, long end)
    {
        if (segment.Payload.IsEmpty && !segment.Has(TcpFlags.Fin))
        {
            Challenge();
            return;
        }
        if (State == TcpState.TimeWait)
            _timers.Set(TcpTimer.Lifetime, (_now + _options.TimeWait).Ticks);
        _receiver.NoteDuplicate(start, end);
    }

    /// <summary>Only the reset that hits RCV.NXT counts; another one in the window is questioned (RFC 5961 3.2).</summary>
    void TakeReset(long start)
    {
        if (start != _receiver.Next)
        {
            Challenge();
            return;
        }
        // A reset does not end TIME-WAIT before its time (RFC 1337).
        if (State == TcpState.TimeWait)
            return;
        if (State is TcpState.Closing or TcpState.LastAck && _receiver.HasFin)
            Close();
        else
            Fail(TcpFailure.Reset);
    }

    /// <summary>A challenge ACK (RFC 5961 7): at most two in a second, each connection for itself so that none tells about another.</summary>
    void Challenge()
    {
        if (_lastChallenge != 0 && _now.Ticks - _lastChallenge < ChallengeInterval)
            return;
        _lastChallenge = _now.Ticks;
        _receiver.OwesAck = true;
    }

    /// <summary>The ACK field, the text and the FIN of an acceptable segment.</summary>
    void TakeAcknowledged(in TcpSegment segment, Ecn ecn)
    {
        _lastReceived = _now.Ticks;
        _keepAlivesSent = 0;
        var start = Tcp.Sequence.Unwrap(segment.Sequence, _receiver.Next);
        TakeAcknowledgment(segment, start);
        if (_ecnCapable)
            TakeEcn(segment, ecn);
        var fin = segment.Has(TcpFlags.Fin);
        if (segment.Payload.IsEmpty && !fin)
        {
            // A probe of the window or of our being there.
            if (start < _receiver.Next)
                _receiver.OwesAck = true;
            return;
        }
        if (CanReceive)
        {
            if (_stamps && segment.TimestampEcho != 0)
                _receiver.TakeEcho((int)(Stamp - segment.TimestampEcho) * TimeSpan.TicksPerMillisecond);
            if (_receiver.Take(start, segment.Payload, fin, _now.Ticks))
                _isReady = true;
            if (_receiver.HasFin)
                TakeFin();
        }
        else
        {
            if (State == TcpState.TimeWait)
                _timers.Set(TcpTimer.Lifetime, (_now + _options.TimeWait).Ticks);
            _receiver.OwesAck = true;
        }
    }

    void TakeAcknowledgment(in TcpSegment segment, long start)
    {
        var flight = _sender.Flight;
        var position = Tcp.Sequence.Unwrap(segment.Acknowledgment, flight.Una);
        var windowChanged = _sender.UpdateWindow(start, position, segment.Window << (_scales ? _sendScale : 0));
        if (position > flight.Una || !flight.IsEmpty || !segment.SackBlocks.IsEmpty)
        {
            var advances = position > flight.Una;
            flight.Acknowledge(
                new Acknowledgment
                {
                    Position = position,
                    SackBlocks = segment.SackBlocks,
                    CongestionEcho = _ecnCapable && segment.Has(TcpFlags.EcnEcho),
                    IsBare = segment.Payload.IsEmpty && !windowChanged && !segment.Has(TcpFlags.Fin),
                    Echo = _stamps ? segment.TimestampEcho - _timestampOffset : null,
                },
                _now.Ticks,
                ref _timers);
            if (advances)
                TakeProgress();
        }
        if (windowChanged && !_sender.IsWindowClosed)
            StopPersisting();
    }

    void TakeProgress()
    {
        _sender.Acknowledged();
        if (_sender.TakeRoom())
            _isReady = true;
        if (!_sender.FinAcknowledged)
            return;
        switch (State)
        {
            case TcpState.FinWait1:
                State = TcpState.FinWait2;
                break;
            case TcpState.Closing:
                EnterTimeWait();
                break;
            case TcpState.LastAck:
                Close();
                break;
        }
    }

    void TakeFin()
    {
        _isReady = true;
        switch (State)
        {
            case TcpState.Established:
                State = TcpState.CloseWait;
                break;
            case TcpState.FinWait1:
                State = TcpState.Closing;
                break;
            case TcpState.FinWait2:
                EnterTimeWait();
                break;
        }
    }

    void EnterTimeWait()
    {
        State = TcpState.TimeWait;
        _sender.Drop();
        _timers.ClearAll();
        _timers.Set(TcpTimer.Lifetime, (_now + _options.TimeWait).Ticks);
        _isReady = true;
    }

    /// <summary>RFC 3168 6.1.3: congestion is echoed until the peer says that it has reduced its window.</summary>
    void TakeEcn(in TcpSegment segment, Ecn ecn)
    {
        if (segment.Has(TcpFlags.CongestionReduced))
            _echoesCongestion = false;
        if (ecn != Ecn.Congestion)
            return;
        if (!_echoesCongestion)
            _receiver.AckQuickly();
        _echoesCongestion = true;
    }
}
