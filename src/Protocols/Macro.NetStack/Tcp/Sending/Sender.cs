namespace Macro.NetStack.Tcp;

/// <summary>A segment of the stream that is to be sent now.</summary>
struct Outgoing
{
    public long Start;

    /// <summary>Payload bytes.</summary>
    public int Length;
    public bool Fin, Push, IsCopy;
}

/// <summary>
/// The stream to the peer: the application's bytes from SND.UNA on, the peer's window, and what is to be sent next.
/// </summary>
sealed class Sender(TcpMemory memory, TcpOptions options)
{
    const int SmallestLimit = 64 << 10;

    readonly StreamBuffer _buffer = new(memory);
    long _end, _windowEnd, _windowSequence, _windowAcknowledgment, _lastSent;
    int _offered, _window, _largestWindow, _limit = Math.Min(SmallestLimit, options.MaxSendBuffer);
    bool _finQueued, _wasFull, _forces, _isCongestionLimited;

    public LossRecovery Flight { get; } = new();

    /// <summary>Position behind the last byte that the application committed; the FIN's, once it was queued.</summary>
    public long End => _end;

    /// <summary>Chunks of the budget.</summary>
    public int Held => _buffer.Held;

    public bool FinQueued => _finQueued;

    /// <summary>Everything is acknowledged, the FIN included.</summary>
    public bool FinAcknowledged => _finQueued && Flight.Una > _end;

    public bool IsFlushed => Flight.Una >= _end;

    /// <summary>There is more than was sent.</summary>
    public bool HasUnsent => Flight.Next < _end || FinUnsent;

    /// <summary>The memory budget refused room for the application.</summary>
    public bool IsStarved { get; private set; }

    /// <summary>The largest window that the peer ever offered (RFC 5961 5, MAX.SND.WND).</summary>
    public int LargestWindow => _largestWindow;

    /// <summary>The window of the last segment that set it.</summary>
    public int Window => _window;

    bool FinUnsent => _finQueued && Flight.Next <= _end;

    public void Begin(long next, int mss)
    {
        Flight.Begin(next, mss);
        _end = next;
        _buffer.Reset(next);
    }

    // ----- the application's side

    public Span<byte> Writable
    {
        get
        {
            IsStarved = false;
            _offered = 0;
            var room = _limit - (_end - Math.Min(Flight.Una, _end));
            if (_finQueued || room <= 0)
            {
                _wasFull = true;
                return default;
            }
            var span = _buffer.Room(_end, (int)room, _buffer.Held == 0 ? MemoryPurpose.SendFirst : MemoryPurpose.SendMore);
            IsStarved = span.IsEmpty;
            _wasFull |= IsStarved;
            _offered = span.Length;
            return span;
        }
    }

