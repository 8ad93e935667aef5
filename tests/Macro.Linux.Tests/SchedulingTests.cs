namespace Macro.Linux.Tests;

public class SchedulingTests
{
    const int Normal = 0, Batch = 3;

    [Fact]
    public void A_slice_is_as_long_as_it_was_set_and_the_thread_as_nice_as_before()
    {
        var (slice, before, after) = OnThread(() =>
        {
            var nice = Nice();
            Scheduling.Slice = TimeSpan.FromMilliseconds(7);
            return (Scheduling.Slice, nice, Nice());
        });
        Assert.Equal(before, after);
        if (Environment.OSVersion.Version >= new Version(6, 12))
            Assert.Equal(7, slice.TotalMilliseconds);
    }

    [Fact]
    public void A_thread_gives_way_until_it_is_told_otherwise_and_keeps_its_slice()
    {
        var (policies, slice) = OnThread(() =>
        {
            List<int> seen = [Policy()];
            Scheduling.Slice = TimeSpan.FromMilliseconds(7);
            foreach (var givesWay in (bool[])[true, true, false, true])
            {
                Scheduling.GivesWay = givesWay;
                Assert.Equal(givesWay, Scheduling.GivesWay);
                seen.Add(Policy());
            }
            return (seen, Scheduling.Slice);
        });
        Assert.Equal([Normal, Batch, Batch, Normal, Batch], policies);
        if (Environment.OSVersion.Version >= new Version(6, 12))
            Assert.Equal(7, slice.TotalMilliseconds);
    }

    [Fact]
    public void One_thread_that_gives_way_says_nothing_about_others()
    {
        OnThread(() => Scheduling.GivesWay = true);
        Assert.Equal((false, Normal), OnThread(() => (Scheduling.GivesWay, Policy())));
    }

    /// <summary>On a thread of its own.</summary>
    static T OnThread<T>(Func<T> function) =>
        Task.Factory.StartNew(function, default, TaskCreationOptions.LongRunning, TaskScheduler.Default).GetAwaiter().GetResult();

    static int Nice() => Field(19);

    static int Policy() => Field(41);

    /// <summary>Of the line in /proc (proc(5)), whose second may hold blanks.</summary>
    static int Field(int number) => int.Parse(File.ReadAllText("/proc/thread-self/stat").Split(") ")[^1].Split(' ')[number - 3]);
}
