namespace Macro.NetStack.Tcp;

/// <summary>
/// The stream from the peer: bytes in order for the application, bytes beyond gaps in their final place, the window, and
/// when an ACK is due. Everything it holds lies inside the window that was announced.
/// </summary>
sealed class Receiver(TcpMemory memory, TcpOptions options, int limit)
{
    const int MostIslands = 1024;

    readonly StreamBuffer _buffer = new(memory);
    readonly RangeSet _islands = new(MostIslands);
    readonly SackReport _report = new();
    ReceiveTuning _tuning = ReceiveTuning.Begin(limit);
    long _read, _fin = long.MaxValue, _acknowledged, _edge;
    int _limit = limit, _largestPayload = 536, _quickAcks = 16;

    /// <summary>RCV.NXT.</summary>
    public long Next { get; private set; }

    /// <summary>The right edge of the window that was announced: RCV.NXT + RCV.WND. It never goes back.</summary>
    public long Edge => _edge;

    /// <summary>RCV.NXT of the last ACK that was sent.</summary>
    public long Acknowledged => _acknowledged;

    /// <summary>The FIN has come, and all before it.</summary>
    public bool HasFin => Next > _fin;

    public bool IsEndOfStream => HasFin && _read == _fin;

    /// <summary>Chunks of the budget.</summary>
    public int Held => _buffer.Held;

    public ReadOnlySpan<byte> Readable => _buffer.Run(_read, Math.Min(Next, _fin));

    public bool IsReadable => _read < Math.Min(Next, _fin);

    /// <summary>An ACK must go out now.</summary>
    public bool OwesAck { get; set; }

    /// <summary>Something was received that no ACK has told yet.</summary>
    public bool IsUnacknowledged => Next > _acknowledged;

    public bool HasSacks => _islands.Count > 0 || _report.HasDuplicate;

    /// <summary>The window is closed or smaller than wanted because the budget is short.</summary>
    public bool IsStarved { get; private set; }

    /// <summary>For tests: bytes of the buffer limit.</summary>
    internal int Limit => _limit;

    public void Begin(long next)
    {
        (Next, _read, _acknowledged) = (next, next, next);
        // What stood in the window field of the SYN.
        _edge = next + Math.Min(_limit, ushort.MaxValue);
        _buffer.Reset(next);
    }

