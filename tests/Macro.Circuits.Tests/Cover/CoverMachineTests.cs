using Macro.Core;
using Macro.Simulation;

namespace Macro.Circuits.Tests.CoverTraffic;

public class CoverMachineTests
{
    const int Size = 1452;
    static readonly Instant s_start = Instant.FromUnixSeconds(1_800_000_000);

    [Theory]
    [InlineData(1, 10_000_000)]
    [InlineData(2, 1_000_000)]
    [InlineData(3, 32_000_000)]
    public void No_hour_costs_more_than_the_budget_and_an_idle_one_costs_most_of_it(ulong seed, long budget)
    {
        var sent = Run(new CoverMachine(budget, Size, new SeededRandom(seed), s_start), TimeSpan.FromHours(6));
        for (int first = 0, last = 0; last < sent.Count; last++)
        {
            while (sent[last] - sent[first] > TimeSpan.FromHours(1))
                first++;
            Assert.InRange((last - first + 1L) * Size, 0, budget);
        }
        Assert.InRange(sent.Count * (long)Size, 4 * budget, 6 * budget);
    }

    [Fact]
    public void Real_messages_take_the_place_of_cover()
    {
        var machine = new CoverMachine(10_000_000, Size, new SeededRandom(4), s_start);
        var sent = 0;
        for (var now = s_start; now < s_start + TimeSpan.FromHours(1); now = machine.NextTimeout)
            sent += machine.TrySend(now - TimeSpan.FromMicroseconds(1), now) ? 1 : 0;
        Assert.Equal(0, sent);
    }

    [Fact]
    public void The_same_seed_gives_the_same_cover() => Assert.Equal(
        Run(new CoverMachine(5_000_000, Size, new SeededRandom(5), s_start), TimeSpan.FromHours(1)),
        Run(new CoverMachine(5_000_000, Size, new SeededRandom(5), s_start), TimeSpan.FromHours(1)));

    [Fact]
    public void A_machine_that_slept_does_not_catch_up()
    {
        var machine = new CoverMachine(10_000_000, Size, new SeededRandom(6), s_start);
        var sent = Run(machine, TimeSpan.FromMinutes(1)).Count;
        var woken = s_start + TimeSpan.FromHours(5);
        var after = 0;
        for (var now = woken; now < woken + TimeSpan.FromSeconds(10); now = machine.NextTimeout)
            after += machine.TrySend(default, now) ? 1 : 0;
        Assert.True(after < 5 * sent, $"{after} after {sent} in a minute");
    }

    static List<Instant> Run(CoverMachine machine, TimeSpan time)
    {
        var sent = new List<Instant>();
        for (var now = s_start; now < s_start + time; now = machine.NextTimeout)
            if (machine.TrySend(sent.LastOrDefault(), now))
                sent.Add(now);
        return sent;
    }
}
