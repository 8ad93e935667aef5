using Macro.NetStack.Tcp;

namespace Macro.NetStack.Tests;

public class CongestionTests
{
    static readonly long s_rtt = 50 * TimeSpan.TicksPerMillisecond;

    /// <summary>RFC 9438 4.6: to seven tenths, and not below two segments.</summary>
    [Theory]
    [InlineData(100, 70)]
    [InlineData(10, 7)]
    [InlineData(2, 2)]
    public void Congestion_takes_three_tenths_of_the_window(int window, int expected) => Assert.Equal(expected, new Cubic().Reduce(window));

    /// <summary>RFC 9438 4.2: W(t) = C (t - K)^3 + W_max with K = cbrt(W_max (1 - beta) / C), on a path that is long enough for it.</summary>
    [Theory]
    [InlineData(1000, 5)]
    [InlineData(1000, 9)]
    [InlineData(1000, 12)]
    [InlineData(300, 8)]
    public void After_congestion_the_window_follows_the_cubic_function(int most, int seconds)
    {
        var cubic = new Cubic();
        var window = cubic.Reduce(most);
        long now = TimeSpan.TicksPerSecond;
        for (var end = now + seconds * TimeSpan.TicksPerSecond; now < end; now += s_rtt)
            window += cubic.Grow(window, window, s_rtt, now);

        var k = Math.Cbrt(most * 0.3 / 0.4);
        var expected = 0.4 * Math.Pow(seconds - k, 3) + most;
        Assert.InRange(window, 0.95 * expected, 1.05 * expected);
    }

    /// <summary>RFC 9438 4.3: where Reno would be faster, CUBIC is as fast.</summary>
    [Fact]
    public void On_a_short_path_the_window_grows_as_Reno_does()
    {
        var cubic = new Cubic();
        var window = cubic.Reduce(20);
        var (began, rtt, now) = (window, TimeSpan.TicksPerMillisecond, TimeSpan.TicksPerSecond);
        for (var round = 0; round < 8; round++, now += rtt)
            window += cubic.Grow(window, window, rtt, now);

        // alpha = 3 (1 - beta) / (1 + beta) = 0.53 segments in a round trip; the cubic function has not moved in 8 ms.
        Assert.InRange(window - began, 3, 5);
    }

    /// <summary>RFC 9438 4.7: who loses below its last maximum leaves room for newcomers.</summary>
    [Fact]
    public void A_second_congestion_below_the_first_aims_lower()
    {
        var (kept, left) = (new Cubic(), new Cubic());
        kept.Reduce(1000);
        left.Reduce(1200);
        var (high, low) = (kept.Reduce(1000), left.Reduce(1000));
        long now = TimeSpan.TicksPerSecond;
        for (var end = now + 8 * TimeSpan.TicksPerSecond; now < end; now += s_rtt)
            (high, low) = (high + kept.Grow(high, high, s_rtt, now), low + left.Grow(low, low, s_rtt, now));

        Assert.True(low < 0.95 * high, $"{low} and {high}");
    }

    /// <summary>RFC 9406 4.2: eight samples of a round that are an eighth longer than those of the round before.</summary>
    [Theory]
    [InlineData(50, 57, true)]
    [InlineData(50, 55, false)]
    [InlineData(10, 13, false)]
    [InlineData(10, 15, true)]
    [InlineData(300, 317, true)]
    public void Slow_start_slows_down_when_a_round_trip_takes_longer(int before, int after, bool slows)
    {
        var start = new HyStart();
        Round(ref start, before, 100, out _);
        var grown = Round(ref start, after, 200, out _) + Round(ref start, after, 300, out _);

        Assert.Equal(slows, grown < 2 * Acks);
    }

    [Fact]
    public void Slow_start_ends_after_five_slow_rounds_and_not_when_it_was_a_false_alarm()
    {
        var start = new HyStart();
        Round(ref start, 50, 100, out _);
        var rounds = 0;
        for (var ended = false; !ended; rounds++)
            Round(ref start, 70, 200 + 100 * rounds, out ended);
        // The alarm comes within the first of them, which counts.
        Assert.Equal(5, rounds);

        start = new HyStart();
        Round(ref start, 50, 100, out _);
        Round(ref start, 70, 200, out _);
        for (var round = 0; round < 10; round++)
        {
            var grown = Round(ref start, 50, 300 + 100 * round, out var ended);
            Assert.False(ended);
            Assert.True(round == 0 || grown == Acks);
        }
    }

    [Theory]
    [InlineData(30, 100, true)]
    [InlineData(50, 100, false)]
    [InlineData(30, 10, false)]
    public void Slow_start_ends_when_ACKs_come_in_one_train_for_half_a_round_trip(int milliseconds, int window, bool ends)
    {
        var start = new HyStart();
        Round(ref start, milliseconds, 100, out var ended, window);
        Assert.Equal(ends, ended);
    }

    const int Acks = 20;

    long _now = TimeSpan.TicksPerSecond;

    /// <summary>A round trip in which so many ACKs come; returns by how much the window grows.</summary>
    int Round(ref HyStart start, int milliseconds, long next, out bool leave, int window = 10)
    {
        var (grown, left) = (0, false);
        for (var i = 1; i <= Acks; i++)
        {
            _now += TimeSpan.TicksPerMillisecond;
            grown += start.Grow(1, window, next - 100 + 5 * i, i == Acks ? next + 100 : next, milliseconds * TimeSpan.TicksPerMillisecond, _now, out leave);
            left |= leave;
        }
        leave = left;
        return grown;
    }
}
