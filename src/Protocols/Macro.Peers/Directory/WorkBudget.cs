using Macro.Core;

namespace Macro.Peers;

/// <summary>Processor time that strangers may use up, as a token bucket: fills at a constant rate, holds two seconds' worth.</summary>
/// <param name="perSecond">Estimated processor time for each second of time.</param>
sealed class WorkBudget(TimeSpan perSecond)
{
    long _ticks = 2 * perSecond.Ticks;
    Instant? _filledAt;

    /// <summary>False when there is not that much left; then nothing is taken.</summary>
    public bool TrySpend(TimeSpan cost, Instant now)
    {
        var since = now - (_filledAt ?? now);
        _filledAt = now;
        if (since > TimeSpan.Zero)
            _ticks = (long)Math.Min(2.0 * perSecond.Ticks, _ticks + perSecond.Ticks * since.TotalSeconds);
        if (_ticks < cost.Ticks)
            return false;
        _ticks -= cost.Ticks;
        return true;
    }
}
