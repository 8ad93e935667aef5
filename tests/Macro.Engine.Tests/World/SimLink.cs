using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>One direction of a link: a rate, a queue that drops what comes when it is full, then a delay.</summary>
/// <param name="bitsPerSecond">At the level of IP; 0: as fast as one likes.</param>
/// <param name="queue">Time that a full queue takes to leave.</param>
sealed class SimLink(double bitsPerSecond, TimeSpan queue, TimeSpan delay)
{
    const int Headers = 28;

    Instant _idleAt;

    public long Dropped { get; private set; }

    public long Bytes { get; private set; }

    public bool TryTake(int datagram, Instant now, out Instant arrives)
    {
        var starts = Instant.Max(now, _idleAt);
        arrives = now + delay;
        if (bitsPerSecond == 0)
            return true;
        if (starts - now > queue)
        {
            Dropped++;
            return false;
        }
        Bytes += datagram;
        _idleAt = starts + TimeSpan.FromSeconds((datagram + Headers) * 8 / bitsPerSecond);
        arrives = _idleAt + delay;
        return true;
    }
}
