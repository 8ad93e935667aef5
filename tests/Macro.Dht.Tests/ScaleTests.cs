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
}
