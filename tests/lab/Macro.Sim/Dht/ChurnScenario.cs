using Macro.Core;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>Half of the nodes go without a word and as many come every hour; who publishes does so every half hour.</summary>
sealed class ChurnScenario : Scenario
{
    const int Items = 100, GetsAMinute = 20;

    public override string Name => "churn";

    public override string What => "L0: 2 000 nodes (100 000 with --long), of which half are replaced every hour";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? (settings.Long ? 100_000 : 2000);
        var minutes = settings.Long ? 60 : 120;
        var world = new World(settings.Seed);
        world.GrowTo(size);
        world.Run(TimeSpan.FromMinutes(3));
        var items = Enumerable.Range(0, Items).Select(number => TestItems.Make(number)).ToArray();
        var (datagrams, began) = (world.Datagrams, world.Elapsed);
        var tally = new LookupTally();
        var owed = 0.0;
        for (var minute = 0; minute < minutes; minute++)
        {
            if (minute % 30 == 0)
                LookupTally.Put(world, items);
            tally.Run(world, [.. Enumerable.Range(0, GetsAMinute).Select(_ => items[world.Random.NextInt(Items)])]);
            var end = world.Now + TimeSpan.FromMinutes(1);
            // A minute's share of half of them.
            for (owed += size / 120.0; owed >= 1; owed--)
            {
                world.Remove(world.Any());
                world.Add(new DhtOptions { Bootstrap = world.Some(4) });
                world.Run((end - world.Now) / owed);
            }
            world.RunUntil(end);
        }
        report.Fact("nodes", size);
        report.Fact("minutes", minutes);
        tally.WriteTo(report);
        report.Fact("datagrams/s, a node", (world.Datagrams - datagrams) / (world.Elapsed - began).TotalSeconds / size);
        report.Require("look-ups succeed, 99.9 %", tally.Success >= 0.999, $"{tally.Found} of {tally.Asked}");
    }
}
