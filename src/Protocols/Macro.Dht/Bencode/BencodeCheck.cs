namespace Macro.Dht;

/// <summary>Walks a bencoded value once, without recursion, and refuses whatever is not canonical.</summary>
static class BencodeCheck
{
    const int MaxDigits = 19;

    /// <param name="length">Bytes of the value at the start of <paramref name="bytes"/>, 0 when there is none.</param>
    public static bool TryMeasure(ReadOnlySpan<byte> bytes, int maxDepth, out int length)
    {
        length = 0;
        var at = 0;
        // Of each open container: where its last key begins and ends, or -1 for a list; and whether a value is due.
        Span<Level> levels = stackalloc Level[maxDepth];
        var depth = 0;
        do
        {
            if (at >= bytes.Length)
                return false;
            var first = bytes[at];
            ref var level = ref levels[Math.Max(0, depth - 1)];
            if (first == 'e' && depth > 0)
            {
                if (level.ValueDue)
                    return false;
                depth--;
                at++;
            }
            else if (depth > 0 && level is { Keyed: true, ValueDue: false })
            {
                if (!TryString(bytes, at, out var text, out at) || !level.TryTakeKey(bytes, text, at))
                    return false;
                continue;
            }
            else
            {
                level.ValueDue = false;
                if (first is (byte)'d' or (byte)'l')
                {
                    if (depth == maxDepth)
                        return false;
                    levels[depth++] = new Level { Keyed = first == 'd', KeyStart = -1 };
                    at++;
                }
                else if (first == 'i' ? !TryInteger(bytes, ref at) : !TryString(bytes, at, out _, out at))
                    return false;
            }
        }
        while (depth > 0);
        length = at;
        return true;
    }

    static bool TryInteger(ReadOnlySpan<byte> bytes, ref int at)
    {
        at++;
        var negative = at < bytes.Length && bytes[at] == '-';
        if (negative)
            at++;
        if (!TryDigits(bytes, ref at, out var magnitude) || at >= bytes.Length || bytes[at++] != 'e')
            return false;
        return negative ? magnitude is > 0 and <= 1UL << 63 : magnitude <= long.MaxValue;
    }

    static bool TryString(ReadOnlySpan<byte> bytes, int at, out int text, out int end)
    {
        text = end = at;
        if (!TryDigits(bytes, ref text, out var size) || text >= bytes.Length || bytes[text++] != ':' || size > (ulong)(bytes.Length - text))
            return false;
        end = text + (int)size;
        return true;
    }

    static bool TryDigits(ReadOnlySpan<byte> bytes, ref int at, out ulong number)
    {
        number = 0;
        var start = at;
        for (; at < bytes.Length && (uint)(bytes[at] - '0') <= 9; at++)
        {
            if (at - start == MaxDigits)
                return false;
            number = number * 10 + (ulong)(bytes[at] - '0');
        }
        return at > start && (bytes[start] != '0' || at == start + 1);
    }

    struct Level
    {
        public bool Keyed, ValueDue;
        public int KeyStart;
        int _keyEnd;

        /// <summary>Keys ascend as raw bytes, so each is there once.</summary>
        public bool TryTakeKey(ReadOnlySpan<byte> bytes, int start, int end)
        {
            if (KeyStart >= 0 && bytes[KeyStart.._keyEnd].SequenceCompareTo(bytes[start..end]) >= 0)
                return false;
            (KeyStart, _keyEnd, ValueDue) = (start, end, true);
            return true;
        }
    }
}
