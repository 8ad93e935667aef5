using CsCheck;

namespace Macro.Core.Tests;

public class ExpiringMapTests
{
    static readonly Instant Start = Instant.FromUnixSeconds(1_700_000_000);
    static readonly TimeSpan Life = TimeSpan.FromSeconds(10);

    [Fact]
    public void An_entry_ends_with_its_life()
    {
        var map = new ExpiringMap<string, int>(10, Life);
        map.Set("a", 1, Start);

        Assert.True(map.TryGet("a", Start + Life - TimeSpan.FromTicks(1), out var value));
        Assert.Equal(1, value);
        Assert.Equal(Start + Life, map.NextTimeout);
        Assert.False(map.TryGet("a", Start + Life, out _));
        Assert.Null(map.NextTimeout);
    }

    [Fact]
    public void Touching_starts_life_anew_and_looking_does_not()
    {
        var map = new ExpiringMap<string, int>(10, Life);
        map.Set("touched", 1, Start);
        map.Set("seen", 2, Start);
        var later = Start + TimeSpan.FromSeconds(9);

        Assert.True(map.TryTouch("touched", later, out _));
        Assert.True(map.TryGet("seen", later, out _));
        map.HandleTimeout(Start + TimeSpan.FromSeconds(11));

        Assert.True(map.TryGet("touched", Start + TimeSpan.FromSeconds(11), out _));
        Assert.Equal(1, map.Count);
    }

    [Fact]
    public void A_full_map_refuses_to_add_and_sets_in_place_of_the_oldest()
    {
        var map = new ExpiringMap<int, int>(2, Life);
        Assert.True(map.TryAdd(1, 1, Start));
        Assert.True(map.TryAdd(2, 2, Start));
        Assert.False(map.TryAdd(2, 9, Start));
        Assert.False(map.TryAdd(3, 3, Start));

        Assert.True(map.TryTouch(1, Start, out _));
        map.Set(3, 3, Start);

        Assert.False(map.TryGet(2, Start, out _));
        Assert.True(map.TryGet(1, Start, out _));
        Assert.True(map.TryGet(3, Start, out _));
    }

    [Fact]
    public void A_value_can_be_changed_in_place()
    {
        var map = new ExpiringMap<string, int>(2, Life);
        map.GetOrAdd("tokens", Start, out var existed) += 5;
        Assert.False(existed);
        map.GetOrAdd("tokens", Start, out existed) += 5;
        Assert.True(existed);

        Assert.True(map.TryGet("tokens", Start, out var value));
        Assert.Equal(10, value);
    }

    [Fact]
    public void Agrees_with_a_plain_model() =>
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, 9], Gen.Int[0, 3]).Array[0, 300].Sample(steps =>
        {
            const int capacity = 5;
            var map = new ExpiringMap<int, int>(capacity, Life);
            var model = new List<(int Key, int Value, Instant Expiry)>();
            var now = Start;
            var stamp = 0;
            foreach (var (action, key, seconds) in steps)
            {
                now += TimeSpan.FromSeconds(seconds);
                model.RemoveAll(entry => entry.Expiry <= now);
                var place = model.FindIndex(entry => entry.Key == key);
                switch (action)
                {
                    case 0:
                        map.Set(key, ++stamp, now);
                        if (place >= 0)
                            model.RemoveAt(place);
                        else if (model.Count == capacity)
                            model.RemoveAt(0);
                        model.Add((key, stamp, now + Life));
                        break;
                    case 1:
                        Assert.Equal(place < 0 && model.Count < capacity, map.TryAdd(key, ++stamp, now));
                        if (place < 0 && model.Count < capacity)
                            model.Add((key, stamp, now + Life));
                        break;
                    case 2:
                        Assert.Equal(place >= 0, map.TryTouch(key, now, out var touched));
                        if (place >= 0)
                        {
                            Assert.Equal(model[place].Value, touched);
                            model.RemoveAt(place);
                            model.Add((key, touched, now + Life));
                        }
                        break;
                    case 3:
                        map.HandleTimeout(now);
                        Assert.Equal(place >= 0, map.Remove(key));
                        if (place >= 0)
                            model.RemoveAt(place);
                        break;
                    default:
                        Assert.Equal(place >= 0, map.TryGet(key, now, out var value));
                        Assert.True(place < 0 || model[place].Value == value);
                        break;
                }
                map.HandleTimeout(now);
                Assert.Equal(model.Count, map.Count);
                Assert.Equal(model.Count == 0 ? null : model[0].Expiry, map.NextTimeout);
            }
        });
}
