using Macro.Core;

namespace Macro.NetStack;

/// <summary>A token bucket: so many in a second, and as many at once.</summary>
struct RateLimit(int perSecond)
{
    readonly long _cost = TimeSpan.TicksPerSecond / Math.Max(perSecond, 1);

    // The moment at which the bucket was, or will be, full.
    long _full = long.MinValue;

    public bool TryTake(Instant now)
    {
        var full = Math.Max(_full, now.Ticks) + _cost;
        if (full - now.Ticks > TimeSpan.TicksPerSecond)
            return false;
        _full = full;
        return true;
    }
}
