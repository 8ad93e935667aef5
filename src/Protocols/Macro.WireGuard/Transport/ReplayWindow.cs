namespace Macro.WireGuard;

/// <summary>
/// Sliding window of 8192 counters (RFC 6479): a ring of 64-bit blocks with one spare, so that sliding clears whole blocks.
/// Not thread-safe. The ring grows with the highest counter: a session that carried little costs a few bytes.
/// </summary>
sealed class ReplayWindow
{
    public const int Size = 8192;
    const int BlockBits = 64, RingBlocks = Size / BlockBits + 1;

    ulong[] _ring = new ulong[1];
    ulong _last;

    /// <summary>False for a counter that would surely be refused; true promises nothing. May be asked without the lock.</summary>
    public bool MayAccept(ulong counter)
    {
        var last = Volatile.Read(ref _last);
        return counter > last || last - counter < Size;
    }

    /// <summary>True once per counter, and never for one that fell out of the window.</summary>
    public bool TryAccept(ulong counter)
    {
        var block = counter / BlockBits;
        if (counter > _last)
        {
            var lastBlock = _last / BlockBits;
            Grow(block);
            for (var i = Math.Min(block - lastBlock, RingBlocks); i > 0; i--)
                _ring[(lastBlock + i) % RingBlocks] = 0;
            Volatile.Write(ref _last, counter);
        }
        else if (_last - counter >= Size)
        {
            return false;
        }
        ref var bits = ref _ring[block % RingBlocks];
        var bit = 1UL << (int)(counter % BlockBits);
        if ((bits & bit) != 0)
            return false;
        bits |= bit;
        return true;
    }

    void Grow(ulong block)
    {
        if (block < (ulong)_ring.Length || _ring.Length == RingBlocks)
            return;
        var wanted = Math.Max(Math.Min(block + 1, RingBlocks), 2 * (ulong)_ring.Length);
        Array.Resize(ref _ring, (int)Math.Min(wanted, RingBlocks));
    }
}
