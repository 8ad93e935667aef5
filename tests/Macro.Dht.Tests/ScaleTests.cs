using System.Diagnostics;
using Macro.Core;
using Macro.Sim;

namespace Macro.Dht.Tests;

/// <summary>What a node costs, so that ten thousand and more fit one process.</summary>
[Collection(nameof(Alone))]
public sealed class ScaleTests(ITestOutputHelper output)
{
    [Fact]
    public void A_leaf_takes_less_than_thirty_kilobytes()
    {
        var world = new World(11);
        world.Grow(20);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        world.Grow(1000);
        world.Run(TimeSpan.FromMinutes(10));
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / 1000;
        output.WriteLine($"{each} bytes");
        Assert.InRange(each, 1000, 30_000);
        GC.KeepAlive(world);
    }

    /// <summary>./lab sim-discovery will go further; run by name.</summary>
    [Fact(Explicit = true)]
    public void Ten_thousand_nodes()
    {
        var clock = Stopwatch.StartNew();
        var world = new World(12);
        world.Grow(10_000, perSecond: 500);
        world.Run(TimeSpan.FromMinutes(3));
        var memory = GC.GetTotalMemory(forceFullCollection: true);
        output.WriteLine($"{clock.Elapsed.TotalSeconds:F0} s, {world.Datagrams} datagrams, {memory / 10_000} bytes a node, estimate {world.Any().State.Nodes:F0}");
        Assert.All(world.Nodes, node => Assert.InRange(node.State.Contacts, 8, 200));
    }
}
