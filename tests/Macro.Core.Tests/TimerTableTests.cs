using CsCheck;

namespace Macro.Core.Tests;

public class TimerTableTests
{
    static readonly Instant Start = Instant.FromUnixSeconds(1_700_000_000);

    [Fact]
    public void Timers_come_when_due_the_earliest_first()
    {
        var timers = new TimerTable<string>();
        timers.Set("late", Start + TimeSpan.FromSeconds(2));
        timers.Set("early", Start + TimeSpan.FromSeconds(1));

        Assert.Equal(Start + TimeSpan.FromSeconds(1), timers.NextTimeout);
        Assert.False(timers.TryTake(Start, out _));
        Assert.True(timers.TryTake(Start + TimeSpan.FromSeconds(5), out var first));
        Assert.True(timers.TryTake(Start + TimeSpan.FromSeconds(5), out var second));
        Assert.False(timers.TryTake(Start + TimeSpan.FromSeconds(5), out _));
        Assert.Equal(("early", "late"), (first, second));
        Assert.Null(timers.NextTimeout);
    }

    [Fact]
    public void A_name_has_one_timer()
    {
        var timers = new TimerTable<string>();
        timers.Set("a", Start);
        timers.Set("a", Start + TimeSpan.FromSeconds(3));

        Assert.Equal(1, timers.Count);
        Assert.Equal(Start + TimeSpan.FromSeconds(3), timers["a"]);
        timers.SetEarlier("a", Start + TimeSpan.FromSeconds(9));
        Assert.Equal(Start + TimeSpan.FromSeconds(3), timers["a"]);
        timers.SetEarlier("a", Start);
        Assert.Equal(Start, timers["a"]);
        timers.Set("a", Instant.Never);
        Assert.Equal(0, timers.Count);
        Assert.Null(timers["a"]);
        Assert.False(timers.Cancel("a"));
    }

    [Fact]
    public void Equal_times_come_in_the_order_of_setting()
    {
        var timers = new TimerTable<int>();
        for (var i = 0; i < 50; i++)
            timers.Set(i, Start);
        timers.Set(7, Start);

        var taken = new List<int>();
        while (timers.TryTake(Start, out var name))
            taken.Add(name);

        Assert.Equal([.. Enumerable.Range(0, 50).Where(i => i != 7), 7], taken);
    }

    [Fact]
    public void Agrees_with_a_plain_model() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 15], Gen.Int[0, 20]).Array[0, 300].Sample(steps =>
        {
            var timers = new TimerTable<int>();
            var model = new List<(int Name, Instant At)>();
            foreach (var (action, name, seconds) in steps)
            {
                var at = Start + TimeSpan.FromSeconds(seconds);
                if (action < 4)
                {
                    timers.Set(name, at);
                    model.RemoveAll(timer => timer.Name == name);
                    model.Add((name, at));
                }
                else if (action == 4)
                {
                    Assert.Equal(model.RemoveAll(timer => timer.Name == name) > 0, timers.Cancel(name));
                }
                else
                {
                    // The order is stable: of equals the one set earlier.
                    var due = model.Where(timer => timer.At <= at).OrderBy(timer => timer.At).ToList();
                    Assert.Equal(due.Count > 0, timers.TryTake(at, out var taken));
                    if (due.Count > 0)
                    {
                        Assert.Equal(due[0].Name, taken);
                        model.Remove(due[0]);
                    }
                }
                Assert.Equal(model.Count, timers.Count);
                Assert.Equal(model.Count == 0 ? null : model.Min(timer => timer.At), timers.NextTimeout);
            }
        });
}
