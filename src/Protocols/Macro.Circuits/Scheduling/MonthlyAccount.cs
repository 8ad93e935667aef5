using Macro.Core;

namespace Macro.Circuits;

/// <summary>What a relay may pass on in a calendar month (UTC), and how much of it is used.</summary>
/// <param name="limit">Bytes, 1 and up; 0: no limit.</param>
public sealed class MonthlyAccount(long limit)
{
    long _counted;

    public long Limit => limit;

    /// <summary>Months since January of the year 0.</summary>
    public int Month { get; private set; }

    /// <summary>Bytes in this month.</summary>
    public long Used { get; private set; }

    public bool IsSpent => limit > 0 && Used >= limit;

    /// <summary>The first moment of the next month.</summary>
    public Instant Renewal => new(new DateTime((Month + 1) / 12, (Month + 1) % 12 + 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks - DateTime.UnixEpoch.Ticks);

    /// <summary>Goes on from what an earlier run had used, if that was in the month of the first <see cref="Count"/>.</summary>
    public void Restore(int month, long used) => (Month, Used) = (month, Math.Max(0, used));

    /// <param name="counter">Bytes since the process began.</param>
    public void Count(long counter, Instant now)
    {
        var date = DateTime.UnixEpoch.AddTicks(now.Ticks);
        var month = 12 * date.Year + date.Month - 1;
        if (month != Month)
            (Month, Used) = (month, 0);
        Used += Math.Max(0, counter - _counted);
        _counted = counter;
    }
}
