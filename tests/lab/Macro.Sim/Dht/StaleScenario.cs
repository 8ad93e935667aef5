using Macro.Core;
using Macro.Crypto;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>
/// Every fifth node answers with the item of yesterday, and its owner puts that again every minute wherever it belongs. The
/// newest must be what is found.
/// </summary>
sealed class StaleScenario : Scenario
{
    const int Items = 50;

    public override string Name => "stale";

    public override string What => "L0: 20 % of the nodes replay old versions of mutable items";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? 600;
        var world = new World(settings.Seed);
        world.Grow(size * 4 / 5, perSecond: 50);
        world.Run(TimeSpan.FromMinutes(1));
        var old = Enumerable.Range(0, Items).Select(number => TestItems.Make(number, sequence: 1)).ToArray();
        var current = Enumerable.Range(0, Items).Select(number => TestItems.Make(number, sequence: 2)).ToArray();
        LookupTally.Put(world, old);
        LookupTally.Put(world, current);
        var gang = new Gang(world);
        var replayed = old.ToDictionary(item => item.Target);
        for (var i = 0; i < size / 5; i++)
        {
            var endpoint = world.NewEndpoint();
            gang.Add(new Replayer(endpoint, SecureId.Generate(endpoint.Address, world.Random), replayed, gang), world.Some(50));
        }
        world.Run(TimeSpan.FromMinutes(1));
        var tally = new LookupTally();
        var none = 0;
        for (var minute = 0; minute < 20; minute++)
        {
            LookupTally.Put(world, old);
            var before = tally.Asked - tally.Found;
            tally.Run(world, current);
            none += tally.Asked - tally.Found - before;
            world.Run(TimeSpan.FromMinutes(1));
        }
        report.Fact("nodes", size);
        tally.WriteTo(report);
        report.Fact("stale or nothing", none);
        report.Require("the newest is found, 99.9 %", tally.Success >= 0.999, $"{tally.Found} of {tally.Asked}");
    }

    /// <summary>Tells of anybody, but has the old items only.</summary>
    sealed class Replayer(Endpoint endpoint, Id160 id, Dictionary<Id160, MutableItem> items, Gang gang) : Liar(endpoint, id, gang)
    {
        protected override MutableItem? ItemFor(Id160 target) => items.GetValueOrDefault(target);
    }
}
