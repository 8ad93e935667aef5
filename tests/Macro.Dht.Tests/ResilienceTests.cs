using Macro.Core;
using Macro.Sim;

namespace Macro.Dht.Tests;

/// <summary>Networks that lose datagrams and nodes, and those in which some lie.</summary>
public sealed class ResilienceTests(ITestOutputHelper output)
{
    [Fact]
    public void Ten_percent_loss_costs_time_and_nothing_else()
    {
        var world = new World(2) { Loss = 0.1 };
        world.Grow(500);
        world.Run(TimeSpan.FromMinutes(3));
        var found = 0;
        var times = new List<double>();
        for (var i = 0; i < 200; i++)
        {
            var item = TestItems.Make(i);
            var put = world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(item, null, now));
            Assert.InRange(put.Stored, 8, 24);
            var got = world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetMutable(item.Key, [], disjoint: false, now));
            found += got.Item is not null ? 1 : 0;
            times.Add(got.Report.Elapsed.TotalMilliseconds);
        }
        times.Sort();
        output.WriteLine($"found {found} of 200, ms median {times[100]:F0} p95 {times[190]:F0}");
        Assert.Equal(200, found);
    }

    /// <summary>Half of the nodes go and as many come every hour; who publishes does so every half hour.</summary>
    [Fact]
    public void Churn_of_half_the_network_an_hour_loses_no_item()
    {
        const int Size = 500, Items = 50;
        var world = new World(3);
        world.Grow(Size);
        var items = Enumerable.Range(0, Items).Select(number => TestItems.Make(number)).ToArray();
        int asked = 0, found = 0;
        for (var minute = 0; minute < 120; minute++)
        {
            if (minute % 30 == 0)
                foreach (var item in items)
                    world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(item, null, now));
            for (var i = 0; i < 10; i++)
            {
                var item = items[world.Random.NextInt(Items)];
                var got = world.Await<GetEnded>(world.AnySettled(), (dht, now) => dht.GetMutable(item.Key, [], disjoint: false, now));
                asked++;
                found += got.Item is not null ? 1 : 0;
            }
            // Half an hour's share of the hour, every minute.
            for (var i = 0; i < Size / 120; i++)
            {
                world.Remove(world.Any());
                world.Add(new DhtOptions { Bootstrap = world.Some(4) });
                world.Run(TimeSpan.FromSeconds(60.0 / (Size / 120)));
            }
        }
        output.WriteLine($"found {found} of {asked}, {(double)world.Datagrams / Size / world.Elapsed.TotalSeconds:F2} datagrams a second and node");
        Assert.True(found >= asked * 0.999, $"found {found} of {asked}");
    }

    [Fact]
    public void After_half_of_the_network_died_at_once_the_rest_finds_itself_again()
    {
        var world = new World(4);
        world.Grow(600);
        world.Run(TimeSpan.FromMinutes(3));
        foreach (var node in world.Nodes.Where((_, i) => i % 2 == 0).ToArray())
            world.Remove(node);

        // At once, without any repair, and with nobody told.
        var found = 0;
        var times = new List<double>();
        for (var i = 0; i < 100; i++)
        {
            var item = TestItems.Make(i);
            var put = world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(item, null, now));
            Assert.InRange(put.Stored, 4, 24);
            var got = world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetMutable(item.Key, [], disjoint: false, now));
            found += got.Item is not null ? 1 : 0;
            times.Add(got.Report.Elapsed.TotalMilliseconds);
        }
        times.Sort();
        output.WriteLine($"found {found} of 100, ms median {times[50]:F0} p95 {times[95]:F0}");
        Assert.Equal(100, found);
        world.Run(TimeSpan.FromMinutes(30));
        Assert.All(world.Nodes, node => Assert.InRange(node.State.Contacts, 20, 100));
    }

    [Fact]
    public void A_saved_table_is_the_way_in_when_every_bootstrap_node_is_dead()
    {
        var world = new World(5);
        world.Grow(200);
        var node = world.Any();
        world.Run(TimeSpan.FromMinutes(5));
        var saved = node.Dht.Save(world.Now);
        world.Remove(node);

        var again = world.Add(new DhtOptions { Bootstrap = [world.NewEndpoint(), world.NewEndpoint()] }, node.Endpoint, saved);
        world.Run(TimeSpan.FromSeconds(2));
        Assert.Equal(node.State.Id, again.State.Id);
        Assert.InRange(again.State.Contacts, 8, 100);
        Assert.False(again.Dht.TryLoad(saved.AsSpan(3), world.Now));
    }

    [Fact]
    public void A_node_that_lost_everybody_finds_back_by_its_bootstrap_list()
    {
        var world = new World(6);
        var old = world.Grow(50);
        var node = world.Add(new DhtOptions { Bootstrap = [old[0].Endpoint] });
        world.Run(TimeSpan.FromMinutes(2));
        foreach (var gone in old)
            world.Remove(gone);
        world.Run(TimeSpan.FromHours(1));
        Assert.Equal(0, node.State.Contacts);

        world.Add(new DhtOptions(), old[0].Endpoint);
        world.Run(TimeSpan.FromMinutes(2));
        Assert.Equal(1, node.State.Contacts);
    }

    /// <summary>Thirty nodes with ids next to a key, in as many networks, that tell of each other only and keep what they are given.</summary>
    [Fact]
    public void A_crowd_around_a_key_is_noticed_and_passed()
    {
        var world = new World(7);
        // An attacker with that many networks has ids that fit: here nobody checks them.
        var options = new DhtOptions { EnforceSecureIds = false };
        world.Grow(400, options: options);
        var item = TestItems.Make(1);
        world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(item, null, now));
        world.Run(TimeSpan.FromMinutes(10));
        var quiet = Enumerable.Range(0, 20).Select(i => world.Await<GetEnded>(world.AnySettled(), (dht, now) => dht.GetMutable(TestItems.Make(100 + i).Key, [], disjoint: false, now))).ToArray();
        Assert.DoesNotContain(quiet, got => got.Report.Crowded);

        var target = item.Target;
        var gang = new Gang(world);
        for (var i = 0; i < 30; i++)
            gang.Add(target.RandomSibling(100 + i, world.Random), world.Some(40));
        world.Run(TimeSpan.FromMinutes(2));
        int found = 0, noticed = 0;
        for (var i = 0; i < 50; i++)
        {
            var got = world.Await<GetEnded>(world.AnySettled(), (dht, now) => dht.GetMutable(item.Key, [], disjoint: true, now));
            found += got.Item is not null ? 1 : 0;
            noticed += got.Report.Crowded ? 1 : 0;
        }
        output.WriteLine($"found {found}, noticed {noticed} of 50");
        // Who has made few look-ups yet has no estimate to compare with.
        Assert.True(noticed >= 40, $"noticed {noticed} of 50");
        Assert.True(found >= 48, $"found {found} of 50");
    }

    [Fact]
    public void Ids_that_do_not_belong_to_their_address_get_nothing_to_store()
    {
        var world = new World(8);
        world.Grow(200);
        var item = TestItems.Make(1);
        var gang = new Gang(world);
        var liars = Enumerable.Range(0, 20).Select(i => gang.Add(item.Target.RandomSibling(100 + i, world.Random), world.Some(40))).ToArray();
        world.Run(TimeSpan.FromMinutes(2));
        for (var i = 0; i < 10; i++)
        {
            var put = world.Await<PutEnded>(world.Any(), (dht, now) => dht.PutMutable(item, null, now));
            Assert.InRange(put.Stored, 8, 30);
        }
        var got = world.Await<GetEnded>(world.Any(), (dht, now) => dht.GetMutable(item.Key, [], disjoint: false, now));
        Assert.NotNull(got.Item);
        Assert.Equal(0, liars.Sum(liar => liar.Puts));
        Assert.NotEqual(0, liars.Sum(liar => liar.Queries));
    }

    [Fact]
    public void The_size_of_the_network_is_estimated_within_a_third()
    {
        var world = new World(9);
        world.Grow(1000);
        world.Run(TimeSpan.FromHours(2));
        var estimates = world.Nodes.Select(node => node.State.Nodes ?? 0).Order().ToArray();
        output.WriteLine($"5 % {estimates[50]:F0}, median {estimates[500]:F0}, 95 % {estimates[950]:F0}");
        Assert.InRange(estimates[500], 700, 1400);
    }
}
