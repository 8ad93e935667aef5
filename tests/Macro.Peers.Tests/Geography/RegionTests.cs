using Macro.Core;

namespace Macro.Peers.Tests;

public sealed class RegionTests
{
    const string V4 = "# comment\n\n739246080,739311615,CH\n739311616,739377151,DE\n3221225472,3221225727,??\n3238002688,3238002943,EU\n3238002944,3238003199,ZZ\n3324575744,3324575999,CH\n";
    const string V6 = "2001:503:ba3e::,2001:503:ba3e:ffff:ffff:ffff:ffff:ffff,CH\n2600::,2600:ffff:ffff:ffff:ffff:ffff:ffff:ffff,US\n";

    static readonly GeoTable s_table = GeoTable.TryParse(V4.Split('\n'), V6.Split('\n'), out _)!;

    [Theory]
    [InlineData("44.16.0.0", "CH")]
    [InlineData("44.16.255.255", "CH")]
    [InlineData("44.17.0.0", "DE")]
    [InlineData("44.18.0.0", null)]
    [InlineData("44.15.255.255", null)]
    [InlineData("192.0.0.1", null)]
    [InlineData("193.0.0.1", null)]
    [InlineData("193.0.1.1", null)]
    [InlineData("0.0.0.0", null)]
    [InlineData("255.255.255.255", null)]
    [InlineData("2600::1", "US")]
    [InlineData("2601::", null)]
    [InlineData("::", null)]
    public void An_address_is_in_the_country_whose_range_holds_it(string address, string? country) =>
        Assert.Equal(country, s_table.Find(IpAddress.Parse(address)));

    [Theory]
    [InlineData("1,2", "", 1)]
    [InlineData("1,2,CH,x", "", 1)]
    [InlineData("1,2,ch", "", 1)]
    [InlineData("1,2,CHE", "", 1)]
    [InlineData("2,1,CH", "", 1)]
    [InlineData("1,4294967296,CH", "", 1)]
    [InlineData("-1,2,CH", "", 1)]
    [InlineData("1,5,CH\n5,6,DE", "", 2)]
    [InlineData("", "1.2.3.4,1.2.3.5,CH", -1)]
    [InlineData("", "#\n::2,::1,CH", -2)]
    public void A_table_of_another_form_is_refused_with_its_line(string v4, string v6, int line)
    {
        Assert.Null(GeoTable.TryParse(v4.Split('\n'), v6.Split('\n'), out var bad));
        Assert.Equal(line, bad);
    }

    [Theory]
    [InlineData("CH", "44.16.1.1:1", RegionVerdict.Confirmed, "CH")]
    [InlineData("DE", "44.16.1.1:1", RegionVerdict.Contradicted, "CH")]
    [InlineData("ZZ", "44.16.1.1:1", RegionVerdict.Unclaimed, "CH")]
    [InlineData("QQ", "44.16.1.1:1", RegionVerdict.Contradicted, "CH")]
    [InlineData("CH", "44.99.1.1:1", RegionVerdict.Unverified, null)]
    [InlineData("CH", "193.0.0.1:1", RegionVerdict.Unverified, null)]
    public void A_claim_is_compared_with_the_table(string claimed, string endpoint, RegionVerdict verdict, string? byTable) =>
        Assert.Equal(
            new RegionEvidence(verdict, claimed, byTable, 0),
            RegionEvidence.Check(Example.Relay with { Region = claimed, Endpoints = [Endpoint.Parse(endpoint)] }, s_table, []));

    [Fact]
    public void One_address_elsewhere_contradicts() =>
        Assert.Equal(
            RegionVerdict.Contradicted,
            RegionEvidence.Check(Example.Relay with { Endpoints = [Endpoint.Parse("44.16.1.1:1"), Endpoint.Parse("[2600::1]:1")] }, s_table, []).Verdict);

    /// <summary>Switzerland to Japan: at least 7000 km, 47 ms there and back at the speed of light.</summary>
    [Theory]
    [InlineData("JP", 30, RegionVerdict.Impossible)]
    [InlineData("JP", 60, RegionVerdict.Unverified)]
    [InlineData("CH", 1, RegionVerdict.Unverified)]
    [InlineData("DE", 1, RegionVerdict.Unverified)]
    public void Nobody_answers_faster_than_light(string from, int milliseconds, RegionVerdict verdict) =>
        Assert.Equal(
            new RegionEvidence(verdict, "CH", null, 1),
            RegionEvidence.Check(Example.Relay, null, [new MeasuredRoundTrip(from, TimeSpan.FromMilliseconds(milliseconds)), new("ZZ", TimeSpan.Zero)]));
}