    public void Consume(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Math.Min(Next, _fin) - _read);
        _read += count;
        if (_read == Math.Min(Next, _fin) && _islands.Count == 0)
            _buffer.Reset(_read);
        else
            _buffer.FreeBefore(_read);
        // The window was small and can be opened well: the peer should hear of it (RFC 9293 3.8.6.2.2).
        if (!HasFin && WantedEdge() - _edge >= _limit / 2)
            OwesAck = true;
    }

    /// <summary>Takes the text of an acceptable segment. Returns true when more became readable, or the FIN was reached.</summary>
    public bool Take(long start, ReadOnlySpan<byte> payload, bool fin, long now)
    {
        if (start != Next || _islands.Count != 0 || fin || start + payload.Length > _edge || _fin != long.MaxValue)
            return TakeSlowly(start, payload, fin, now);
        if (!_buffer.TryWrite(start, payload, MemoryPurpose.InOrder))
        {
            Starve();
            return false;
        }
        Next += payload.Length;
        if (payload.Length > _largestPayload)
            _largestPayload = payload.Length;
        if (_quickAcks > 0 || Next - _acknowledged >= 2 * _largestPayload)
            OwesAck = true;
        Tune(now);
        return true;
    }

    /// <summary>A data segment echoes a timestamp of ours that was this old.</summary>
    public void TakeEcho(long age) => _tuning.TakeEcho(age);

    /// <summary>The peer met congestion or took a break: it should hear at once how we stand.</summary>
    public void AckQuickly() => _quickAcks = Math.Max(_quickAcks, 2);

    /// <summary>A repeated segment that carries nothing new.</summary>
    public void NoteDuplicate(long start, long end)
    {
        OwesAck = true;
        _report.NoteDuplicate(start, Math.Min(end, Next));
    }

    /// <summary>The window field for a segment that is sent now, and with that the new edge.</summary>
    public ushort Announce(int scale)
    {
        var edge = WantedEdge();
        // Not in silly steps.
        if (edge > _edge && edge - _edge < Math.Min(_limit / 2, _largestPayload))
            edge = _edge;
        edge = Math.Max(edge, _edge);
        var window = Math.Min((edge - Next + (1L << scale) - 1) >> scale, ushort.MaxValue);
        _edge = Math.Max(_edge, Next + (window << scale));
        return (ushort)window;
    }

    /// <summary>A segment went out that acknowledges everything up to <see cref="Next"/>.</summary>
    public void Acked()
    {
        _acknowledged = Next;
        OwesAck = false;
        if (_quickAcks > 0)
            _quickAcks--;
    }

    /// <summary>SACK blocks for an ACK, see <see cref="SackReport.Write"/>.</summary>
    public int WriteSacks(Span<byte> blocks) => _report.Write(_islands, blocks);

    /// <summary>Looks again after the budget was short. True when the window can be opened.</summary>
    public bool TakeStarvation()
    {
        IsStarved = false;
        if (WantedEdge() <= _edge)
            return false;
        OwesAck = true;
        return true;
    }

    /// <summary>Nothing will be read any more.</summary>
    public void Drop()
    {
        _read = Math.Min(Next, _fin);
        _islands.Clear();
        _report.Clear();
        _buffer.Reset(_read);
    }

    bool TakeSlowly(long start, ReadOnlySpan<byte> payload, bool fin, long now)
    {
        OwesAck = true;
        var end = start + payload.Length;
        if (start < Next)
        {
            _report.NoteDuplicate(start, Math.Min(end, Next));
            payload = payload[(int)Math.Min(payload.Length, Next - start)..];
            start = Math.Min(Next, end);
            if (payload.IsEmpty && !(fin && end == Next))
                return false;
        }
        if (end > _edge)
        {
            payload = payload[..(int)Math.Max(0, payload.Length - (end - _edge))];
            (end, fin) = (start + payload.Length, false);
        }
        // Only one place can be the end of the stream, and nothing may lie behind it.
        if (fin && _fin == long.MaxValue && (_islands.Count == 0 || _islands.End <= end))
            _fin = end;
        if (end > _fin)
            payload = payload[..(int)Math.Max(0, payload.Length - (end - _fin))];
        return start == Next ? TakeInOrder(payload, now) : TakeAhead(start, payload);
    }

    bool TakeInOrder(ReadOnlySpan<byte> payload, long now)
    {
        if (!payload.IsEmpty)
        {
            if (!_buffer.TryWrite(Next, payload, MemoryPurpose.InOrder))
            {
                // What lies beyond gaps was acknowledged by SACK only: it may be dropped (RFC 2018 8).
                _islands.Clear();
                _report.Clear();
                _buffer.FreeFrom(Next);
                if (!_buffer.TryWrite(Next, payload, MemoryPurpose.InOrder))
                {
                    Starve();
                    return false;
                }
            }
            Next = _islands.Absorb(Next + payload.Length);
            if (_islands.Count == 0 && !_report.HasDuplicate)
                _report.Clear();
        }
        if (Next == _fin)
            Next++;
        else if (payload.IsEmpty)
            return false;
        Tune(now);
        return true;
    }

    bool TakeAhead(long start, ReadOnlySpan<byte> payload)
    {
        var end = start + payload.Length;
        if (payload.IsEmpty)
            return false;
        if (_islands.Contains(start, end))
        {
            _report.NoteDuplicate(start, end);
            _report.Note(start, _islands);
            return false;
        }
        if (_islands.Refuses(start, end))
            return false;
        if (!_buffer.TryWrite(start, payload, MemoryPurpose.OutOfOrder))
        {
            Starve();
            return false;
        }
        _islands.Add(start, end);
        _report.Note(start, _islands);
        return false;
    }

    void Starve()
    {
        OwesAck = true;
        IsStarved = true;
    }

    void Tune(long now)
    {
        if (memory.IsShort)
            return;
        _limit = _tuning.Tune(_read, _limit, options.MaxReceiveBuffer, _largestPayload, now);
    }

    long WantedEdge()
    {
        var room = _limit - (Math.Min(Next, _fin) - _read);
        if (memory.IsShort)
        {
            IsStarved = true;
            room = memory.IsExhausted ? 0 : Math.Min(room, 4 * _largestPayload);
        }
        return Next + Math.Max(room, 0);
    }
}
