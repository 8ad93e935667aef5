using Macro.Core;

namespace Macro.Circuits.Tests;

public class MonthlyAccountTests
{
    const long Limit = 50_000_000_000;

    readonly MonthlyAccount _account = new(Limit);

    [Fact]
    public void It_is_spent_when_the_limit_is_reached()
    {
        _account.Count(Limit - 1, At("2026-11-03"));
        Assert.False(_account.IsSpent);
        _account.Count(Limit, At("2026-11-30"));
        Assert.True(_account.IsSpent);
        Assert.Equal(At("2026-12-01"), _account.Renewal);
    }

    [Fact]
    public void A_new_month_begins_with_nothing_used()
    {
        _account.Count(Limit, At("2026-12-31"));
        Assert.Equal(At("2027-01-01"), _account.Renewal);
        _account.Count(Limit + 5, At("2027-01-01"));
        Assert.Equal((5, false), (_account.Used, _account.IsSpent));
    }

    [Fact]
    public void A_restart_in_the_same_month_goes_on()
    {
        _account.Count(7_000, At("2026-11-03"));
        var next = new MonthlyAccount(Limit);
        next.Restore(_account.Month, _account.Used);
        next.Count(0, At("2026-11-04"));
        next.Count(500, At("2026-11-04"));
        Assert.Equal(7_500, next.Used);
    }

    [Fact]
    public void A_restart_in_another_month_begins_anew()
    {
        _account.Count(7_000, At("2026-11-03"));
        var next = new MonthlyAccount(Limit);
        next.Restore(_account.Month, _account.Used);
        next.Count(500, At("2026-12-04"));
        Assert.Equal(500, next.Used);
    }

    [Fact]
    public void Without_a_limit_nothing_is_ever_spent()
    {
        var account = new MonthlyAccount(0);
        account.Count(long.MaxValue, At("2026-11-03"));
        Assert.False(account.IsSpent);
    }

    static Instant At(string day) => new(DateTime.Parse(day, System.Globalization.CultureInfo.InvariantCulture).Ticks - DateTime.UnixEpoch.Ticks);
}
