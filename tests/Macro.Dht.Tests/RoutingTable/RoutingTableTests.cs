using Macro.Core;
using Macro.Simulation;

namespace Macro.Dht.Tests;

public sealed class RoutingTableTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);

    readonly SeededRandom _random = new(7);
    readonly RoutingTable _table;

    public RoutingTableTests() => _table = new RoutingTable(Id160.Random(_random), limits: true, s_now);

    [Fact]
    public void Near_nodes_find_room_and_far_ones_share_a_few_places()
    {
        for (var i = 0; i < 5000; i++)
            _table.Answered(Node(), secure: true, s_now);

        var depths = _table.Contacts.GroupBy(contact => Math.Min(_table.Depth - 1, _table.Own.CommonPrefix(contact.Node.Id))).ToDictionary(g => g.Key, g => g.Count());
        Assert.InRange(_table.Depth, 9, 13);
        Assert.All(depths.Where(bucket => bucket.Key > 1), bucket => Assert.InRange(bucket.Value, 1, Bucket.Size));
        Assert.Equal(_table.Count, _table.Contacts.Count());
        Assert.Equal((24, 16, 8), (depths[0], depths[1], depths[2]));
    }

    [Fact]
    public void The_closest_are_what_sorting_all_gives()
    {
        for (var i = 0; i < 2000; i++)
            _table.Answered(Node(), secure: true, s_now);
        Span<NodeInfo> closest = new NodeInfo[8];
        for (var i = 0; i < 100; i++)
        {
            var target = Id160.Random(_random);
            Assert.Equal(8, _table.Closest(target, closest));
            Assert.Equal(_table.Contacts.OrderBy(contact => contact.Node.Id ^ target).Take(8).Select(contact => contact.Node), closest.ToArray());
        }
    }

    [Fact]
    public void One_address_has_one_contact_and_one_network_two_of_a_bucket()
    {
        var first = Node(0);
        _table.Answered(first, secure: true, s_now);
        _table.Answered(new NodeInfo(IdAt(0), first.Endpoint with { Port = 1 }), secure: true, s_now);
        Assert.Equal(1, _table.Count);
        for (var i = 0; i < 250; i++)
            _table.Answered(new NodeInfo(IdAt(i % 6), new Endpoint(IpAddress.FromV4(0x05060700u + (uint)i), 1)), secure: true, s_now);

        var ofNetwork = _table.Contacts.Where(contact => Site.Of(contact.Node.Endpoint.Address) == Site.Of(IpAddress.Parse("5.6.7.0"))).ToList();
        Assert.InRange(ofNetwork.Count, 2, 8);
        var other = Node(3);
        _table.Answered(other, secure: true, s_now);
        Assert.NotNull(_table.Find(other.Id));
    }

    [Fact]
    public void A_spare_takes_the_place_of_one_that_fails()
    {
        var (live, spare) = FullBucket();
        _table.Answered(spare, secure: true, s_now);
        Assert.Null(_table.Find(spare.Id));

        _table.Failed(live[3].Id, live[3].Endpoint, s_now);

        Assert.Null(_table.Find(live[3].Id));
        Assert.NotNull(_table.Find(spare.Id));
    }

    [Fact]
    public void Without_a_spare_three_failures_are_forgiven_by_one_answer()
    {
        var node = Node(0);
        _table.Answered(node, secure: true, s_now);
        _table.Failed(node.Id, node.Endpoint, s_now);
        _table.Failed(node.Id, node.Endpoint, s_now);
        Assert.Equal(0, _table.Closest(node.Id, new NodeInfo[8]));
        Assert.Equal(1, _table.Closest(node.Id, new NodeInfo[8], failing: true));
        _table.Answered(node, secure: true, s_now);
        Assert.Equal(1, _table.Closest(node.Id, new NodeInfo[8]));

        for (var i = 0; i < 3; i++)
            _table.Failed(node.Id, node.Endpoint, s_now);
        Assert.Equal(0, _table.Count);
    }

    [Fact]
    public void An_id_that_belongs_to_its_address_displaces_one_that_does_not()
    {
        var (live, spare) = FullBucket(secure: false);
        _table.Answered(spare, secure: false, s_now);
        Assert.Null(_table.Find(spare.Id));
        var secure = Node(Full);
        _table.Answered(secure, secure: true, s_now);

        Assert.NotNull(_table.Find(secure.Id));
        Assert.Equal(7, live.Count(node => _table.Find(node.Id) is not null));
    }

    [Fact]
    public void A_full_bucket_names_the_one_that_has_to_prove_itself()
    {
        var (live, spare) = FullBucket();
        var later = s_now + Contact.GoodFor;
        foreach (var node in live.Skip(1))
            _table.Heard(node, later);

        Assert.Null(_table.Answered(Node(Full), secure: true, s_now));
        Assert.Equal(live[0], _table.Answered(spare, secure: true, later)!.Node);
    }

    [Fact]
    public void A_known_id_does_not_move_to_another_address_while_the_old_one_answers()
    {
        var node = Node(0);
        _table.Answered(node, secure: true, s_now);
        var thief = node with { Endpoint = Node().Endpoint };
        _table.Answered(thief, secure: true, s_now);
        Assert.True(_table.Knows(node.Id, node.Endpoint));

        _table.Failed(node.Id, node.Endpoint, s_now);
        _table.Answered(thief, secure: true, s_now);
        Assert.True(_table.Knows(node.Id, thief.Endpoint));
    }

    [Fact]
    public void An_endpoint_is_one_contact_whatever_ids_it_shows_even_without_limits()
    {
        var table = new RoutingTable(Id160.Random(_random), limits: false, s_now);
        var endpoint = Endpoint.Parse("127.0.0.1:6881");
        for (var i = 0; i < 100; i++)
            table.Answered(new NodeInfo(Id160.Random(_random), endpoint), secure: true, s_now);
        table.Answered(new NodeInfo(Id160.Random(_random), endpoint with { Port = 6882 }), secure: true, s_now);
        Assert.Equal(2, table.Count);
    }

    /// <summary>Eight in a bucket that holds no more, the table split so that it stays so; and one more for it.</summary>
    (List<NodeInfo> Live, NodeInfo Spare) FullBucket(bool secure = true)
    {
        for (var k = 0; k < 12; k++)
            for (var i = 0; i < 6; i++)
                if (i != Full)
                    _table.Answered(Node(i), secure: true, s_now);
        var live = Enumerable.Range(0, 8).Select(_ => Node(Full)).ToList();
        foreach (var node in live)
            _table.Answered(node, secure, s_now);
        Assert.All(live, node => Assert.NotNull(_table.Find(node.Id)));
        return (live, Node(Full));
    }

    const int Full = 2;

    Id160 IdAt(int bucket) => _table.Own.RandomSibling(bucket, _random);

    NodeInfo Node(int? bucket = null) =>
        new(bucket is { } at ? IdAt(at) : Id160.Random(_random), new Endpoint(IpAddress.FromV4(_random.NextUInt32()), 6881));
}
