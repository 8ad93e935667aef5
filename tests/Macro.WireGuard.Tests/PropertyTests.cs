using CsCheck;
using Macro.Core;

namespace Macro.WireGuard.Tests;

/// <summary>Random inputs against naive models.</summary>
public class PropertyTests
{
    [Fact]
    public void The_replay_window_equals_a_set_of_counters() => Counters.Sample(
        counters =>
        {
            var window = new ReplayWindow();
            var seen = new HashSet<ulong>();
            var highest = 0UL;
            foreach (var counter in counters)
            {
                var expected = (counter > highest || highest - counter < ReplayWindow.Size) && seen.Add(counter);
                Assert.True(window.MayAccept(counter) || !expected);
                Assert.Equal(expected, window.TryAccept(counter));
                highest = Math.Max(highest, counter);
            }
        },
        iter: 300);

    [Fact]
    public void Whatever_the_link_did_data_flows_again_once_it_is_whole() =>
        Gen.Select(Gen.ULong, Gen.Int[1, 40].Array[1, 12], Gen.Double[0.0, 1.0]).Sample(
            (seed, pauses, loss) =>
            {
                var pair = new Pair(seed);
                pair.Filter = (_, _) =>
                {
                    var copies = pair.Random.NextDouble() < loss ? 0 : pair.Random.NextDouble() < 0.2 ? 2 : 1;
                    return [.. Enumerable.Range(0, copies).Select(_ => pair.Random.NextTime(TimeSpan.FromSeconds(1)))];
                };
                foreach (var pause in pauses)
                {
                    (pair.Random.NextInt(2) == 0 ? pair.Alice : pair.Bob).Send(1);
                    if (pair.Random.NextInt(4) == 0)
                        (pair.Random.NextInt(2) == 0 ? pair.Alice : pair.Bob).Initiate();
                    pair.Run(pause);
                }
                pair.LoseNothing();
                // A dead session may swallow data until the 15 s without an answer have passed.
                for (var i = 0; i < 25; i++)
                {
                    pair.Alice.Send(2);
                    pair.Bob.Send(3);
                    pair.Run(1);
                }
                var (alice, bob) = (pair.Alice.Delivered.Count, pair.Bob.Delivered.Count);
                pair.Alice.Send(4);
                pair.Bob.Send(5);
                pair.Run(1);

                Assert.Equal(5, pair.Alice.Delivered[alice][0]);
                Assert.Equal(4, pair.Bob.Delivered[bob][0]);
                AssertNoIndexLeaks(pair.Alice);
                AssertNoIndexLeaks(pair.Bob);
            },
            iter: 150);

    static void AssertNoIndexLeaks(Node node) => Assert.InRange(node.Indices.Count, 1, 4);

    // Runs near the edge of the window, small steps and leaps.
    static Gen<ulong[]> Counters => Gen.Select(
        Gen.OneOf(Gen.ULong[0, 100], Gen.ULong[0, 20_000], Gen.ULong[0, 1_000_000]),
        Gen.OneOf(Gen.Int[-70, 70], Gen.Int[-8300, -8100], Gen.Int[-9000, 9000], Gen.Int[-20_000, 100_000]).Array[1, 400],
        (start, steps) =>
        {
            var last = (long)start;
            return steps.Select(step => (ulong)(last = Math.Max(0, last + step))).ToArray();
        });
}
