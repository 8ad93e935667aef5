using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits;

/// <summary>
/// Holds a link to a rate. While nothing waits and the rate allows it, packets pass where they are; the others are copied here and
/// leave in the order of a <see cref="FairQueue"/>. A state machine without a lock; it allocates nothing after it was made.
/// </summary>
public sealed class Shaper
{
    /// <summary>Bytes of the longest packet that can wait; a longer one is dropped.</summary>
    public const int LongestPacket = 2048;

    const int Queues = 1024, LeastBytes = 64 << 10, MostBytes = 4 << 20;

    // What timers that come late make up for, and what a full queue takes to leave.
    static readonly TimeSpan s_burst = TimeSpan.FromMilliseconds(10), s_longest = TimeSpan.FromMilliseconds(200);

    readonly TokenBucket _bucket;
    readonly FairQueue _queue;
    readonly PacketSorter _sorter;
    readonly byte[] _memory;
    readonly Endpoint[] _remotes;
    readonly Ecn[] _ecns;
    readonly int[] _free;
    int _freeCount;

    /// <param name="bitsPerSecond">1 and up; packets count as the sorter says. What can wait is measured by it.</param>
    public Shaper(long bitsPerSecond, PacketSorter sorter, Instant now)
    {
        _sorter = sorter;
        var bytes = (int)Math.Clamp(bitsPerSecond / 8 * s_longest.TotalSeconds, LeastBytes, MostBytes);
        var packets = bytes / 512;
        _bucket = new TokenBucket(bitsPerSecond, Burst(bitsPerSecond), now);
        _queue = new FairQueue(new FairQueueOptions { Queues = Queues, MostPackets = packets, MostBytes = bytes });
        // One more than wait: a packet is copied in before the oldest make way for it.
        _memory = new byte[(packets + 1) * LongestPacket];
        _remotes = new Endpoint[packets + 1];
        _ecns = new Ecn[packets + 1];
        _free = [.. Enumerable.Range(0, packets + 1)];
        _freeCount = _free.Length;
    }

    /// <summary>Another rate from now on.</summary>
    public void Change(long bitsPerSecond, Instant now) => _bucket.Change(bitsPerSecond, Burst(bitsPerSecond), now);

    /// <summary>Packets that wait.</summary>
    public int Count => _queue.Count;

    /// <summary>Packets that waited in vain.</summary>
    public long Dropped => _queue.Dropped + _queue.Overflowed;

    /// <summary>When <see cref="TryTake"/> has something to give; never while nothing waits.</summary>
    public Instant NextTimeout(Instant now) => _queue.Count == 0 ? Instant.Never : _bucket.OpensAt(now);

    /// <summary>Takes the packets out of the batch that may not go yet.</summary>
    public void Pass(PacketBatch batch, Instant now)
    {
        ArgumentNullException.ThrowIfNull(batch);
        foreach (ref var slot in batch.Slots)
        {
            if (slot.Length == 0)
                continue;
            var place = _sorter(batch.Buffer.AsSpan(slot.Offset, slot.Length), slot.Remote);
            if (_queue.Count == 0 && _bucket.IsOpen(now))
            {
                _bucket.Take(place.Cost);
                continue;
            }
            Hold(batch.Buffer.AsSpan(slot.Offset, slot.Length), slot, place, now);
            slot.Length = 0;
        }
        batch.Compact();
    }

    /// <summary>Adds to the batch what may go now, as far as there is room in it. False when it got nothing.</summary>
    /// <param name="headroom">Bytes to be left free before each packet, and <paramref name="tailroom"/> behind it.</param>
    public bool TryTake(PacketBatch batch, Instant now, int headroom = 0, int tailroom = 0)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var before = batch.Count;
        while (batch.Count < batch.Capacity && batch.Room >= headroom + LongestPacket + tailroom
            && _queue.Count > 0 && _bucket.IsOpen(now) && _queue.TryDequeue(now, out var packet))
        {
            var (slot, length) = Unpack(packet.Handle);
            var bytes = _memory.AsSpan(slot * LongestPacket, length);
            var remote = _remotes[slot];
            // A datagram is marked outside; of packets only those are that know ECN.
            if (packet.Marked && remote.IsNone)
                EcnField.TryMark(bytes, Ecn.Congestion);
            if (batch.TryCopy(bytes, remote, headroom, tailroom))
                batch[batch.Count - 1].Ecn = packet.Marked && !remote.IsNone ? Ecn.Congestion : _ecns[slot];
            _bucket.Take(packet.Bytes);
            Free(slot);
        }
        FreeDropped();
        return batch.Count > before;
    }

    static int Burst(long bitsPerSecond) => Math.Max(4 * LongestPacket, (int)Math.Min(int.MaxValue, bitsPerSecond / 8 * s_burst.TotalSeconds));

    void Hold(ReadOnlySpan<byte> packet, in PacketSlot from, in QueuePlace place, Instant now)
    {
        if (packet.Length > LongestPacket)
            return;
        var slot = _free[--_freeCount];
        packet.CopyTo(_memory.AsSpan(slot * LongestPacket));
        (_remotes[slot], _ecns[slot]) = (from.Remote, from.Ecn);
        _queue.Enqueue((int)(place.Queue % Queues), new QueuedPacket { Handle = Pack(slot, packet.Length), Bytes = place.Cost, IsSmall = place.IsSmall, EcnCapable = place.IsMarkable }, now);
        FreeDropped();
    }

    void FreeDropped()
    {
        while (_queue.TryTakeDropped(out var handle))
            Free(Unpack(handle).Slot);
    }

    void Free(int slot) => _free[_freeCount++] = slot;

    static long Pack(int slot, int length) => ((long)slot << 32) | (uint)length;

    static (int Slot, int Length) Unpack(long handle) => ((int)(handle >> 32), (int)handle);
}
