using Macro.Peers;

namespace Macro.Sim;

/// <summary>
/// Many clients draw a relay each: every relay must be as likely as any other, with and without a filter. Several worlds, so that
/// neither one network nor one sequence of chance decides.
/// </summary>
sealed class SamplingScenario : Scenario
{
    const int Worlds = 6;

    /// <summary>Two-sided, 1 in 1000: counts that are too even would mean that draws depend on each other.</summary>
    const double MostSigmas = 3.29;

    public override string Name => "sampling";

    public override string What => "L1: every relay is drawn equally often (chi-square), filters favour none";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? 300;
        var draws = size * (settings.Long ? 60 : 15);
        report.Fact("relays of a world", size);
        report.Fact("worlds", Worlds);
        report.Fact("draws in a world", draws);
        var (all, some) = (new Tally(), new Tally());
        for (var i = 0; i < Worlds; i++)
        {
            var seed = settings.Seed + (ulong)i;
            var world = new RelayWorld(seed);
            var relays = world.NewRelays(size);
            world.Serve(relays, world.Directory(relays));
            Add(all, "all", seed, DrawFromAll(world, relays, draws));
            Add(some, "a tenth", seed, DrawFromSome(world, relays, draws / 10));
        }
        Judge(all, "all");
        Judge(some, "a tenth");

        void Add(Tally tally, string filter, ulong seed, int[] counts)
        {
            var (statistic, degrees) = tally.Add(counts);
            report.Row(("filter", filter), ("seed", (long)seed), ("relays", counts.Length), ("drawn", counts.Sum()), ("least", counts.Min()),
                ("most", counts.Max()), ("chi-square", statistic), ("sigmas", Sigmas(statistic, degrees)));
        }

        void Judge(Tally tally, string filter)
        {
            var sigmas = Sigmas(tally.Statistic, tally.Degrees);
            report.Require($"{filter}: no relay is favoured, no draw depends on another (within {MostSigmas} sigmas, 1 in 1000)", Math.Abs(sigmas) < MostSigmas,
                $"chi-square {tally.Statistic:F1} of {tally.Degrees}, {sigmas:F2} sigmas");
        }
    }

    static int[] DrawFromAll(RelayWorld world, SignedDescriptor[] relays, int draws)
    {
        var numbers = relays.Select((r, i) => (Position.Of(r.Id, NetworkKey.Public, world.Epoch), i)).ToDictionary();
        var counts = new int[relays.Length];
        for (var i = 0; i < draws; i++)
            if (world.Sample(world.Some(relays, 5), fetches: false).DrawEntry(_ => true) is { } entry)
                counts[numbers[entry.Item.Position]]++;
        return counts;
    }

    /// <summary>
    /// A tenth of the relays passes the filter, by a property that has nothing to do with their names. Here descriptors are fetched
    /// and checked, which takes longer.
    /// </summary>
    static int[] DrawFromSome(RelayWorld world, SignedDescriptor[] relays, int draws)
    {
        var counts = new int[relays.Length / 10];
        var numbers = relays.Take(counts.Length).Select((r, i) => (r.Id, i)).ToDictionary();
        var filter = new SamplerOptions { Filter = r => numbers.ContainsKey(r.Id), LargestMatch = 16 };
        for (var i = 0; i < draws; i++)
            if (world.Sample(world.Some(relays, 5), options: filter).Draw() is { } relay)
                counts[numbers[relay.Id]]++;
        return counts;
    }

    /// <summary>Standard deviations from what chance gives. Wilson and Hilferty: the cube root is nearly normal.</summary>
    static double Sigmas(double statistic, int degrees) =>
        (Math.Cbrt(statistic / degrees) - (1 - 2.0 / (9 * degrees))) / Math.Sqrt(2.0 / (9 * degrees));

    /// <summary>Pearson's statistic, summed over worlds.</summary>
    sealed class Tally
    {
        public double Statistic { get; private set; }

        public int Degrees { get; private set; }

        public (double Statistic, int Degrees) Add(int[] counts)
        {
            var expected = counts.Average();
            var statistic = counts.Sum(c => (c - expected) * (c - expected)) / expected;
            Statistic += statistic;
            Degrees += counts.Length - 1;
            return (statistic, counts.Length - 1);
        }
    }
}
