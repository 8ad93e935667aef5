namespace Macro.Linux.Tests;

public class TimeSliceTests
{
    [Fact]
    public void It_is_as_long_as_it_was_set_and_the_thread_as_nice_as_before()
    {
        var (slice, nice) = (TimeSpan.Zero, (0, 0));
        var thread = new Thread(() =>
        {
            var before = Nice();
            TimeSlice.OfThisThread = TimeSpan.FromMilliseconds(7);
            (slice, nice) = (TimeSlice.OfThisThread, (before, Nice()));
        });
        thread.Start();
        thread.Join();
        Assert.Equal(nice.Item1, nice.Item2);
        if (Environment.OSVersion.Version >= new Version(6, 12))
            Assert.Equal(7, slice.TotalMilliseconds);

        // The 19th field of the line, whose second may hold blanks (proc(5)).
        static int Nice() => int.Parse(File.ReadAllText("/proc/thread-self/stat").Split(") ")[^1].Split(' ')[16]);
    }
}
