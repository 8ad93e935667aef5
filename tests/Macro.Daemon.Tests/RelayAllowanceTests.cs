using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Hosting;

namespace Macro.Daemon.Tests;

public class RelayAllowanceTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);

    [Fact]
    public async Task A_month_that_is_used_up_is_still_used_up_after_a_restart()
    {
        var settings = RunningNode.Lab with { Relay = RunningNode.Lab.Relay with { MonthlyLimit = 1 } };
        var node = await RunningNode.StartAsync(settings);
        var before = node.Part<RelayAllowance>();
        before.Decide(0, s_now);
        Assert.Null(before.Pause);
        before.Decide(1_000_000_000, s_now);
        Assert.Contains("relay.monthly_limit", before.Pause, StringComparison.Ordinal);
        before.Save();
        await using var again = await RunningNode.StartAsync(settings, await node.StopAsync());
        var after = again.Part<RelayAllowance>();
        after.Decide(0, s_now);
        Assert.NotNull(after.Pause);
        after.Decide(0, s_now + TimeSpan.FromDays(31));
        Assert.Null(after.Pause);
    }

    [Fact]
    public async Task Without_a_monthly_limit_nothing_is_written()
    {
        await using var node = await RunningNode.StartAsync();
        node.Part<RelayAllowance>().Decide(5, s_now);
        node.Part<RelayAllowance>().Save();
        Assert.False(File.Exists(Path.Combine(node.Data, "allowance")));
    }

    [Fact]
    public async Task The_schedule_says_how_much_and_whether()
    {
        var all = new ScheduledRate(default, default, 7);
        await using var slow = await RunningNode.StartAsync(RunningNode.Lab with { Relay = RunningNode.Lab.Relay with { BandwidthLimit = 100, Schedule = [all] } });
        var allowance = slow.Part<RelayAllowance>();
        allowance.Decide(0, s_now);
        Assert.Equal((7, null, 100_000_000L), (allowance.Rate, allowance.Pause, allowance.LargestRate));
        await using var resting = await RunningNode.StartAsync(RunningNode.Lab with { Relay = RunningNode.Lab.Relay with { Schedule = [all with { Mbits = 0 }] } });
        resting.Part<RelayAllowance>().Decide(0, s_now);
        Assert.Contains("relay.schedule", resting.Part<RelayAllowance>().Pause, StringComparison.Ordinal);
    }
}
