using System.Buffers.Binary;

namespace Macro.NetStack.Tcp;

/// <summary>Which blocks our ACKs report (RFC 2018 4): first a duplicate (RFC 2883), then the ranges that changed last.</summary>
sealed class SackReport
{
    const int Remembered = 4;

    // Positions inside ranges; the one that changed last in front.
    readonly long[] _recent = new long[Remembered];
    int _count;
    (long Start, long End)? _duplicate;

    public bool HasDuplicate => _duplicate is not null;

    public void Note(long position, RangeSet ranges)
    {
        var i = 0;
        if (ranges.TryFind(position, out var range))
            while (i < _count && (_recent[i] < range.Start || _recent[i] >= range.End))
                i++;
        if (i == _count && _count < Remembered)
            _count++;
        i = Math.Min(i, Remembered - 1);
        _recent.AsSpan(0, i).CopyTo(_recent.AsSpan(1));
        _recent[0] = position;
    }

    public void NoteDuplicate(long start, long end)
    {
        if (start < end)
            _duplicate = (start, end);
    }

    public void Clear() => (_count, _duplicate) = (0, null);

    /// <summary>Writes blocks of 8 bytes, as many as fit; a duplicate is reported once. Returns the bytes.</summary>
    public int Write(RangeSet ranges, Span<byte> blocks)
    {
        var written = 0;
        if (_duplicate is { } duplicate)
        {
            Put(blocks, ref written, duplicate);
            _duplicate = null;
        }
        for (var i = 0; i < _count && written + 8 <= blocks.Length; i++)
            if (ranges.TryFind(_recent[i], out var range) && !IsEarlier(i, range))
                Put(blocks, ref written, range);
        return written;
    }

    bool IsEarlier(int index, (long Start, long End) range)
    {
        for (var i = 0; i < index; i++)
            if (_recent[i] >= range.Start && _recent[i] < range.End)
                return true;
        return false;
    }

    static void Put(Span<byte> blocks, ref int written, (long Start, long End) range)
    {
        BinaryPrimitives.WriteUInt32BigEndian(blocks[written..], (uint)range.Start);
        BinaryPrimitives.WriteUInt32BigEndian(blocks[(written + 4)..], (uint)range.End);
        written += 8;
    }
}
