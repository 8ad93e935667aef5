using Macro.Core;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>A network that grows from nothing, and then is used.</summary>
sealed class ScaleScenario : Scenario
{
    const int Batch = 100;

    public override string Name => "scale";

    public override string What => "L0: a network of 10 000 nodes (100 000 with --long): success, cost and memory";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? (settings.Long ? 100_000 : 10_000);
        var lookups = settings.Long ? 5000 : 1000;
        var world = new World(settings.Seed);
        var before = Machine.HeapBytes();
        var began = Machine.CpuSeconds();
        world.GrowTo(size);
        world.Run(TimeSpan.FromMinutes(3));
        report.Fact("nodes", size);
        report.Fact("grown in CPU s", Machine.CpuSeconds() - began);
        report.Fact("datagrams to grow, a node", (double)world.Datagrams / size);
        report.Fact("bytes of memory, a node", (Machine.HeapBytes() - before) / size);

        var tally = new LookupTally();
        var fewest = int.MaxValue;
        for (var i = 0; i < lookups; i += Batch)
        {
            var items = Enumerable.Range(i, Batch).Select(number => TestItems.Make(number)).ToArray();
            fewest = Math.Min(fewest, LookupTally.Put(world, items));
            tally.Run(world, items);
        }
        tally.WriteTo(report);
        report.Fact("copies of an item, fewest", fewest);
        report.Fact("estimated size, median", Median(world));
        report.Fact("false alarms of the density check", tally.Noticed);

        report.Require("look-ups succeed, 99.9 %", tally.Success >= 0.999, $"{tally.Found} of {tally.Asked}");
        report.Require("every item lies at eight nodes", fewest >= Bucket.Size, $"{fewest} at least");
        report.Require("every node has contacts", world.Nodes.All(node => node.State.Contacts >= Bucket.Size), $"{world.Nodes.Min(node => node.State.Contacts)} at least");
        // Most estimates are still from when the network was a fraction of what it is; an alarm costs queries and no more.
        report.Require("few false alarms in a network that has just grown a hundredfold", tally.Noticed <= tally.Asked / 20, $"{tally.Noticed} of {tally.Asked}");
    }

    static double Median(World world)
    {
        var estimates = new Sample();
        foreach (var node in world.Nodes)
            if (node.State.Nodes is { } nodes)
                estimates.Add(nodes);
        return estimates.Median;
    }
}
