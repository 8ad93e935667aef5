using System.Diagnostics;
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
        var clock = Stopwatch.StartNew();
        // As fast as it doubles in ten seconds, so that the first are not drowned.
        world.Grow(Math.Min(size, 100), perSecond: 50);
        while (world.Nodes.Count < size)
            world.Grow(Math.Min(size - world.Nodes.Count, world.Nodes.Count), perSecond: world.Nodes.Count / 10.0);
        world.Run(TimeSpan.FromMinutes(3));
        report.Fact("nodes", size);
        report.Fact("grown in s", clock.Elapsed.TotalSeconds);
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
        clock.Restart();
        var (datagrams, bytes) = (world.Datagrams, world.Bytes);
        var rest = TimeSpan.FromMinutes(5);
        world.Run(rest);
        report.Fact("at rest: datagrams/s, a node", (world.Datagrams - datagrams) / rest.TotalSeconds / size);
        report.Fact("at rest: bytes/s, a node", (world.Bytes - bytes) / rest.TotalSeconds / size);
        report.Fact("datagrams simulated/s", (world.Datagrams - datagrams) / clock.Elapsed.TotalSeconds);
        report.Fact("false alarms of the density check", tally.Noticed);

        report.Require("look-ups succeed, 99.9 %", tally.Success >= 0.999, $"{tally.Found} of {tally.Asked}");
        report.Require("every item lies at eight nodes", fewest >= Bucket.Size, $"{fewest} at least");
        report.Require("every node has contacts", world.Nodes.All(node => node.State.Contacts >= Bucket.Size), $"{world.Nodes.Min(node => node.State.Contacts)} at least");
        report.Require("no false alarm in a thousand look-ups", tally.Noticed <= tally.Asked / 1000, $"{tally.Noticed}");
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
