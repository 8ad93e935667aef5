using Macro.Peers;

namespace Macro.Sim;

/// <summary>Many clients draw a relay each: every relay must be as likely as any other, with and without a filter.</summary>
sealed class SamplingScenario : Scenario
{
    public override string Name => "sampling";

    public override string What => "L1: every relay is drawn equally often (chi-square), filters favour none";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? 300;
        var draws = size * (settings.Long ? 400 : 30);
        var world = new RelayWorld(settings.Seed);
        var relays = world.NewRelays(size);
        world.Serve(relays, world.Directory(relays));
        var byPosition = relays.Select((r, i) => (Position.Of(r.Id, NetworkKey.Public, world.Epoch), i)).ToDictionary();
        var all = new int[size];
        for (var i = 0; i < draws; i++)
            if (world.Sample(world.Some(relays, 5), fetches: false).DrawEntry(_ => true) is { } entry)
                all[byPosition[entry.Item.Position]]++;
        // A tenth of the relays passes the filter, by a property that has nothing to do with their names. Here descriptors are
        // fetched and checked, which takes longer.
        var some = new int[size / 10];
        var numbers = relays.Take(some.Length).Select((r, i) => (r.Id, i)).ToDictionary();
        var filter = new SamplerOptions { Filter = r => numbers.ContainsKey(r.Id), LargestMatch = 16 };
        for (var i = 0; i < draws / 20; i++)
            if (world.Sample(world.Some(relays, 5), options: filter).Draw() is { } relay)
                some[numbers[relay.Id]]++;
        report.Fact("relays", size);
        report.Fact("draws", draws);
        Check("all", all);
        Check("a tenth", some);

        void Check(string what, int[] counts)
        {
            var expected = counts.Average();
            var statistic = counts.Sum(c => (c - expected) * (c - expected)) / expected;
            // Wilson and Hilferty: the cube root is nearly normal.
            var degrees = counts.Length - 1;
            var z = (Math.Cbrt(statistic / degrees) - (1 - 2.0 / (9 * degrees))) / Math.Sqrt(2.0 / (9 * degrees));
            report.Row(("filter", what), ("relays", counts.Length), ("drawn", counts.Sum()), ("least", counts.Min()), ("most", counts.Max()), ("chi-square", statistic), ("sigmas", z));
            report.Require($"{what}: no relay is favoured (below 3.1 sigmas, 1 in 1000)", z < 3.1, $"chi-square {statistic:F1} of {degrees}, {z:F2} sigmas");
        }
    }
}
