using Macro.Core;

namespace Macro.Circuits.Tests;

[Collection(nameof(Alone))]
public class MultipathAllocationTests
{
    [Fact]
    public void Neither_the_choice_of_a_path_nor_the_order_allocates_per_packet()
    {
        var now = Instant.FromUnixSeconds(1_800_000_000);
        var scheduler = new PathScheduler<string>();
        scheduler.Set([.. ((uint[])[1, 2, 3]).Select(id => new PathScheduler<string>.Path($"path {id}", new PathMeter(id, now)))], now);
        var order = new Resequencer(new ReorderMemory());
        var batch = new PacketBatch(1 << 18, 128);
        var packet = new byte[1328];

        var allocated = 0L;
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 20_000; i++)
            {
                now += TimeSpan.FromMicroseconds(100);
                scheduler.Choose(packet.Length, now);
                // Every other packet comes before the one that should, and one in a hundred never.
                if (i % 100 != 0)
                    order.Add(1, (ulong)(round * 20_000 + (i ^ 1)), packet, now);
                if (i % 16 != 0)
                    continue;
                batch.Clear();
                order.Take(batch, now);
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Assert.Equal(0, allocated);
    }
}
