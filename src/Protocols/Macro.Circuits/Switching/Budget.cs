using Macro.Core;

namespace Macro.Circuits;

/// <summary>So many in ten seconds. Not locked: where two threads spend at once, one more may pass.</summary>
struct Budget
{
    static readonly TimeSpan s_window = TimeSpan.FromSeconds(10);

    Instant _windowStart;
    int _spent;

    /// <summary>Counts one; false when <paramref name="most"/> are used up in this window.</summary>
    public bool TrySpend(Instant now, int most)
    {
        if (now - _windowStart >= s_window)
            (_windowStart, _spent) = (now, 0);
        return _spent < most && ++_spent <= most;
    }
}
