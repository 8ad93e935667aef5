using Macro.Dht;

namespace Macro.Sim;

/// <summary>
/// Liars sit closer to one key than anybody by chance, in as many networks, with ids that nobody can reproach them with (here
/// BEP 42 is not enforced). They keep nothing and tell of each other only. Either the item is found, or the look-up tells of
/// the crowd.
/// </summary>
sealed class EclipseScenario : Scenario
{
    const int Gets = 100;

    public override string Name => "eclipse";

    public override string What => "L0: liars around one key keep what lies there from being found";

    public override void Run(Settings settings, Report report)
    {
        report.Fact("nodes", settings.Nodes ?? 1000);
        foreach (var liars in new[] { 0, 8, 16, 32, 64 })
        {
            var tally = Surround(settings, liars);
            report.Row(("liars", liars), ("gets", tally.Asked), ("found", tally.Found), ("noticed", tally.Noticed), ("either", tally.FoundOrNoticed), ("ms median", tally.Milliseconds.Median), ("queries median", tally.Queries.Median));
            report.Require($"{liars} liars: found or noticed, 95 %", tally.FoundOrNoticed >= 0.95 * tally.Asked, $"{tally.Found} found, {tally.Noticed} noticed, {tally.FoundOrNoticed} either, of {tally.Asked}");
            if (liars == 0)
                report.Require("no false alarm", tally.Noticed == 0, $"{tally.Noticed} of {tally.Asked}");
        }
    }

    static LookupTally Surround(Settings settings, int liars)
    {
        var world = new World(settings.Seed);
        world.Grow(settings.Nodes ?? 1000, perSecond: 50, new DhtOptions { EnforceSecureIds = false });
        world.Run(TimeSpan.FromMinutes(10));
        var item = TestItems.Make(1);
        // It lies there already, and is put once more when the liars have come.
        LookupTally.Put(world, [item]);
        var gang = new Gang(world);
        for (var i = 0; i < liars; i++)
            gang.Add(item.Target.RandomSibling(60 + i, world.Random), world.Some(40));
        world.Run(TimeSpan.FromMinutes(2));
        LookupTally.Put(world, [item]);
        var tally = new LookupTally();
        for (var i = 0; i < Gets; i += 20)
            tally.Run(world, [.. Enumerable.Repeat(item, 20)], disjoint: true);
        return tally;
    }
}
