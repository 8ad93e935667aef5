namespace Macro.NetStack.Tcp;

[Flags]
enum SentState : byte
{
    None = 0,

    /// <summary>The peer has it, beyond a gap (RFC 2018).</summary>
    Sacked = 1,

    /// <summary>Taken for lost.</summary>
    Lost = 2,

    /// <summary>Sent again, and that copy is in flight.</summary>
    Again = 4,

    /// <summary>Was ever sent again: its acknowledgment is ambiguous (Karn).</summary>
    Retransmitted = 8,

    /// <summary>Its last sequence number is the FIN.</summary>
    Fin = 16,

    /// <summary>Stands in the list by time.</summary>
    Listed = 32,
}

/// <summary>A segment that was sent and is not acknowledged. Times in ticks, neighbours by time as slots.</summary>
struct SentSegment
{
    public long Start, SentAt;
    public int Length, Older, Newer;
    public SentState State;

    public readonly long End => Start + Length;

    public readonly bool Is(SentState state) => (State & state) != 0;

    /// <summary>Was sent later than another, or at the same time and further on (RFC 8985 6.1).</summary>
    public readonly bool IsSentAfter(long sentAt, long end) => SentAt > sentAt || (SentAt == sentAt && End > end);
}

/// <summary>
/// Every segment between SND.UNA and SND.NXT (RFC 6675 3, RFC 8985 5.1): in order of sequence as a ring, in order of
/// sending as a list through it that leaves out what is sacked, or lost and not yet sent again.
/// </summary>
sealed class Scoreboard
{
    const int None = -1, Smallest = 16, Large = 4096;

    SentSegment[] _ring = new SentSegment[Smallest];
    uint _first, _next, _retransmitFrom;
    int _oldest = None, _newest = None;
    int _sacked, _lost, _again, _lostAndAgain;

    /// <summary>Segments; of those sacked; lost; sent again and that copy in flight.</summary>
    public int Count => (int)(_next - _first);
    public int Sacked => _sacked;
    public int Lost => _lost;
    public int Again => _again;

    /// <summary>Segments that may still be on the way ("pipe", RFC 6675 4).</summary>
    public int InFlight => Count - _sacked - _lost + _again;

    /// <summary>Lost segments that wait to be sent again.</summary>
    public int ToRetransmit => _lost - _lostAndAgain;

    /// <summary>The ring index of the first segment, and the one behind the last.</summary>
    public uint First => _first;
    public uint Next => _next;

    /// <summary>Slot of the segment sent longest ago that waits for an answer; -1: none.</summary>
    public int Oldest => _oldest;

    public ref SentSegment this[uint index] => ref _ring[index & (uint)(_ring.Length - 1)];

    public ref SentSegment AtSlot(int slot) => ref _ring[slot];

    public void Append(long start, int length, bool fin, long now)
    {
        if (Count == _ring.Length)
            Grow();
        var slot = Slot(_next++);
        ref var segment = ref _ring[slot];
        segment.Start = start;
        segment.Length = length;
        segment.State = fin ? SentState.Fin : SentState.None;
        segment.SentAt = now;
        Link(slot);
    }

    /// <summary>Drops the first segment, which was acknowledged.</summary>
    public void RemoveFirst()
    {
        var slot = Slot(_first);
        ref var segment = ref _ring[slot];
        if ((segment.State & ~(SentState.Fin | SentState.Listed)) != 0)
        {
            Unsack(ref segment);
            ClearLost(ref segment);
            ClearAgain(ref segment);
        }
        Unlink(slot);
        _first++;
        if ((int)(_retransmitFrom - _first) < 0)
            _retransmitFrom = _first;
    }

