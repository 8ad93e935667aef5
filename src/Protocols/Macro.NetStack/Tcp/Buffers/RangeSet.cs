namespace Macro.NetStack.Tcp;

/// <summary>Disjoint ranges of stream positions in order: what was received beyond a gap. A fixed number at most.</summary>
sealed class RangeSet(int most)
{
    (long Start, long End)[] _ranges = [];

    public int Count { get; private set; }

    public ReadOnlySpan<(long Start, long End)> All => _ranges.AsSpan(0, Count);

    /// <summary>The end of the last range; the set is not empty.</summary>
    public long End => _ranges[Count - 1].End;

    public void Clear() => Count = 0;

    /// <summary>True when it is one more range that there is no room for.</summary>
    public bool Refuses(long start, long end) => Count == most && !Touches(FirstEndingAt(start), end);

    /// <summary>True when all of it is there already.</summary>
    public bool Contains(long start, long end)
    {
        var i = FirstEndingAt(start);
        return i < Count && _ranges[i].Start <= start && end <= _ranges[i].End;
    }

    /// <summary>The range around a position.</summary>
    public bool TryFind(long position, out (long Start, long End) range)
    {
        var i = FirstEndingAt(position + 1);
        range = i < Count ? _ranges[i] : default;
        return i < Count && range.Start <= position;
    }

    public void Add(long start, long end)
    {
        var i = FirstEndingAt(start);
        if (!Touches(i, end))
        {
            Insert(i, start, end);
            return;
        }
        var last = i;
        while (Touches(last + 1, end))
            last++;
        _ranges[i] = (Math.Min(start, _ranges[i].Start), Math.Max(end, _ranges[last].End));
        Remove(i + 1, last - i);
    }

    /// <summary>Takes away what lies before <paramref name="next"/> or joins it; returns where the last of that ends.</summary>
    public long Absorb(long next)
    {
        var taken = 0;
        for (; taken < Count && _ranges[taken].Start <= next; taken++)
            next = Math.Max(next, _ranges[taken].End);
        Remove(0, taken);
        return next;
    }

    bool Touches(int i, long end) => i < Count && _ranges[i].Start <= end;

    /// <summary>The first range that ends at a position or behind it.</summary>
    int FirstEndingAt(long position)
    {
        // New data mostly belongs to the last range.
        if (Count == 0 || _ranges[Count - 1].End < position)
            return Count;
        var (low, high) = (0, Count - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_ranges[middle].End < position)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    void Insert(int i, long start, long end)
    {
        if (Count == _ranges.Length)
            Array.Resize(ref _ranges, Math.Max(8, 2 * Count));
        _ranges.AsSpan(i, Count - i).CopyTo(_ranges.AsSpan(i + 1));
        _ranges[i] = (start, end);
        Count++;
    }

    void Remove(int i, int count)
    {
        if (count == 0)
            return;
        _ranges.AsSpan(i + count, Count - i - count).CopyTo(_ranges.AsSpan(i));
        Count -= count;
    }
}
