using Macro.Core;
using Macro.Simulation;

namespace Macro.Circuits.Tests;

public class BuildTimesTests
{
    readonly SeededRandom _random = new(3);
    readonly BuildTimes _times = new();

    [Fact]
    public void Until_a_hundred_circuits_were_built_patience_is_long()
    {
        for (var i = 0; i < BuildTimes.EnoughToLearn - 1; i++)
            _times.Finished(TimeSpan.FromMilliseconds(600));
        Assert.Equal(BuildTimes.Most, _times.Patience);
        _times.Finished(TimeSpan.FromMilliseconds(600));
        Assert.True(_times.Patience < BuildTimes.Most);
    }

    [Fact]
    public void It_learns_the_time_within_which_four_of_five_finish()
    {
        // Pareto, least 600 ms, exponent 4: 80 % within 600 x 5^(1/4) = 897 ms.
        for (var i = 0; i < 1000; i++)
            _times.Finished(Pareto(600, 4));
        Assert.InRange(_times.Patience.TotalMilliseconds, 830, 960);
    }

    [Fact]
    public void Builds_that_were_given_up_count_as_longer_than_they_lasted()
    {
        for (var i = 0; i < 3000; i++)
        {
            var time = Pareto(600, 4);
            if (time <= _times.Patience)
                _times.Finished(time);
            else
                _times.GaveUp(_times.Patience);
        }
        Assert.InRange(_times.Patience.TotalMilliseconds, 830, 1000);
        Assert.Equal(BuildTimes.Window, _times.Count);
    }

    [Fact]
    public void In_a_network_that_became_slow_it_learns_anew()
    {
        for (var i = 0; i < 1000; i++)
            _times.Finished(Pareto(600, 4));
        for (var i = 0; i < 20; i++)
            _times.GaveUp(_times.Patience);
        Assert.Equal(BuildTimes.Most, _times.Patience);
        for (var i = 0; i < 200; i++)
            _times.Finished(Pareto(2000, 4));
        Assert.InRange(_times.Patience.TotalMilliseconds, 2600, 3400);
    }

    [Fact]
    public void Patience_stays_within_its_bounds()
    {
        for (var i = 0; i < 200; i++)
            _times.Finished(TimeSpan.FromMilliseconds(3));
        Assert.Equal(BuildTimes.Least, _times.Patience);
        for (var i = 0; i < 1000; i++)
            _times.Finished(TimeSpan.FromMinutes(1));
        Assert.Equal(BuildTimes.Most, _times.Patience);
    }

    TimeSpan Pareto(double least, double exponent) => TimeSpan.FromMilliseconds(least * Math.Pow(1 - _random.NextDouble(), -1 / exponent));
}
