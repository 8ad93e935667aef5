using Macro.Core;

namespace Macro.Circuits;

/// <summary>So many in so long. Not locked: where two threads spend at once, one more may pass.</summary>
sealed class Budget(int most, TimeSpan window)
{
    Instant _windowStart;
    int _spent;

    /// <summary>Counts one; false when the window's budget is used up.</summary>
    public bool TrySpend(Instant now)
    {
        if (now - _windowStart >= window)
            (_windowStart, _spent) = (now, 0);
        return _spent < most && ++_spent <= most;
    }
}
