namespace Macro.Core;

/// <summary>One packet or datagram of a <see cref="PacketBatch"/>: a slice of its buffer, and for datagrams the far end.</summary>
public struct PacketSlot
{
    /// <summary>First byte in <see cref="PacketBatch.Buffer"/>.</summary>
    public int Offset;

    /// <summary>Bytes.</summary>
    public int Length;

    /// <summary>Where a datagram came from or goes to; none for a packet of a TUN device.</summary>
    public Endpoint Remote;

    /// <summary>ECN field of the outer IP header; what is sent as not capable bears what its port gives all.</summary>
    public Ecn Ecn;
}

/// <summary>
/// A batch of packets in one pinned buffer, made once and used again: reading and writing allocate nothing.
/// The device that fills it owns it until it returns; then the caller may read and change it until the next call.
/// </summary>
/// <remarks>
/// Slots that follow each other with the same remote and the same length (the last may be shorter) leave in one
/// system call with segmentation offload where the kernel has it; they need not be adjacent in the buffer.
/// </remarks>
public sealed class PacketBatch
{
    readonly PacketSlot[] _slots;
    int _used;

    /// <param name="bytes">Size of the buffer.</param>
    /// <param name="slots">Most packets that it holds.</param>
    public PacketBatch(int bytes, int slots)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(slots);
        Buffer = GC.AllocateArray<byte>(bytes, pinned: true);
        _slots = new PacketSlot[slots];
    }

    /// <summary>A second list of slots over the memory of another batch: packets pass from one to the other without a copy.</summary>
    public PacketBatch(PacketBatch memory, int slots)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(slots);
        Buffer = memory.Buffer;
        _slots = new PacketSlot[slots];
    }

    /// <summary>The pinned memory behind the slots.</summary>
    public byte[] Buffer { get; }

    public int Count { get; private set; }

    public int Capacity => _slots.Length;

    /// <summary>Bytes behind everything that is in use.</summary>
    public int Room => Buffer.Length - _used;

    public Span<PacketSlot> Slots => _slots.AsSpan(0, Count);

    public ref PacketSlot this[int index] => ref _slots.AsSpan(0, Count)[index];

    public Span<byte> Bytes(int index)
    {
        ref var slot = ref this[index];
        return Buffer.AsSpan(slot.Offset, slot.Length);
    }

    public void Clear()
    {
        Count = 0;
        _used = 0;
    }

    /// <summary>Adds a slot over bytes that already lie in the buffer. False when all slots are taken.</summary>
    public bool TryAdd(int offset, int length, Endpoint remote, Ecn ecn = Ecn.NotCapable)
    {
        if (Count == _slots.Length)
            return false;
        _slots[Count++] = new PacketSlot { Offset = offset, Length = length, Remote = remote, Ecn = ecn };
        _used = Math.Max(_used, offset + length);
        return true;
    }

    /// <summary>
    /// Takes fresh room behind everything that is in use: <paramref name="headroom"/> bytes, then the slot, then
    /// <paramref name="tailroom"/> bytes. False when slots or bytes have run out.
    /// </summary>
    public bool TryReserve(int headroom, int length, int tailroom, Endpoint remote, out int index)
    {
        index = Count;
        if (Count == _slots.Length || Buffer.Length - _used < headroom + length + tailroom)
            return false;
        _slots[Count++] = new PacketSlot { Offset = _used + headroom, Length = length, Remote = remote };
        _used += headroom + length + tailroom;
        return true;
    }

    /// <summary>
    /// Shortens the slot that was reserved last to the bytes that really came, with <paramref name="tailroom"/> behind
    /// them; the rest of its room is free again.
    /// </summary>
    public void TrimLast(int length, int tailroom)
    {
        ref var slot = ref this[Count - 1];
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, slot.Length);
        slot.Length = length;
        _used = slot.Offset + length + tailroom;
    }

    /// <summary>Gives back the slot that was reserved last, and its room with the headroom before it.</summary>
    public void DropLast(int headroom)
    {
        _used = this[Count - 1].Offset - headroom;
        Count--;
    }

    /// <summary>Takes out the slots of length 0, which their owner gave up; the others keep their order.</summary>
    public void Compact()
    {
        var kept = 0;
        for (var i = 0; i < Count; i++)
            if (_slots[i].Length > 0)
                _slots[kept++] = _slots[i];
        Count = kept;
    }

    /// <summary>
    /// Moves slots apart, from one on, until each has room for at least <paramref name="least"/> bytes between its headroom and
    /// its tailroom. They must lie in the buffer in their order. Those for which no room is left are given up: length 0.
    /// </summary>
    /// <returns>How many were given up.</returns>
    public int Spread(int from, int headroom, int least, int tailroom)
    {
        if (from >= Count)
            return 0;
        Span<int> places = stackalloc int[Count - from];
        var (end, fitting) = (0, 0);
        for (var i = from; i < Count; i++)
        {
            var place = Math.Max(_slots[i].Offset, i == from ? 0 : end + headroom);
            end = place + Math.Max(_slots[i].Length, least) + tailroom;
            if (end > Buffer.Length)
                break;
            places[fitting++] = place;
            _used = Math.Max(_used, end);
        }
        for (var i = Count - 1; i >= from; i--)
        {
            ref var slot = ref _slots[i];
            if (i - from >= fitting)
                slot.Length = 0;
            else if (places[i - from] != slot.Offset)
            {
                Buffer.AsSpan(slot.Offset, slot.Length).CopyTo(Buffer.AsSpan(places[i - from]));
                slot.Offset = places[i - from];
            }
        }
        return Count - from - fitting;
    }

    /// <summary>Copies a packet in. False when slots or bytes have run out.</summary>
    public bool TryCopy(ReadOnlySpan<byte> packet, Endpoint remote, int headroom = 0, int tailroom = 0)
    {
        if (!TryReserve(headroom, packet.Length, tailroom, remote, out var index))
            return false;
        packet.CopyTo(Bytes(index));
        return true;
    }
}
