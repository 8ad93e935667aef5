using Macro.Simulation;

namespace Macro.Core.Tests;

public class RandomNumbersTests
{
    readonly SeededRandom _random = new(42);

    [Fact]
    public void Numbers_stay_below_their_bound_and_reach_all_of_it()
    {
        var counts = new int[7];
        for (var i = 0; i < 70_000; i++)
            counts[_random.NextInt(7)]++;

        // 10 000 expected, standard deviation 93.
        Assert.All(counts, count => Assert.InRange(count, 9_400, 10_600));
        Assert.Equal(0, _random.NextInt(1));
        Assert.InRange(_random.NextInt(int.MaxValue), 0, int.MaxValue - 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => _random.NextInt(0));
    }

    [Fact]
    public void Doubles_and_times_lie_in_their_range()
    {
        var sum = 0.0;
        for (var i = 0; i < 10_000; i++)
        {
            var value = _random.NextDouble();
            Assert.InRange(value, 0, 1 - double.Epsilon);
            sum += value;
            Assert.InRange(_random.NextTime(TimeSpan.FromSeconds(3)), TimeSpan.Zero, TimeSpan.FromSeconds(3) - TimeSpan.FromTicks(1));
        }
        Assert.InRange(sum / 10_000, 0.48, 0.52);
    }

    [Fact]
    public void Shuffle_keeps_all_items_and_every_order_comes_up()
    {
        var orders = new HashSet<string>();
        for (var i = 0; i < 500; i++)
        {
            var items = "abcd".ToCharArray();
            _random.Shuffle(items.AsSpan());
            Assert.Equal("abcd", string.Concat(items.Order()));
            orders.Add(new string(items));
        }
        Assert.Equal(24, orders.Count);
    }

    [Fact]
    public void A_seed_replays()
    {
        var (a, b) = (new SeededRandom(7), new SeededRandom(7));

        for (var i = 0; i < 100; i++)
            Assert.Equal(a.NextUInt64(), b.NextUInt64());
    }
}
