using Macro.Core;

namespace Macro.Peers.Tests;

/// <summary>The tables as Debian ships them. Without them the tests are skipped and say so: apt-get install tor-geoipdb.</summary>
public sealed class DebianTableTests
{
    const string Path = "/usr/share/tor/geoip";

    static readonly Lazy<GeoTable?> s_table = new(() => File.Exists(Path)
        ? GeoTable.TryParse(File.ReadLines(Path), File.ReadLines(Path + "6"), out _) ?? throw new InvalidDataException("The tables are not of the form.")
        : null);

    static GeoTable Table
    {
        get
        {
            if (s_table.Value is null)
                Assert.Skip("tor-geoipdb is not installed");
            return s_table.Value;
        }
    }

    [Fact]
    public void Every_line_is_read() => Assert.InRange(Table.Count, 400_000, 2 * GeoTable.MostRanges);

    /// <summary>Well-known servers, and those of the five registries where they publish them.</summary>
    [Theory]
    [InlineData("8.8.8.8", "US")]
    [InlineData("193.0.6.139", "NL")]
    [InlineData("202.12.29.1", "AU")]
    [InlineData("200.160.2.3", "BR")]
    [InlineData("196.216.2.1", "ZA")]
    [InlineData("2001:4860:4860::8888", "US")]
    [InlineData("2001:67c:2e8:22::c100:68b", "NL")]
    [InlineData("2001:12ff::1", "BR")]
    [InlineData("2001:42d0::1", "ZA")]
    [InlineData("127.0.0.1", null)]
    [InlineData("10.0.0.1", null)]
    [InlineData("fe80::1", null)]
    public void Known_addresses_are_where_they_are(string address, string? country) => Assert.Equal(country, Table.Find(IpAddress.Parse(address)));
}
