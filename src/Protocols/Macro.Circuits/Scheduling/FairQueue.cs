using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// Flow queueing with controlled delay: each flow (or circuit) has a queue of its own with its own <see cref="CoDel"/>; queues share the
/// link by deficit round robin, in proportion to their shares; and one that was empty goes first for one round, so that flows that
/// send little hardly wait. Within a queue small packets go before the others: whoever fills a queue has filled his own. When all queues together are too long, the oldest packets of the longest are dropped. Source: RFC 8290,
/// section 4. A state machine of one thread; it allocates nothing after it was made.
/// </summary>
public sealed class FairQueue
{
    /// <summary>Packets that one overflow drops at once, at most, so that a flood does not search for the longest queue each time.</summary>
    const int DroppedAtOnce = 64;

    const int None = -1;

    readonly FairQueueOptions _options;
    readonly PacketPool _pool;
    readonly Flow[] _flows;
    readonly long[] _dropped;
    Ring _new, _old;
    int _droppedCount;

    struct Flow()
    {
        public PacketPool.Queue Small = new(), Large = new();
        public CoDel SmallDelay, LargeDelay;
        public int Deficit;
        public int Share = 1;

        /// <summary>The next queue of the same ring.</summary>
        public int Next = None;
        public bool IsActive;

        public readonly int Bytes => Small.Bytes + Large.Bytes;

        public readonly int Count => Small.Count + Large.Count;
    }

    /// <summary>Queues whose turn comes, linked through <see cref="Flow.Next"/>.</summary>
    struct Ring()
    {
        public int Head = None, Tail = None;
    }

    public FairQueue(FairQueueOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Queues, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MostPackets, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Quantum, 1);
        _options = options;
        _pool = new PacketPool(options.MostPackets);
        _flows = new Flow[options.Queues];
        Array.Fill(_flows, new Flow());
        // All that wait, and one more, may be dropped before the caller asks.
        _dropped = new long[options.MostPackets + 1];
        (_new, _old) = (new Ring(), new Ring());
    }

    /// <summary>Packets that wait.</summary>
    public int Count => _pool.Count;

    /// <summary>Bytes that wait.</summary>
    public int Bytes { get; private set; }

    /// <summary>Packets that were dropped because the queues were too long.</summary>
    public long Overflowed { get; private set; }

    /// <summary>Packets that CoDel dropped.</summary>
    public long Dropped { get; private set; }

    /// <summary>Packets that CoDel marked.</summary>
    public long Marked { get; private set; }

    /// <summary>How much a queue may send beside the others while both wait; 1 and up.</summary>
    public void SetShare(int queue, int share)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(share, 1);
        _flows[queue].Share = share;
    }

    /// <summary>
    /// Takes a packet in. The caller then asks <see cref="TryTakeDropped"/> until it has all: this packet itself may be among them.
    /// </summary>
    /// <param name="queue">0 up to the number of queues.</param>
    public void Enqueue(int queue, QueuedPacket packet, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(packet.Bytes, 1);
        while (_pool.IsFull || Bytes + packet.Bytes > _options.MostBytes)
        {
            if (_pool.Count == 0)
            {
                Discard(packet.Handle);
                Overflowed++;
                return;
            }
            DropFromLongest();
        }
        ref var flow = ref _flows[queue];
        _pool.Add(ref packet.IsSmall ? ref flow.Small : ref flow.Large, packet with { Since = now, Marked = false });
        Bytes += packet.Bytes;
        if (flow.IsActive)
            return;
        flow.IsActive = true;
        flow.Deficit = Quantum(flow);
        Append(ref _new, queue);
    }

    /// <summary>The packet whose turn it is. The caller also asks <see cref="TryTakeDropped"/> afterwards.</summary>
    public bool TryDequeue(Instant now, out QueuedPacket packet)
    {
        while (true)
        {
            var fromNew = _new.Head != None;
            ref var ring = ref fromNew ? ref _new : ref _old;
            if (ring.Head == None)
            {
                packet = default;
                return false;
            }
            var index = ring.Head;
            ref var flow = ref _flows[index];
            if (flow.Deficit <= 0)
            {
                flow.Deficit += Quantum(flow);
                RemoveHead(ref ring);
                Append(ref _old, index);
                continue;
            }
            if (TryTake(ref flow.Small, ref flow.SmallDelay, now, out packet) || TryTake(ref flow.Large, ref flow.LargeDelay, now, out packet))
            {
                flow.Deficit -= packet.Bytes;
                return true;
            }
            RemoveHead(ref ring);
            // An empty new queue waits one round among the old, or it could keep them from ever being served.
            if (fromNew && _old.Head != None)
                Append(ref _old, index);
            else
                flow.IsActive = false;
        }
    }

    /// <summary>The handle of a packet that will not be sent: its bytes are free.</summary>
    public bool TryTakeDropped(out long handle)
    {
        handle = 0;
        if (_droppedCount == 0)
            return false;
        handle = _dropped[--_droppedCount];
        return true;
    }

    bool TryTake(ref PacketPool.Queue queue, ref CoDel delay, Instant now, out QueuedPacket packet)
    {
        while (queue.Count > 0)
        {
            var verdict = delay.Decide(_pool.Peek(queue), queue.Bytes, _options.Quantum, now);
            packet = _pool.Take(ref queue);
            Bytes -= packet.Bytes;
            if (verdict == CoDelVerdict.Mark)
            {
                Marked++;
                packet = packet with { Marked = true };
            }
            if (verdict != CoDelVerdict.Drop)
                return true;
            Dropped++;
            Discard(packet.Handle);
        }
        delay.Emptied();
        packet = default;
        return false;
    }

    void DropFromLongest()
    {
        var longest = 0;
        for (var i = 1; i < _flows.Length; i++)
            if (_flows[i].Bytes > _flows[longest].Bytes)
                longest = i;
        ref var flow = ref _flows[longest];
        var half = flow.Bytes / 2;
        for (var i = 0; i < DroppedAtOnce && flow.Count > 0 && (i == 0 || flow.Bytes > half); i++)
        {
            var packet = _pool.Take(ref flow.Large.Count > 0 ? ref flow.Large : ref flow.Small);
            Bytes -= packet.Bytes;
            Overflowed++;
            Discard(packet.Handle);
        }
    }

    void Discard(long handle)
    {
        if (_droppedCount < _dropped.Length)
            _dropped[_droppedCount++] = handle;
    }

    int Quantum(in Flow flow) => _options.Quantum * flow.Share;

    void Append(ref Ring ring, int index)
    {
        _flows[index].Next = None;
        if (ring.Head == None)
            ring.Head = index;
        else
            _flows[ring.Tail].Next = index;
        ring.Tail = index;
    }

    void RemoveHead(ref Ring ring) => ring.Head = _flows[ring.Head].Next;
}
