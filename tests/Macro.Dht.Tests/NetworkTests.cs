using System.Diagnostics;
using Macro.Core;
using Macro.Crypto;
using Macro.Sim;

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

    [Fact]
    public void Of_two_writers_that_follow_the_same_item_the_second_is_told_and_stores_nothing()
    {
        var world = new World(2);
        world.Grow(200);
        world.Run(TimeSpan.FromMinutes(1));
        using var key = new SigningKey(Seed(1));
        MutableItem Item(long sequence, byte value) => MutableItem.Sign(key, "s"u8, sequence, ItemValue.FromBytes([value]));
        PutEnded Put(MutableItem item, long? cas) => world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(item, cas, now));
        Put(Item(1, 1), null);

        Assert.InRange(Put(Item(2, 2), 1).Stored, 8, 24);
        var second = Put(Item(3, 3), 1);

        Assert.Equal(0, second.Stored);
        Assert.InRange(second.Refused[ErrorCode.CasMismatch], 8, 24);
        Assert.Equal(2, second.Newer!.Sequence);
        for (var i = 0; i < 20; i++)
            Assert.Equal(2, world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetMutable(key.PublicKey, "s"u8, false, now)).Item!.Sequence);
    }

    [Fact]
    public void Announced_peers_and_immutable_items_are_found_and_the_highest_seq_counts()
    {
        var world = new World(3);
        world.Grow(200);
        world.Run(TimeSpan.FromMinutes(1));
        var infoHash = Id160.HashOf("topic"u8);
        var announcers = Enumerable.Range(0, 30).Select(_ => world.Any()).Distinct().ToArray();
        foreach (var node in announcers)
            Assert.InRange(world.Await<PeersEnded>(node, (dht, now) => dht.Announce(infoHash, 4242, implied: false, now)).Announced, 8, 24);
        var asker = world.Any();
        var number = world.Do(asker, (dht, now) => dht.GetPeers(infoHash, now));
        world.Run(TimeSpan.FromSeconds(5));
        var peers = asker.Events.OfType<PeersFound>().Where(found => found.Operation == number).SelectMany(found => found.Peers).ToArray();
        Assert.Equal(announcers.Select(node => node.Endpoint with { Port = 4242 }).Order(Comparer<Endpoint>.Create((a, b) => a.Address.CompareTo(b.Address))), peers.Distinct().Order(Comparer<Endpoint>.Create((a, b) => a.Address.CompareTo(b.Address))));

        var value = ItemValue.FromBytes("never changes"u8);
        var put = world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutImmutable(value, now));
        var got = world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetImmutable(put.Target, now));
        Assert.Equal(value, got.Value.ToArray());
        Assert.InRange(got.Report.Answers, 1, 12);

        using var key = new SigningKey(Seed(9));
        foreach (var sequence in new[] { 5L, 7, 6 })
            world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(MutableItem.Sign(key, [], sequence, value), null, now));
        Assert.Equal(7, world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetMutable(key.PublicKey, [], disjoint: true, now)).Item!.Sequence);
        Assert.Null(world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetMutable(key.PublicKey, "x"u8, disjoint: false, now)).Item);
    }

    [Fact]
    public void Who_announced_a_topic_is_asked_for_his_own_item()
    {
        var world = new World(5) { Loss = 0.1 };
        world.Grow(100);
        world.Run(TimeSpan.FromMinutes(1));
        var topic = Id160.HashOf("macro/1"u8);
        using var key = new SigningKey(Seed(1));
        var item = MutableItem.Sign(key, "m1"u8, 7, ItemValue.FromBytes(new byte[480]));
        var relay = world.Any();
        relay.Dht.Serve(topic, item);
        Assert.InRange(world.Await<PeersEnded>(relay, (dht, now) => dht.Announce(topic, relay.Endpoint.Port, implied: true, now)).Announced, 8, 24);
        var client = world.Add(new DhtOptions { Bootstrap = world.Some(4), ReadOnly = true });
        world.Run(TimeSpan.FromSeconds(5));

        var number = world.Do(client, (dht, now) => dht.GetPeers(topic, now));
        world.Run(TimeSpan.FromSeconds(5));
        var peer = Assert.Single(client.Events.OfType<PeersFound>().Where(found => found.Operation == number).SelectMany(found => found.Peers));
        var answered = world.Await<ItemAnswered>(client, (dht, now) => dht.AskItem(peer, topic, now));
        var raw = answered.Item!;
        Assert.Equal(relay.State.Id, answered.Id);
        Assert.True(MutableItem.TryVerify(raw.Key, "m1"u8, raw.Sequence, raw.Value.Span, raw.Signature.Span, out var verified));
        Assert.Equal(7, verified.Sequence);

        var other = world.Any();
        answered = world.Await<ItemAnswered>(client, (dht, now) => dht.AskItem(other.Endpoint, Id160.HashOf("other"u8), now));
        Assert.Equal((other.State.Id, null), (answered.Id, answered.Item));
        answered = world.Await<ItemAnswered>(client, (dht, now) => dht.AskItem(world.NewEndpoint(), topic, now));
        Assert.Equal((null, null), (answered.Id, answered.Item));
        answered = world.Await<ItemAnswered>(client, (dht, now) => dht.AskItem(Endpoint.Parse("10.0.0.1:6881"), topic, now));
        Assert.Equal((null, null), (answered.Id, answered.Item));
    }

    [Fact]
    public void IPv6_nodes_make_a_network_of_their_own()
    {
        var world = new World(4);
        for (var i = 0; i < 100; i++)
        {
            world.Add(new DhtOptions { Bootstrap = world.Some(3) }, world.NewEndpoint(v4: false));
            world.Run(TimeSpan.FromMilliseconds(50));
        }
        world.Run(TimeSpan.FromMinutes(2));
        Assert.All(world.Nodes, node => Assert.True(SecureId.Verify(node.State.Id, node.Endpoint.Address)));
        using var key = new SigningKey(Seed(1));
        var item = MutableItem.Sign(key, [], 1, ItemValue.FromBytes(new byte[990]));
        Assert.InRange(world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(item, null, now)).Stored, 8, 24);
        Assert.NotNull(world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetMutable(key.PublicKey, [], disjoint: false, now)).Item);
    }

    static byte[] Seed(int number)
    {
        var seed = new byte[32];
        BitConverter.TryWriteBytes(seed, number + 1);
        return seed;
    }
}
