using Macro.Core;

namespace Macro.Dht;

/// <summary>A token bucket as the moment at which it is full again.</summary>
struct Meter
{
    long _fullAt;

    public readonly bool IsFull(Instant now) => _fullAt <= now.Ticks;

    /// <param name="seconds">What this costs, in seconds of refill.</param>
    /// <param name="depth">How many seconds of refill it holds.</param>
    public bool TrySpend(Instant now, double seconds, double depth)
    {
        var next = Math.Max(_fullAt, now.Ticks) + (long)(seconds * TimeSpan.TicksPerSecond);
        if (next - now.Ticks > depth * TimeSpan.TicksPerSecond)
            return false;
        _fullAt = next;
        return true;
    }
}
