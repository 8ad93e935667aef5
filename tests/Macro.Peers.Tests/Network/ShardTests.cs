using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class ShardTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(64, 0)]
    [InlineData(65, 1)]
    [InlineData(128, 1)]
    [InlineData(129, 2)]
    [InlineData(50_000, 10)]
    [InlineData(200_000, 12)]
    [InlineData(long.MaxValue, 24)]
    public void A_shard_has_at_most_64_relays_on_average(long relays, int bits) => Assert.Equal(bits, Shard.BitsFor(relays));

    [Fact]
    public void Shards_part_all_positions_among_them()
    {
        for (var bits = 0; bits <= 6; bits++)
        {
            var next = 0ul;
            for (uint number = 0; number < 1u << bits; number++)
            {
                var shard = new Shard(bits, number);
                Assert.Equal(next, shard.First);
                Assert.True(shard.Contains(new Position(shard.First)) && shard.Contains(new Position(shard.Last)));
                next = unchecked(shard.Last + 1);
            }
            Assert.Equal(0ul, next);
        }
    }

    [Fact]
    public void Every_epoch_puts_a_node_elsewhere() =>
        Assert.NotEqual(Position.Of(Example.Alice.Id, NetworkKey.Public, 1), Position.Of(Example.Alice.Id, NetworkKey.Public, 2));

    [Fact]
    public void Ranges_split_into_sixteen_that_follow_each_other()
    {
        var range = PositionRange.All;
        for (var bits = 0; bits < PositionRange.MostBits; bits += PositionRange.BitsPerPart)
        {
            var next = range.First;
            for (var i = 0; i < PositionRange.Parts; i++)
            {
                Assert.Equal(next, range.Part(i).First);
                next = unchecked(range.Part(i).Last + 1);
            }
            Assert.Equal(range.Last, unchecked(next - 1));
            range = range.Part(11);
        }
        Assert.False(range.CanSplit);
        Assert.Throws<ArgumentException>(() => new PositionRange(4, 1));
        Assert.Throws<ArgumentException>(() => new PositionRange(5, 0));
    }

    [Fact]
    public void A_relay_announces_what_it_is_in_its_shard_and_in_the_one_of_a_bit_less()
    {
        Assert.Equal([Facet.All, Facet.Of(WorldRegion.Europe), Facet.Exit, Facet.V6], Facet.Of(Example.Relay));
        Assert.Equal([Facet.All], Facet.Of(new Descriptor { Epoch = 1, NotBefore = Example.Now, Validity = TimeSpan.FromHours(1), RelayKey = Example.Key(1) }));
        var topics = Topic.Of(Example.Relay, Example.Alice.Id, NetworkKey.Public, 7, bits: 5);
        Assert.Equal(8, topics.Count);
        Assert.Equal(8, topics.Select(Convert.ToHexString).Distinct().Count());
        var expected = new byte[Topic.Size];
        Topic.Write(expected, NetworkKey.Public, 7, Facet.All, Position.Of(Example.Alice.Id, NetworkKey.Public, 7).ShardOf(5));
        Assert.Equal(expected, topics[0]);
        Assert.Equal(4, Topic.Of(Example.Relay, Example.Alice.Id, NetworkKey.Public, 7, bits: 0).Count);
    }

    [Fact]
    public void Positions_are_uniform()
    {
        var random = new SeededRandom(11);
        var counts = new int[64];
        var bytes = new byte[32];
        for (var i = 0; i < 64_000; i++)
        {
            random.Fill(bytes);
            counts[Position.Of(new NodeId(bytes), NetworkKey.Public, 3).ShardOf(6).Number]++;
        }
        // 63 degrees of freedom: 103.4 is exceeded once in a thousand draws.
        Assert.True(ChiSquare.Of(counts) < 103.4);
    }

    [Fact]
    public void Every_country_lies_somewhere()
    {
        Assert.Equal(250, Country.All.Count);
        Assert.All(Country.All, c => Assert.True(Enum.IsDefined(c.Region) && c.Latitude is >= -90 and <= 90 && c.Longitude is >= -180 and <= 180 && c.Radius > 0));
        Assert.Null(Country.Find("ZZ"));
        Assert.Equal(0, Country.Find("CH")!.LeastDistance(Country.Find("DE")!));
        Assert.InRange(Country.Find("CH")!.LeastDistance(Country.Find("JP")!), 6500, 8000);
    }
}
