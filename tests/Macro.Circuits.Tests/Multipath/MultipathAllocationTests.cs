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

        var next = 0;
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var end = next + 20_000; next < end; next++)
            {
                now += TimeSpan.FromMicroseconds(100);
                scheduler.Choose(packet.Length, now);
                // Every other packet comes before the one that should, and one in a hundred never.
                if (next % 100 != 0)
                    order.Add(1, (ulong)(next ^ 1), packet, 1 + ((uint)next & 1), now);
                if (next % 16 != 0)
                    continue;
                batch.Clear();
                order.Take(batch, now);
            }
        }));
    }
}
