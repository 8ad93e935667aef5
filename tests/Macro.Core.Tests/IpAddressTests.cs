using System.Net;
using CsCheck;

namespace Macro.Core.Tests;

public class IpAddressTests
{
    static readonly Gen<IpAddress> Any = Gen.OneOf(
        Gen.UInt.Select(IpAddress.FromV4),
        Gen.Select(Gen.ULong, Gen.ULong, (high, low) => new IpAddress(new UInt128(high, low))));

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("255.255.255.255")]
    [InlineData("10.0.0.1")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("fd6d:6163:726f::2")]
    [InlineData("2001:db8::ff00:42:8329")]
    public void Text_survives(string text) => Assert.Equal(text, IpAddress.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("1")]
    [InlineData("127.1")]
    [InlineData("1.2.3")]
    [InlineData("1.2.3.4.5")]
    [InlineData("1.2.3.256")]
    [InlineData("01.2.3.4")]
    [InlineData("1.2.3.04")]
    [InlineData("0x7f.0.0.1")]
    [InlineData("1.2.3.-4")]
    [InlineData("1.2.3.4 ")]
    [InlineData(" 1.2.3.4")]
    [InlineData("1.2.3.")]
    [InlineData("fe80::1%eth0")]
    [InlineData("[::1]")]
    [InlineData(":::")]
    [InlineData("1::2::3")]
    [InlineData("12345::")]
    [InlineData("1:2:3:4:5:6:7")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    [InlineData("::1.2.3")]
    [InlineData("::1 ")]
    [InlineData("::g")]
    [InlineData("example.org")]
    [InlineData("\u0661.2.3.4")]
    public void Hostile_text_is_refused(string text) => Assert.False(IpAddress.TryParse(text, out _), text);

    [Fact]
    public void A_mapped_address_is_the_ipv4_address()
    {
        Assert.Equal(IpAddress.Parse("192.0.2.1"), IpAddress.Parse("::ffff:192.0.2.1"));
        Assert.True(IpAddress.Parse("::ffff:192.0.2.1").IsV4);
        Assert.True(IpAddress.FromSystem(IPAddress.Parse("::ffff:192.0.2.1")).IsV4);
    }

    [Fact]
    public void Text_bytes_and_system_forms_round_trip() =>
        Any.Sample(address =>
        {
            Span<byte> wire = stackalloc byte[16], mapped = stackalloc byte[16];
            address.Write(wire);
            address.WriteMapped(mapped);
            return IpAddress.Parse(address.ToString()) == address
                && IpAddress.Read(wire[..address.Size]) == address
                && IpAddress.Read(mapped) == address
                && IpAddress.FromSystem(address.ToSystem()) == address;
        });

    [Fact]
    public void Random_text_never_throws() =>
        Gen.String[Gen.Char["0123456789abcdefx:.%[]/ -"], 0, 50].Sample(text =>
        {
            if (IpAddress.TryParse(text, out var address))
                Assert.Equal(address, IpAddress.Parse(address.ToString()));
            if (Endpoint.TryParse(text, out var endpoint))
                Assert.Equal(endpoint, Endpoint.Parse(endpoint.ToString()));
            if (Prefix.TryParse(text, out var prefix))
                Assert.Equal(prefix, Prefix.Parse(prefix.ToString()));
        });

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(15)]
    [InlineData(17)]
    public void Reads_4_or_16_bytes_only(int length) => Assert.Throws<ArgumentException>(() => IpAddress.Read(new byte[length]));
}
