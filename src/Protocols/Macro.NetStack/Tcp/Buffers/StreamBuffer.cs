namespace Macro.NetStack.Tcp;

/// <summary>
/// A stretch of a byte stream in chunks of the global budget, addressed by stream position. Chunks are taken when first
/// written and given back when passed, so an empty buffer holds none and a gap costs nothing.
/// </summary>
sealed class StreamBuffer(TcpMemory memory)
{
    const int Shift = 14, Mask = TcpMemory.ChunkSize - 1;

    // Chunk i of the stream stands at i modulo the length, which is a power of two.
    byte[]?[] _ring = new byte[]?[4];
    long _origin, _first;

    /// <summary>Chunks that it holds.</summary>
    public int Held { get; private set; }

    /// <summary>Gives everything back; the next bytes belong at <paramref name="position"/>.</summary>
    public void Reset(long position)
    {
        if (Held > 0)
            FreeFrom(_origin + (_first << Shift));
        (_origin, _first) = (position, 0);
    }

    /// <summary>Copies bytes to their place. False when the budget is short; what was there before stays.</summary>
    public bool TryWrite(long position, ReadOnlySpan<byte> bytes, MemoryPurpose purpose)
    {
        while (true)
        {
            var offset = position - _origin;
            var chunk = Chunk(offset >> Shift) ?? TryTake(offset >> Shift, purpose);
            if (chunk is null)
                return false;
            var at = (int)offset & Mask;
            var room = TcpMemory.ChunkSize - at;
            if (bytes.Length <= room)
            {
                bytes.CopyTo(chunk.AsSpan(at));
                return true;
            }
            bytes[..room].CopyTo(chunk.AsSpan(at));
            bytes = bytes[room..];
            position += room;
        }
    }

    /// <summary>The contiguous bytes from <paramref name="position"/>, at most up to <paramref name="end"/>; all must have been written.</summary>
    public Span<byte> Run(long position, long end)
    {
        if (position >= end)
            return default;
        var offset = position - _origin;
        var at = (int)offset & Mask;
        return Chunk(offset >> Shift).AsSpan(at, (int)Math.Min(TcpMemory.ChunkSize - at, end - position));
    }

    /// <summary>Contiguous room from <paramref name="position"/>, at most <paramref name="limit"/> bytes. Empty when the budget is short.</summary>
    public Span<byte> Room(long position, int limit, MemoryPurpose purpose)
    {
        var offset = position - _origin;
        var chunk = Chunk(offset >> Shift) ?? TryTake(offset >> Shift, purpose);
        var at = (int)offset & Mask;
        return chunk is null ? default : chunk.AsSpan(at, Math.Min(TcpMemory.ChunkSize - at, limit));
    }

    /// <summary>Copies written bytes out.</summary>
    public void Read(long position, Span<byte> bytes)
    {
        while (true)
        {
            var offset = position - _origin;
            var at = (int)offset & Mask;
            ReadOnlySpan<byte> chunk = Chunk(offset >> Shift).AsSpan(at);
            if (bytes.Length <= chunk.Length)
            {
                chunk[..bytes.Length].CopyTo(bytes);
                return;
            }
            chunk.CopyTo(bytes);
            bytes = bytes[chunk.Length..];
            position += chunk.Length;
        }
    }

    /// <summary>Gives back the chunks that lie wholly before a position.</summary>
    public void FreeBefore(long position)
    {
        var first = (position - _origin) >> Shift;
        if (first == _first)
            return;
        for (var i = _first; Held > 0 && i < first; i++)
            Free(i);
        _first = first;
    }

    /// <summary>Gives back the chunks that begin at a position or behind it.</summary>
    public void FreeFrom(long position)
    {
        var last = _first + _ring.Length;
        for (var i = (position - _origin + Mask) >> Shift; Held > 0 && i < last; i++)
            Free(i);
    }

    byte[]? Chunk(long index)
    {
        var ring = _ring;
        return index - _first < ring.Length ? ring[(int)index & (ring.Length - 1)] : null;
    }

    byte[]? TryTake(long index, MemoryPurpose purpose)
    {
        if (memory.TryTake(purpose) is not { } chunk)
            return null;
        if (index - _first >= _ring.Length)
            Widen(index);
        Held++;
        return _ring[(int)index & (_ring.Length - 1)] = chunk;
    }

    void Free(long index)
    {
        ref var place = ref _ring[(int)index & (_ring.Length - 1)];
        if (place is null)
            return;
        memory.Return(place);
        place = null;
        Held--;
    }

    void Widen(long index)
    {
        var length = _ring.Length;
        while (index - _first >= length)
            length *= 2;
        var wider = new byte[]?[length];
        for (var i = _first; i < _first + _ring.Length; i++)
            wider[(int)i & (length - 1)] = _ring[(int)i & (_ring.Length - 1)];
        _ring = wider;
    }
}
