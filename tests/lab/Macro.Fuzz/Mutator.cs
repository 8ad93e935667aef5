using Macro.Core;

namespace Macro.Fuzz;

/// <summary>Changes inputs a little: flips, sets, cuts, repeats, inserts, joins. From a seed, so that a run can be repeated.</summary>
public sealed class Mutator(IRandom random, int longest)
{
    static readonly byte[] s_edges = [0, 1, 4, 5, 6, 13, 10, 0x20, 0x3a, 0x45, 0x60, 0x7f, 0x80, 0xc0, 0xfe, 0xff];

    readonly byte[] _bytes = new byte[longest];
    int _length;

    /// <summary>A mutation of one input, perhaps joined with another. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Mutate(byte[] input, byte[] other)
    {
        ArgumentNullException.ThrowIfNull(input);
        _length = Math.Min(input.Length, longest);
        input.AsSpan(0, _length).CopyTo(_bytes);
        // Mostly few changes: an input that differs much from what is known stops at the first check.
        for (var changes = 1 + (int)Math.Min(7, 8 - System.Numerics.BitOperations.Log2(random.NextUInt32() & 255 | 1) - 1); changes > 0; changes--)
            Change(other);
        return _bytes.AsSpan(0, _length);
    }

    void Change(byte[] other)
    {
        var word = random.NextUInt64();
        var kind = (int)(word & 15);
        var at = _length == 0 ? 0 : (int)((word >> 8 & 0xffffff) % (uint)_length);
        var value = (byte)(word >> 32);
        var count = 1 + (int)(word >> 40 & 15);
        if (_length == 0 || kind >= 14)
            Insert(at, count, value);
        else if (kind <= 4)
            _bytes[at] ^= (byte)(1 << (value & 7));
        else if (kind <= 6)
            _bytes[at] = value;
        else if (kind == 7)
            _bytes[at] = s_edges[value & 15];
        else if (kind == 8)
            _bytes[at] += (byte)((value & 31) - 16);
        else if (kind == 9)
            Delete(at, count);
        else if (kind == 10)
            Repeat(at, count);
        else if (kind == 11)
            _length = at;
        else if (kind == 12)
            SetWord(at, value);
        else
            Join(at, other);
    }

    void Insert(int at, int count, byte value)
    {
        count = Open(at, count);
        for (var i = 0; i < count; i++)
            _bytes[at + i] = (value & 1) == 0 ? value : (byte)random.NextUInt32();
    }

    void Delete(int at, int count)
    {
        count = Math.Min(count, _length - at);
        _bytes.AsSpan(at + count, _length - at - count).CopyTo(_bytes.AsSpan(at));
        _length -= count;
    }

    void Repeat(int at, int count)
    {
        count = Open(at, Math.Min(count, _length - at));
        _bytes.AsSpan(at + count, Math.Min(count, _length - at - count)).CopyTo(_bytes.AsSpan(at));
    }

    /// <summary>Sixteen bits at an edge: lengths and offsets are of that size.</summary>
    void SetWord(int at, byte value)
    {
        if (at + 1 >= _length)
            return;
        var number = (value & 7) switch
        {
            0 => 0,
            1 => 0xffff,
            2 => 0x8000,
            3 => _length,
            4 => _length - at,
            5 => _length + 1,
            6 => 1,
            _ => value << 4,
        };
        (_bytes[at], _bytes[at + 1]) = ((byte)(number >> 8), (byte)number);
    }

    /// <summary>Goes on as another input does.</summary>
    void Join(int at, byte[] other)
    {
        if (other.Length == 0)
            return;
        var from = (int)(random.NextUInt32() % (uint)other.Length);
        var count = Math.Min(other.Length - from, longest - at);
        other.AsSpan(from, count).CopyTo(_bytes.AsSpan(at));
        _length = at + count;
    }

    int Open(int at, int count)
    {
        count = Math.Min(count, longest - _length);
        _bytes.AsSpan(at, _length - at).CopyTo(_bytes.AsSpan(at + count));
        _length += count;
        return count;
    }
}
