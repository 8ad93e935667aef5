using Macro.Core;

namespace Macro.Circuits;

/// <summary>So many in ten seconds. Not locked: where two threads spend at once, one more may pass.</summary>
struct Budget
{
    const long Window = 10_000;
    const int CountBits = 16, CountMask = (1 << CountBits) - 1;

    // A relay has many: the milliseconds since 1970 at which the window began, and behind them what was spent in it.
    long _state;

    /// <summary>Counts one; false when <paramref name="most"/>, below 65 536, are used up in this window.</summary>
    public bool TrySpend(Instant now, int most)
    {
        var state = _state;
        var time = now.Ticks / TimeSpan.TicksPerMillisecond;
        if (time - (state >> CountBits) >= Window)
            state = time << CountBits;
        if ((state & CountMask) >= most)
            return false;
        _state = state + 1;
        return true;
    }
}
