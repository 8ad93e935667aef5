using System.Buffers;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>The fragments of one packet that have come so far. Its buffer grows with them and has room for the header in front.</summary>
sealed class PartialPacket(FragmentKey key, Instant deadline) : IDisposable
{
    /// <summary>The largest packet over the smallest link has 48; more are an attack.</summary>
    const int MostRanges = 64;

    const int FirstBytes = 1 << 12;

    readonly List<(int Start, int End)> _ranges = new(8);
    readonly int _header = IpHeader.Size(key.Source.IsV4);
    byte[] _buffer = [];
    IpProtocol _protocol;
    byte _trafficClass, _timeToLive;
    int _length = -1;
    int _received;
    int _highest;

    public FragmentKey Key => key;

    public Instant Deadline => deadline;

    /// <summary>Of the buffer.</summary>
    public int Bytes => _buffer.Length;

    /// <summary>Fragments overlapped or contradicted each other: whatever else comes of this packet is dropped (RFC 5722).</summary>
    public bool IsPoisoned { get; private set; }

    public bool HasFirst => _ranges.Count > 0 && _ranges[0].Start == 0;

    /// <summary>False: the fragment was dropped, and maybe all before it.</summary>
    public bool TryAdd(in Fragment fragment)
    {
        if (IsPoisoned)
            return false;
        var at = 0;
        while (at < _ranges.Count && _ranges[at].Start < fragment.Offset)
            at++;
        if (at < _ranges.Count && _ranges[at] == (fragment.Offset, fragment.End) && IsRepeated(fragment))
            return false;
        var overlaps = (at > 0 && _ranges[at - 1].End > fragment.Offset) || (at < _ranges.Count && _ranges[at].Start < fragment.End);
        var contradicts = fragment.More ? _length >= 0 && fragment.End >= _length : _length >= 0 || fragment.End < _highest;
        if (overlaps || contradicts || _ranges.Count == MostRanges)
        {
            Dispose();
            IsPoisoned = true;
            return false;
        }
        _ranges.Insert(at, (fragment.Offset, fragment.End));
        Grow(_header + fragment.End);
        fragment.Data.CopyTo(_buffer.AsSpan(_header + fragment.Offset));
        _received += fragment.Data.Length;
        _highest = Math.Max(_highest, fragment.End);
        if (!fragment.More)
            _length = fragment.End;
        if (fragment.Offset == 0)
            (_protocol, _timeToLive) = (fragment.Protocol, fragment.TimeToLive);
        // One that met congestion marks the whole (RFC 3168 5.3).
        _trafficClass = (fragment.TrafficClass & 3) == (int)Ecn.Congestion || fragment.Offset == 0 && (_trafficClass & 3) != (int)Ecn.Congestion
            ? fragment.TrafficClass : _trafficClass;
        return true;
    }

    public bool IsWhole => _received == _length;

    /// <summary>The packet as if it had come in one piece; of one that is not whole, what has come of its beginning.</summary>
    public Span<byte> Assemble()
    {
        var end = 0;
        foreach (var range in _ranges)
            if (range.Start == end)
                end = range.End;
        var packet = _buffer.AsSpan(0, _header + end);
        new IpHeader(key.Source, key.Destination, _protocol, _timeToLive, _trafficClass).Write(packet);
        return packet;
    }

    /// <summary>Gives the buffer back.</summary>
    public void Dispose()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    bool IsRepeated(in Fragment fragment) =>
        fragment.More == (fragment.End != _length) && _buffer.AsSpan(_header + fragment.Offset, fragment.Data.Length).SequenceEqual(fragment.Data);

    void Grow(int bytes)
    {
        if (bytes <= _buffer.Length)
            return;
        var grown = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, Math.Max(_buffer.Length * 2, FirstBytes)));
        _buffer.CopyTo(grown, 0);
        Dispose();
        _buffer = grown;
    }
}
