using Macro.Core;
using Macro.NetStack.Tcp;

namespace Macro.NetStack;

/// <summary>Timers that run out, and what ICMP tells.</summary>
public sealed partial class TcpConnection
{
    const long ShortageWait = 20 * TimeSpan.TicksPerMillisecond, LongestPersist = 60 * TimeSpan.TicksPerSecond;

    int _persistBackoff, _keepAlivesSent;
    TcpFailure _lastUnreachable;

    /// <summary>When <see cref="HandleTimeout"/> wants to be called.</summary>
    internal Instant NextTimeout => _timers.Next;

    internal void HandleTimeout(Instant now)
    {
        _now = now;
        var ticks = now.Ticks;
        if (_timers.Expire(TcpTimer.Lifetime, ticks))
        {
            HandleLifetime();
            return;
        }
        if (State < TcpState.Established)
        {
            _sendsSyn |= _timers.Expire(TcpTimer.Retransmit, ticks);
            return;
        }
        var flight = _sender.Flight;
        if (_timers.Expire(TcpTimer.Reorder, ticks))
            flight.HandleReorderTimeout(ticks, ref _timers);
        if (_timers.Expire(TcpTimer.LossProbe, ticks))
            flight.HandleProbeTimeout(ticks, ref _timers);
        if (_timers.Expire(TcpTimer.Retransmit, ticks) && !IsGivenUp(flight.LastProgress))
            flight.HandleRetransmitTimeout(ticks, ref _timers);
        if (_timers.Expire(TcpTimer.Persist, ticks))
            HandlePersist();
        if (_timers.Expire(TcpTimer.DelayedAck, ticks))
            _receiver.OwesAck |= _receiver.IsUnacknowledged;
        if (_timers.Expire(TcpTimer.KeepAlive, ticks))
            HandleKeepAlive();
        if (_timers.Expire(TcpTimer.Shortage, ticks))
        {
            _isReady |= _sender.TakeStarvation();
            _receiver.TakeStarvation();
        }
    }

    /// <summary>ICMP says that segments must be smaller (RFC 9293 3.7.2, RFC 8201).</summary>
    /// <param name="mss">The largest segment that passes: path MTU less IP and TCP headers without options.</param>
    /// <param name="quotedSequence">The sequence number in the quoted segment; outside what is in flight: ignored.</param>
    internal void HandlePathMtu(int mss, uint quotedSequence)
    {
        if (State < TcpState.Established || !IsInFlight(quotedSequence))
            return;
        mss = Math.Max(mss, SmallestMss) - (_stamps ? TimestampsSize : 0);
        if (mss < _sender.Flight.Mss)
            _sender.Flight.ShrinkMss(mss);
    }

    /// <summary>ICMP says that the peer cannot be reached (RFC 5461): it ends an attempt to connect, and only explains a later time-out.</summary>
    internal void HandleUnreachable(TcpFailure why, uint quotedSequence)
    {
        if (State == TcpState.SynSent)
        {
            if (quotedSequence == _isn && _synsSent > 0)
                Fail(why);
        }
        else if (IsInFlight(quotedSequence))
        {
            _lastUnreachable = why;
        }
    }

    internal bool IsInFlight(uint sequence) =>
        State >= TcpState.Established && !_sender.Flight.IsEmpty
        && sequence - (uint)_sender.Flight.Una < (uint)(_sender.Flight.Next - _sender.Flight.Una);

    /// <summary>TIME-WAIT is over, or the attempt to connect.</summary>
    void HandleLifetime()
    {
        if (State == TcpState.TimeWait)
            Close();
        else
            Fail(TcpFailure.TimedOut);
    }

    void HandlePersist()
    {
        if (!_sender.NeedsPersist || IsGivenUp(_lastReceived))
            return;
        if (_sender.IsWindowClosed)
            _sendsProbe = true;
        else
            _sender.Force();
        _persistBackoff = Math.Min(_persistBackoff + 1, 10);
    }

    void StopPersisting()
    {
        _persistBackoff = 0;
        _timers.Clear(TcpTimer.Persist);
    }

    void HandleKeepAlive()
    {
        var idle = new Instant(_lastReceived) + _options.KeepAliveIdle;
        if (_keepAlivesSent == 0 && idle > _now)
        {
            _timers.Set(TcpTimer.KeepAlive, idle.Ticks);
            return;
        }
        if (_keepAlivesSent >= _options.KeepAliveProbes)
        {
            _reset = PendingReset.Established;
            Fail(TcpFailure.TimedOut);
            return;
        }
        _keepAlivesSent++;
        _sendsProbe = _sender.Flight.IsEmpty;
        _timers.Set(TcpTimer.KeepAlive, (_now + _options.KeepAliveInterval).Ticks);
    }

    /// <summary>The user time-out (RFC 9293 3.9.1): there was no progress for too long.</summary>
    bool IsGivenUp(long since)
    {
        if (_now.Ticks - since < _options.UserTimeout.Ticks)
            return false;
        Fail(_lastUnreachable != TcpFailure.None ? _lastUnreachable : TcpFailure.TimedOut);
        return true;
    }
}
