namespace Macro.Core.Tests;

public class InstantTests
{
    static readonly Instant Start = Instant.FromUnixSeconds(1_700_000_000);

    [Fact]
    public void Keeps_seconds() => Assert.Equal(1_700_000_000, Start.UnixSeconds);

    [Fact]
    public void Adds_and_subtracts_spans()
    {
        var later = Start + TimeSpan.FromMilliseconds(1500);

        Assert.Equal(TimeSpan.FromMilliseconds(1500), later - Start);
        Assert.Equal(Start, later - TimeSpan.FromMilliseconds(1500));
        Assert.True(Start < later && later > Start && Start <= later && later >= Start);
        Assert.Equal(Start, Instant.Min(Start, later));
        Assert.Equal(later, Instant.Max(Start, later));
    }

    [Fact]
    public void Never_stays_never()
    {
        Assert.Equal(Instant.Never, Instant.Never + TimeSpan.FromDays(1));
        Assert.True(Start < Instant.Never);
        Assert.Equal("never", Instant.Never.ToString());
    }
}
