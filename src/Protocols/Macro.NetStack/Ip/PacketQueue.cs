using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>
/// Packets that wait to be sent, in order: what is to stand in the IP header, and the payload in one ring of bytes. It
/// holds no memory before the first packet, and grows by doubling up to its bound.
/// </summary>
sealed class PacketQueue(int mostBytes)
{
    const int FirstBytes = 1 << 14, FirstPackets = 64;

    struct Entry
    {
        public IpHeader Header;
        public int Offset;
        public int Length;
    }

    byte[] _bytes = [];
    Entry[] _entries = [];
    int _head;

    public int Count { get; private set; }

    /// <summary>Bytes of all payloads.</summary>
    public int Bytes { get; private set; }

    public ref readonly IpHeader Header => ref _entries[_head].Header;

    /// <summary>Of the first packet; valid until something is added.</summary>
    public ReadOnlySpan<byte> Payload => _bytes.AsSpan(_entries[_head].Offset, _entries[_head].Length);

    /// <summary>Adds a packet, whose payload the caller then writes. False: no room.</summary>
    public bool TryAdd(in IpHeader header, int length, out Span<byte> payload)
    {
        payload = default;
        if (!TryPlace(length, out var offset))
            return false;
        if (Count == _entries.Length)
            GrowEntries();
        _entries[(_head + Count++) & (_entries.Length - 1)] = new Entry { Header = header, Offset = offset, Length = length };
        payload = _bytes.AsSpan(offset, length);
        Bytes += length;
        return true;
    }

    public void Remove()
    {
        Bytes -= _entries[_head].Length;
        _head = (_head + 1) & (_entries.Length - 1);
        Count--;
    }

    /// <summary>The payload lies in one piece: behind the last, or at the front when the first has moved on far enough.</summary>
    bool TryPlace(int length, out int offset)
    {
        while (true)
        {
            offset = 0;
            if (Count == 0)
            {
                if (length <= _bytes.Length)
                    return true;
            }
            else
            {
                ref readonly var last = ref _entries[(_head + Count - 1) & (_entries.Length - 1)];
                var first = _entries[_head].Offset;
                offset = last.Offset + last.Length;
                var hasWrapped = last.Offset < first;
                if (length <= (hasWrapped ? first : _bytes.Length) - offset)
                    return true;
                offset = 0;
                if (!hasWrapped && length <= first)
                    return true;
            }
            if (!TryGrow(length))
                return false;
        }
    }

    bool TryGrow(int length)
    {
        if (_bytes.Length >= mostBytes || length > mostBytes)
            return false;
        var size = Math.Max(_bytes.Length * 2, FirstBytes);
        while (size < length)
            size *= 2;
        var grown = new byte[Math.Min(size, mostBytes)];
        var used = 0;
        for (var i = 0; i < Count; i++)
        {
            ref var entry = ref _entries[(_head + i) & (_entries.Length - 1)];
            _bytes.AsSpan(entry.Offset, entry.Length).CopyTo(grown.AsSpan(used));
            entry.Offset = used;
            used += entry.Length;
        }
        _bytes = grown;
        return true;
    }

    void GrowEntries()
    {
        var grown = new Entry[Math.Max(_entries.Length * 2, FirstPackets)];
        for (var i = 0; i < Count; i++)
            grown[i] = _entries[(_head + i) & (_entries.Length - 1)];
        (_entries, _head) = (grown, 0);
    }
}
