namespace Macro.Circuits.Tests;

public class ScheduledRateTests
{
    [Theory]
    [InlineData("08:00-22:00 5", "08:00", true)]
    [InlineData("08:00-22:00 5", "21:59", true)]
    [InlineData("08:00-22:00 5", "22:00", false)]
    [InlineData("22:00-07:30 5", "23:00", true)]
    [InlineData("22:00-07:30 5", "07:29", true)]
    [InlineData("22:00-07:30 5", "12:00", false)]
    [InlineData("06:00-06:00 0", "12:00", true)]
    public void Hours_are_covered_over_midnight_too(string text, string time, bool covered)
    {
        Assert.True(ScheduledRate.TryParse(text, out var rate));
        Assert.Equal(covered, rate.Covers(TimeOnly.Parse(time, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void The_first_that_covers_an_hour_holds()
    {
        ScheduledRate[] schedule = [new(new(8, 0), new(12, 0), 0), new(new(8, 0), new(20, 0), 7)];
        Assert.Equal((0, 7, null), (ScheduledRate.At(schedule, new(9, 0)), ScheduledRate.At(schedule, new(13, 0)), ScheduledRate.At(schedule, new(21, 0))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("08:00-22:00")]
    [InlineData("8-22 5")]
    [InlineData("08:00-24:00 5")]
    [InlineData("08:00-22:00 -5")]
    [InlineData("08:00-22:00 100001")]
    public void Anything_else_is_refused(string text) => Assert.False(ScheduledRate.TryParse(text, out _));
}