    /// <summary>The index of the segment that holds a position; <see cref="Next"/> when none does.</summary>
    public uint Find(long position)
    {
        var (low, high) = (_first, _next);
        while (low != high)
        {
            var middle = low + (high - low) / 2;
            if (this[middle].End <= position)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    public void MarkSacked(uint index)
    {
        var slot = Slot(index);
        ref var segment = ref _ring[slot];
        ClearLost(ref segment);
        ClearAgain(ref segment);
        segment.State |= SentState.Sacked;
        _sacked++;
        Unlink(slot);
    }

    /// <summary>The peer dropped what it had beyond gaps (RFC 2018 8), or may have: all of it is lost.</summary>
    public void ForgetSacks()
    {
        for (var i = _first; i != _next; i++)
        {
            Unsack(ref this[i]);
            MarkLost(i);
        }
    }

    /// <summary>A segment, or the copy of it that is in flight, is lost. True when that is news.</summary>
    public bool MarkLost(uint index)
    {
        var slot = Slot(index);
        ref var segment = ref _ring[slot];
        if (segment.Is(SentState.Sacked))
            return false;
        var isNews = !segment.Is(SentState.Lost) || segment.Is(SentState.Again);
        ClearAgain(ref segment);
        if (!segment.Is(SentState.Lost))
        {
            segment.State |= SentState.Lost;
            _lost++;
        }
        if ((int)(index - _retransmitFrom) < 0)
            _retransmitFrom = index;
        Unlink(slot);
        return isNews;
    }

    public bool MarkSlotLost(int slot) => MarkLost(_first + (uint)((slot - Slot(_first)) & (_ring.Length - 1)));

    /// <summary>All losses were none: the segments are in flight as before.</summary>
    public void ForgetLosses()
    {
        var older = None;
        for (var i = _first; _lost > 0 && i != _next; i++)
        {
            ref var segment = ref this[i];
            if (!segment.Is(SentState.Lost))
                continue;
            ClearLost(ref segment);
            if (!segment.Is(SentState.Listed))
                older = LinkBack(Slot(i), older);
        }
    }

    /// <summary>The next lost segment to send again.</summary>
    public bool TryFindLost(out uint index)
    {
        index = _retransmitFrom;
        if (ToRetransmit == 0)
            return false;
        if ((int)(index - _first) < 0)
            index = _first;
        for (; index != _next; index++)
            if ((this[index].State & (SentState.Lost | SentState.Again)) == SentState.Lost)
            {
                _retransmitFrom = index;
                return true;
            }
        return false;
    }

    public void MarkSentAgain(uint index, long now)
    {
        var slot = Slot(index);
        ref var segment = ref _ring[slot];
        if (!segment.Is(SentState.Again))
        {
            _again++;
            if (segment.Is(SentState.Lost))
                _lostAndAgain++;
        }
        segment.State |= SentState.Again | SentState.Retransmitted;
        segment.SentAt = now;
        Unlink(slot);
        Link(slot);
    }

    /// <summary>Slot of the next segment in order of sending; -1: none.</summary>
    public int NewerThan(int slot) => _ring[slot].Newer;

    /// <summary>Cuts what is longer than <paramref name="most"/> bytes into several, which count as lost: the path takes less than it did.</summary>
    public void Split(int most)
    {
        var pieces = 0;
        for (var i = _first; i != _next; i++)
            pieces += (this[i].Length + most - 1) / most;
        var old = _ring;
        var (first, next) = (_first, _next);
        var length = old.Length;
        while (length < pieces)
            length *= 2;
        _ring = new SentSegment[length];
        (_first, _next, _retransmitFrom, _oldest, _newest) = (0, 0, 0, None, None);
        (_sacked, _lost, _again, _lostAndAgain) = (0, 0, 0, 0);
        for (var i = first; i != next; i++)
            AppendPieces(old[i & (uint)(old.Length - 1)], most);
    }

    /// <summary>Everything was acknowledged: a large board is given up, for the connection may stay idle.</summary>
    public void Relax()
    {
        if (Count > 0 || _ring.Length <= Large)
            return;
        _ring = new SentSegment[Smallest];
        (_first, _next, _retransmitFrom, _oldest, _newest) = (0, 0, 0, None, None);
        (_sacked, _lost, _again, _lostAndAgain) = (0, 0, 0, 0);
    }

    void AppendPieces(SentSegment segment, int most)
    {
        // A FIN takes a sequence number but no room.
        most += segment.Is(SentState.Fin) ? 1 : 0;
        var whole = segment.Length <= most;
        while (segment.Length > 0)
        {
            var fits = segment.Length <= most;
            var length = fits ? segment.Length : most;
            var index = _next;
            Append(segment.Start, length, fits && segment.Is(SentState.Fin), segment.SentAt);
            if (segment.Is(SentState.Lost) || !whole)
                MarkLost(index);
            if (whole && segment.Is(SentState.Again))
                MarkSentAgain(index, segment.SentAt);
            this[index].State |= segment.State & SentState.Retransmitted;
            if (segment.Is(SentState.Sacked))
                MarkSacked(index);
            segment.Start += length;
            segment.Length -= length;
        }
    }

    int Slot(uint index) => (int)(index & (uint)(_ring.Length - 1));

    void Unsack(ref SentSegment segment)
    {
        if (!segment.Is(SentState.Sacked))
            return;
        segment.State &= ~SentState.Sacked;
        _sacked--;
    }

    void ClearLost(ref SentSegment segment)
    {
        if (!segment.Is(SentState.Lost))
            return;
        segment.State &= ~SentState.Lost;
        _lost--;
        if (segment.Is(SentState.Again))
            _lostAndAgain--;
    }

    void ClearAgain(ref SentSegment segment)
    {
        if (!segment.Is(SentState.Again))
            return;
        segment.State &= ~SentState.Again;
        _again--;
        if (segment.Is(SentState.Lost))
            _lostAndAgain--;
    }

    void Link(int slot)
    {
        ref var segment = ref _ring[slot];
        segment.State |= SentState.Listed;
        (segment.Older, segment.Newer) = (_newest, None);
        if (_newest == None)
            _oldest = slot;
        else
            _ring[_newest].Newer = slot;
        _newest = slot;
    }

    /// <summary>Puts a segment where it belongs by its time, looking from <paramref name="older"/> on; returns its slot.</summary>
    int LinkBack(int slot, int older)
    {
        ref var segment = ref _ring[slot];
        if (older == None || _ring[older].SentAt > segment.SentAt)
            older = None;
        var newer = older == None ? _oldest : _ring[older].Newer;
        for (; newer != None && _ring[newer].SentAt <= segment.SentAt; newer = _ring[newer].Newer)
            older = newer;
        segment.State |= SentState.Listed;
        (segment.Older, segment.Newer) = (older, newer);
        if (older == None)
            _oldest = slot;
        else
            _ring[older].Newer = slot;
        if (newer == None)
            _newest = slot;
        else
            _ring[newer].Older = slot;
        return slot;
    }

    void Unlink(int slot)
    {
        ref var segment = ref _ring[slot];
        if (!segment.Is(SentState.Listed))
            return;
        segment.State &= ~SentState.Listed;
        if (segment.Older == None)
            _oldest = segment.Newer;
        else
            _ring[segment.Older].Newer = segment.Newer;
        if (segment.Newer == None)
            _newest = segment.Older;
        else
            _ring[segment.Newer].Older = segment.Older;
    }

    void Grow()
    {
        var old = _ring;
        _ring = new SentSegment[2 * old.Length];
        for (var i = _first; i != _next; i++)
        {
            var segment = old[i & (uint)(old.Length - 1)];
            (segment.Older, segment.Newer) = (Moved(segment.Older), Moved(segment.Newer));
            _ring[Slot(i)] = segment;
        }
        (_oldest, _newest) = (Moved(_oldest), Moved(_newest));

        int Moved(int slot) => slot == None ? None : Slot(_first + (uint)((slot - (int)(_first & (uint)(old.Length - 1))) & (old.Length - 1)));
    }
}
