namespace Macro.Peers.Tests;

public class RegionalPlacesTests
{
    static readonly NetworkCoordinates s_liar = new(0, 0, 0, 1);

    readonly RegionalPlaces _places = new(
        Enumerable.Range(0, 9).Select(i => ("JP", new NetworkCoordinates((short)(2000 + 20 * (i - 4)), 1300, 0, 40)))
            .Append(("JP", s_liar)).Append(("IS", new NetworkCoordinates(300, 0, 0, 30))).Append(("ZZ", s_liar)).Append(("JP", default)));

    [Fact]
    public void A_relay_stands_where_its_region_does_and_a_little_where_it_says()
    {
        var at = _places.Of("JP", new NetworkCoordinates(2080, 1300, 0, 56));
        Assert.InRange(at.X, 2000, 2020);
        Assert.Equal((1300, 0, 41), (at.Y, at.Z, at.Height));
    }

    [Fact]
    public void Who_claims_to_stand_near_to_everybody_counts_as_standing_where_his_region_does()
    {
        var at = _places.Of("JP", s_liar);
        Assert.InRange(at.X, 1970, 2000);
        Assert.InRange(at.Y, 1280, 1300);
        Assert.InRange(at.Height, 30, 40);
        Assert.InRange(_places.Of("JP", new NetworkCoordinates(short.MinValue, short.MinValue, short.MinValue, 1)).X, 1970, 2000);
    }

    [Fact]
    public void Who_tells_no_region_or_is_nearly_alone_there_has_only_his_word_and_counts_as_further_away()
    {
        Assert.Equal(new NetworkCoordinates(300, 0, 0, 230), _places.Of("IS", new NetworkCoordinates(300, 0, 0, 30)));
        Assert.Equal(new NetworkCoordinates(0, 0, 0, 201), _places.Of("ZZ", s_liar));
        Assert.Equal(ushort.MaxValue, _places.Of("ZZ", s_liar with { Height = ushort.MaxValue }).Height);
    }

    [Fact]
    public void Who_tells_no_place_has_none() => Assert.True(_places.Of("JP", default).IsUnknown());
}
