using Macro.Core;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

/// <summary>What one direction of a link does to packets.</summary>
public sealed record LinkShape
{
    public TimeSpan Delay { get; init; }

    /// <summary>Bits per second.</summary>
    public double Rate { get; init; } = 100e6;

    /// <summary>Bytes that wait before the bottleneck; what comes on top is dropped.</summary>
    public int Queue { get; init; } = 1 << 20;

    /// <summary>From this many waiting bytes on, ECN-capable packets are marked.</summary>
    public int MarkFrom { get; init; } = int.MaxValue;

    /// <summary>Probabilities for each packet.</summary>
    public double Loss { get; init; }
    public double Reordering { get; init; }
    public double Duplication { get; init; }
    public double Corruption { get; init; }

    /// <summary>By how much a reordered packet is late.</summary>
    public TimeSpan Lateness { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Largest TCP segment; larger ones vanish.</summary>
    public int LargestSegment { get; init; } = int.MaxValue;
}

/// <summary>One direction of a simulated link: a bottleneck with a tail-drop queue, then delay; chance from a seed.</summary>
/// <param name="overhead">Bytes that each packet has beside those that are sent here.</param>
public sealed class Link(LinkShape shape, SeededRandom random, int overhead = 20)
{
    /// <summary>The longest burst of wrong bits that the Internet checksum finds always.</summary>
    const int LongestBurst = 15;

    readonly PriorityQueue<(byte[] Segment, Ecn Ecn), (long, long)> _flying = new();
    long _idleAt, _count;

    public LinkShape Shape { get; set; } = shape;

    /// <summary>Sees every segment that is sent; false loses it.</summary>
    public Func<byte[], bool>? Filter { get; set; }

    public long Sent { get; private set; }
    public long Dropped { get; private set; }
    public long Corrupted { get; private set; }
    public int TooLarge { get; private set; }

    public Instant Next => _flying.TryPeek(out _, out var at) ? new Instant(at.Item1) : Instant.Never;

    public void Send(ReadOnlySpan<byte> segment, Ecn ecn, Instant now)
    {
        Sent++;
        if (segment.Length - 20 > Shape.LargestSegment)
        {
            TooLarge++;
            return;
        }
        var bytes = segment.ToArray();
        if (Filter is { } filter && !filter(bytes))
        {
            Dropped++;
            return;
        }
        var ticksPerByte = 8 * TimeSpan.TicksPerSecond / Shape.Rate;
        var waiting = Math.Max(0, _idleAt - now.Ticks) / ticksPerByte;
        if (Chance(Shape.Loss) || waiting + segment.Length > Shape.Queue)
        {
            Dropped++;
            return;
        }
        if (waiting >= Shape.MarkFrom && ecn != Ecn.NotCapable)
            ecn = Ecn.Congestion;
        _idleAt = Math.Max(_idleAt, now.Ticks) + (long)((segment.Length + overhead) * ticksPerByte);
        var arrives = _idleAt + Shape.Delay.Ticks;
        if (Chance(Shape.Corruption))
        {
            Corrupt(bytes);
            Corrupted++;
        }
        if (Chance(Shape.Reordering))
            arrives += Shape.Lateness.Ticks;
        _flying.Enqueue((bytes, ecn), (arrives, _count++));
        if (Chance(Shape.Duplication))
            _flying.Enqueue((bytes, ecn), (arrives + TimeSpan.TicksPerMillisecond, _count++));
    }

    public bool TryDeliver(Instant now, out byte[] segment, out Ecn ecn)
    {
        (segment, ecn) = ([], Ecn.NotCapable);
        if (Next > now)
            return false;
        (segment, ecn) = _flying.Dequeue();
        return true;
    }

    /// <summary>A burst: the first and the last bit of it are wrong, and of those between about half.</summary>
    void Corrupt(byte[] bytes)
    {
        var length = 1 + random.NextInt(LongestBurst);
        var pattern = 1 | 1 << (length - 1) | random.NextInt(1 << length);
        var from = random.NextInt(8 * bytes.Length - length + 1);
        for (var i = 0; i < length; i++)
            bytes[(from + i) >> 3] ^= (byte)((pattern >> i & 1) << (7 - ((from + i) & 7)));
    }

    bool Chance(double probability) => probability > 0 && random.NextDouble() < probability;
}
