using System.Diagnostics;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht.Tests;

/// <summary>Whole networks in virtual time.</summary>
public sealed class NetworkTests(ITestOutputHelper output)
{
    [Fact]
    public void A_thousand_nodes_find_each_other_and_what_they_store()
    {
        var world = new World(1);
        var clock = Stopwatch.StartNew();
        world.Grow(1000);
        world.Run(TimeSpan.FromMinutes(3));
        output.WriteLine($"grown in {clock.Elapsed.TotalSeconds:F1} s, {world.Datagrams} datagrams");
        var nodes = world.Nodes.ToArray();
        Assert.All(nodes, node => Assert.True(SecureId.Verify(node.State.Id, node.Endpoint.Address)));
        Assert.All(nodes, node => Assert.InRange(node.State.Contacts, 30, 120));

        var found = 0;
        var queries = new List<int>();
        var times = new List<double>();
        for (var i = 0; i < 100; i++)
        {
            using var key = new SigningKey(Seed(i));
            var item = MutableItem.Sign(key, "m1"u8, 7, ItemValue.FromBytes(new byte[300]));
            var put = world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(item, null, now));
            Assert.InRange(put.Stored, 8, 20);
            var got = world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetMutable(key.PublicKey, "m1"u8, disjoint: false, now));
            if (got.Item?.Sequence == 7)
                found++;
            queries.Add(got.Report.Queries);
            times.Add(got.Report.Elapsed.TotalMilliseconds);
            Assert.False(got.Report.Crowded);
        }
        queries.Sort();
        times.Sort();
        output.WriteLine($"found {found}, queries median {queries[50]} p95 {queries[95]}, ms median {times[50]:F0} p95 {times[95]:F0}");
        Assert.Equal(100, found);
    }

    static byte[] Seed(int number)
    {
        var seed = new byte[32];
        BitConverter.TryWriteBytes(seed, number + 1);
        return seed;
    }
}
