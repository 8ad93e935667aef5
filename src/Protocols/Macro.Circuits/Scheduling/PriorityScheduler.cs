using Macro.Core;

namespace Macro.Circuits;

/// <summary>How soon a packet wants to be sent: bits 1-2 of a frame's flags.</summary>
public enum PacketClass
{
    /// <summary>DNS, handshakes, small packets, calls, keystrokes.</summary>
    Interactive,

    Default,

    /// <summary>Whatever may wait.</summary>
    Bulk,
}

/// <summary>
/// What leaves a link and when: interactive before default before bulk, each a <see cref="FairQueue"/>, at no more than a rate. A class
/// that waits still gets one byte in sixteen of what those before it send, so that none starves by what others call
/// interactive. A state machine of one thread.
/// </summary>
public sealed class PriorityScheduler
{
    const int Classes = 3, LeastShare = 16;

    readonly FairQueue[] _queues;
    readonly int _quantum;

    // In sixteenths of a byte.
    readonly long[] _owed = new long[Classes];
    readonly TokenBucket? _bucket;

    /// <param name="options">Sizes of each of the three.</param>
    /// <param name="bucket">The rate; null: as fast as the caller asks.</param>
    public PriorityScheduler(FairQueueOptions options, TokenBucket? bucket = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _quantum = options.Quantum;
        _queues = [.. Enumerable.Range(0, Classes).Select(_ => new FairQueue(options))];
        _bucket = bucket;
    }

    public int Count => _queues.Sum(queue => queue.Count);

    public FairQueue this[PacketClass priority] => _queues[(int)priority];

    /// <inheritdoc cref="FairQueue.Enqueue"/>
    public void Enqueue(PacketClass priority, int queue, QueuedPacket packet, Instant now) => _queues[(int)priority].Enqueue(queue, packet, now);

    /// <summary>When to ask for a packet again; never while none waits.</summary>
    public Instant NextTimeout(Instant now) => Count == 0 ? Instant.Never : _bucket?.OpensAt(now) ?? now;

    /// <summary>The packet to send now. False: none waits, or the rate does not allow it yet.</summary>
    public bool TryDequeue(Instant now, out QueuedPacket packet)
    {
        packet = default;
        if (_bucket is not null && !_bucket.IsOpen(now))
            return false;
        for (var i = Classes - 1; i > 0; i--)
            if (_owed[i] >= LeastShare * _quantum && TryServe(i, now, out packet))
            {
                _owed[i] -= LeastShare * (long)packet.Bytes;
                return true;
            }
        for (var i = 0; i < Classes; i++)
            if (TryServe(i, now, out packet))
                return true;
        return false;
    }

    /// <inheritdoc cref="FairQueue.TryTakeDropped"/>
    public bool TryTakeDropped(out long handle)
    {
        foreach (var queue in _queues)
            if (queue.TryTakeDropped(out handle))
                return true;
        handle = 0;
        return false;
    }

    bool TryServe(int served, Instant now, out QueuedPacket packet)
    {
        if (!_queues[served].TryDequeue(now, out packet))
        {
            _owed[served] = 0;
            return false;
        }
        _bucket?.Take(packet.Bytes);
        for (var i = served + 1; i < Classes; i++)
            _owed[i] = _queues[i].Count > 0 ? _owed[i] + packet.Bytes : 0;
        return true;
    }
}