    public void Commit(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _offered);
        _offered = 0;
        _end += count;
        if (count == 0)
            GiveBackUnused();
    }

    public void QueueFin()
    {
        _finQueued = true;
        GiveBackUnused();
    }

    /// <summary>True once when there is good room again after the application met none.</summary>
    public bool TakeRoom()
    {
        if (!_wasFull || _finQueued || IsStarved || _limit - (_end - Flight.Una) < Math.Min(_limit / 3, SmallestLimit))
            return false;
        _wasFull = false;
        return true;
    }

    /// <summary>Lets the application try again after the budget was short.</summary>
    public bool TakeStarvation()
    {
        var was = IsStarved;
        IsStarved = false;
        return was;
    }

    public void Drop()
    {
        _finQueued = true;
        _end = Math.Min(_end, Flight.Una);
        _buffer.Reset(Flight.Una);
    }

    // ----- the network's side

    /// <summary>Takes the window of an acceptable segment (RFC 9293 3.10.7.4). True when it is another than before.</summary>
    public bool UpdateWindow(long sequence, long acknowledgment, int window)
    {
        var isNewer = acknowledgment > _windowAcknowledgment || sequence > _windowSequence
            || (sequence == _windowSequence && acknowledgment == _windowAcknowledgment && window > _window);
        if (!isNewer)
            return false;
        (_windowSequence, _windowAcknowledgment) = (sequence, acknowledgment);
        _windowEnd = acknowledgment + window;
        var changed = window != _window;
        _window = window;
        _largestWindow = Math.Max(_largestWindow, window);
        return changed;
    }

    /// <summary>After the acknowledgment advanced: frees what is acknowledged and lets the buffer follow the window.</summary>
    public void Acknowledged()
    {
        if (Flight.Una >= _end)
            _buffer.Reset(_end);
        else
            _buffer.FreeBefore(Flight.Una);
        if (memory.IsShort)
            return;
        // Twice the congestion window, so that one can be sent while the other is being written.
        var wanted = 2L * Flight.Control.Window * Flight.Mss;
        if (wanted > _limit)
            _limit = (int)Math.Min(wanted, options.MaxSendBuffer);
    }

    public void Read(long position, Span<byte> bytes) => _buffer.Read(position, bytes);

    /// <summary>Small as it is, the rest that the window allows is sent once (RFC 9293 3.8.6.2.1, override).</summary>
    public void Force() => _forces = true;

    /// <summary>Nothing is in flight, so no ACK will come, yet there is something that the window holds back.</summary>
    public bool NeedsPersist => Flight.IsEmpty && HasUnsent;

    /// <summary>True when the peer's window allows nothing at all.</summary>
    public bool IsWindowClosed => _windowEnd <= Flight.Next;

    /// <summary>Chooses what to send next, and enters it as sent. False when there is nothing that may be sent now.</summary>
    public bool TryTake(long now, ref TcpTimers timers, out Outgoing segment)
    {
        if (Flight.PrefersNewData)
        {
            var sent = TryTakeNew(now, ref timers, out segment);
            Flight.EndPreference(sent);
            if (sent)
                return true;
        }
        if (Flight.HasLost)
        {
            if (Flight.TryFindLost(out var index))
            {
                segment = TakeAgain(index, now);
                return true;
            }
            segment = default;
            return false;
        }
        if (Flight.WantsProbe)
            return TryTakeProbe(now, ref timers, out segment);
        return TryTakeNew(now, ref timers, out segment);
    }

    /// <summary>After a batch: sets the timer for it, and notes what ended it.</summary>
    public void EndBatch(long now, ref TcpTimers timers)
    {
        Flight.NoteLimit(byWindow: _isCongestionLimited);
        _isCongestionLimited = false;
        Flight.SetTimer(now, ref timers);
    }

    bool TryTakeNew(long now, ref TcpTimers timers, out Outgoing segment, bool isProbe = false)
    {
        segment = default;
        var flight = Flight;
        var next = flight.Next;
        var unsent = _end - next;
        if (unsent <= 0 && !FinUnsent)
            return false;
        if (flight.IsEmpty && _lastSent != 0)
            flight.Control.RestartAfterIdle(now - Math.Max(_lastSent, flight.LastProgress), flight.Rtt.BaseTimeout);
        if (!flight.HasRoom && !isProbe)
        {
            _isCongestionLimited = true;
            return false;
        }
        var length = (int)Math.Min(flight.Mss, unsent);
        var fin = _finQueued && length == unsent;
        var usable = _windowEnd - next;
        if (length < flight.Mss || usable < length)
        {
            if (usable < length + (fin ? 1 : 0))
            {
                fin = false;
                length = (int)Math.Max(0, Math.Min(length, usable));
            }
            if (!MaySendSmall(length, fin, unsent))
                return false;
        }
        segment = new Outgoing { Start = next, Length = length, Fin = fin, Push = length == unsent };
        _forces = false;
        _lastSent = now;
        flight.Sent(length + (fin ? 1 : 0), fin, now, ref timers);
        return true;
    }

    /// <summary>Silly window avoidance and Nagle (RFC 9293 3.7.4, 3.8.6.2.1).</summary>
    bool MaySendSmall(int length, bool fin, long unsent)
    {
        if (fin)
            return true;
        if (length == 0)
            return false;
        return _forces
            || (length == unsent && (!options.Nagle || Flight.IsEmpty))
            || (length < unsent && length >= _largestWindow / 2);
    }

    bool TryTakeProbe(long now, ref TcpTimers timers, out Outgoing segment)
    {
        if (TryTakeNew(now, ref timers, out segment, isProbe: true))
        {
            Flight.SentProbe(copy: false);
            return true;
        }
        if (Flight.IsEmpty)
        {
            Flight.SkipProbe();
            return false;
        }
        segment = TakeAgain(Flight.LastIndex, now);
        Flight.SentProbe(copy: true);
        return true;
    }

    Outgoing TakeAgain(uint index, long now)
    {
        ref var sent = ref Flight[index];
        var fin = sent.Is(SentState.Fin);
        var segment = new Outgoing
        {
            Start = sent.Start,
            Length = sent.Length - (fin ? 1 : 0),
            Fin = fin,
            Push = sent.End >= _end,
            IsCopy = true,
        };
        Flight.SentAgain(index, TimestampClock.Now(now), now);
        _lastSent = now;
        return segment;
    }

    void GiveBackUnused()
    {
        if (Flight.Una >= _end)
            _buffer.Reset(_end);
        else
            _buffer.FreeFrom(_end);
    }
}
