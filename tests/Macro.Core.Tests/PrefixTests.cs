using CsCheck;

namespace Macro.Core.Tests;

public class PrefixTests
{
    [Theory]
    [InlineData("10.1.2.3/8", "10.0.0.0/8")]
    [InlineData("0.0.0.0/0", "0.0.0.0/0")]
    [InlineData("192.0.2.1", "192.0.2.1/32")]
    [InlineData("192.0.2.255/31", "192.0.2.254/31")]
    [InlineData("::/0", "::/0")]
    [InlineData("2001:db8:ffff::1/33", "2001:db8:8000::/33")]
    [InlineData("::1", "::1/128")]
    public void Reads_and_clears_host_bits(string text, string expected) => Assert.Equal(expected, Prefix.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/8")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("10.0.0.0/+8")]
    [InlineData("10.0.0.0/ 8")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("10.0.0.0/255.0.0.0")]
    [InlineData("10/8")]
    [InlineData("::/129")]
    [InlineData("::/99999999999")]
    public void Hostile_text_is_refused(string text) => Assert.False(Prefix.TryParse(text, out _), text);

    [Fact]
    public void Families_never_contain_each_other()
    {
        Assert.False(Prefix.Parse("::/0").Contains(IpAddress.Parse("192.0.2.1")));
        Assert.False(Prefix.Parse("0.0.0.0/0").Contains(IpAddress.Parse("2001:db8::1")));
    }

    [Fact]
    public void Contains_what_agrees_in_the_leading_bits() =>
        Gen.Select(Gen.UInt, Gen.UInt, Gen.Int[0, 32]).Sample((a, b, length) =>
        {
            var expected = length == 0 || a >> (32 - length) == b >> (32 - length);
            return new Prefix(IpAddress.FromV4(a), length).Contains(IpAddress.FromV4(b)) == expected;
        });

    [Fact]
    public void Lengths_out_of_range_are_misuse()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Prefix(IpAddress.V4Any, 33));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Prefix(IpAddress.V6Any, 129));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Prefix(IpAddress.V6Any, -1));
    }
}
