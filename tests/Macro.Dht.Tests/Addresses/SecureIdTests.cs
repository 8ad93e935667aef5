using CsCheck;
using Macro.Core;
using Macro.Simulation;

namespace Macro.Dht.Tests;

public sealed class SecureIdTests
{
    /// <summary>The vectors of BEP 42.</summary>
    [Theory]
    [InlineData("124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401")]
    [InlineData("21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256")]
    [InlineData("65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616")]
    [InlineData("84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41")]
    [InlineData("43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a")]
    public void The_ids_of_the_specification_belong_to_their_addresses(string address, string id)
    {
        Assert.True(Id160.TryParse(id, out var parsed));
        Assert.True(SecureId.Verify(parsed, IpAddress.Parse(address)));
        Assert.False(SecureId.Verify(parsed with { High = parsed.High ^ (1UL << 43) }, IpAddress.Parse(address)));
        // The lower three bits of the third byte are free.
        Assert.True(SecureId.Verify(parsed with { High = parsed.High ^ (7UL << 40) }, IpAddress.Parse(address)));
        Assert.False(SecureId.Verify(parsed, IpAddress.Parse("198.41.0.4")));
    }

    [Fact]
    public void Generated_ids_belong_to_their_address_and_eight_thousandths_of_others_at_most()
    {
        var random = new SeededRandom(1);
        var strangers = 0;
        for (var i = 0; i < 10_000; i++)
        {
            var mine = i % 2 == 0 ? IpAddress.FromV4(random.NextUInt32()) : new IpAddress(((UInt128)random.NextUInt64() << 64) | 1);
            var id = SecureId.Generate(mine, random);
            Assert.True(SecureId.Verify(id, mine));
            strangers += SecureId.Verify(id, IpAddress.FromV4(random.NextUInt32())) ? 1 : 0;
        }
        Assert.InRange(strangers, 0, 3);
    }

    [Fact]
    public void Only_the_upper_half_of_an_IPv6_address_counts()
    {
        var random = new SeededRandom(2);
        var id = SecureId.Generate(IpAddress.Parse("2a0e:4400:1::1"), random);
        Assert.True(SecureId.Verify(id, IpAddress.Parse("2a0e:4400:1:0:ffff::2")));
    }
}
