using System.Security.Cryptography;
using System.Text;
using Macro.Core;
using Macro.Crypto;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Dht.Tests;

/// <summary>The test vectors of BEP 44. Their private key is an expanded one, so they are verified, not signed again.</summary>
public sealed class MutableItemTests
{
    static readonly PublicKey s_key = new(Convert.FromHexString("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"));

    static readonly byte[] s_value = "12:Hello World!"u8.ToArray();

    [Theory]
    [InlineData("", "3:seqi1e1:v12:Hello World!", "4a533d47ec9c7d95b1ad75f576cffc641853b750",
        "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01")]
    [InlineData("foobar", "4:salt6:foobar3:seqi1e1:v12:Hello World!", "411eba73b6f087ca51a3795d9c8c938d365e32c1",
        "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17ddf9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08")]
    public void Mutable_items_of_the_specification_hold(string salt, string signed, string target, string signature)
    {
        var salted = Encoding.ASCII.GetBytes(salt);
        var buffer = new byte[200];
        var length = MutableItem.WriteSigningBuffer(buffer, salted, 1, s_value);

        Assert.Equal(signed, Encoding.ASCII.GetString(buffer.AsSpan(0, length)));
        Assert.True(MutableItem.TryVerify(s_key, salted, 1, s_value, Convert.FromHexString(signature), out var item));
        Assert.Equal(target, item.Target.ToString());
        Assert.False(MutableItem.TryVerify(s_key, salted, 2, s_value, Convert.FromHexString(signature), out _));
        Assert.False(MutableItem.TryVerify(s_key, "other"u8, 1, s_value, Convert.FromHexString(signature), out _));
        Assert.False(MutableItem.TryVerify(s_key, salted, 1, "12:Hello world!"u8, Convert.FromHexString(signature), out _));
    }

    [Fact]
    public void The_immutable_item_of_the_specification_holds() =>
        Assert.Equal("e5f96f6f38320f0f33959cb4d3d656452117aadb", Id160.HashOf(s_value).ToString());

    [Fact]
    public void What_is_signed_verifies()
    {
        using var key = new SigningKey(RandomNumberGenerator.GetBytes(32));
        var item = MutableItem.Sign(key, "salt"u8, 42, ItemValue.FromBytes("hello"u8));

        Assert.True(MutableItem.TryVerify(item.Key, item.Salt.Span, 42, item.Value.Span, item.Signature.Span, out var read));
        Assert.True(ItemValue.TryGetBytes(read.Value.Span, out var bytes));
        Assert.Equal("hello", Encoding.ASCII.GetString(bytes));
    }

    [Fact]
    public void Bounds_hold_on_both_sides()
    {
        using var key = new SigningKey(new byte[32]);
        var largest = ItemValue.FromBytes(new byte[996]);
        Assert.Equal(1000, largest.Length);
        MutableItem.Sign(key, new byte[64], long.MaxValue, largest);
        Assert.Throws<ArgumentOutOfRangeException>(() => MutableItem.Sign(key, [], 1, ItemValue.FromBytes(new byte[997])));
        Assert.Throws<ArgumentOutOfRangeException>(() => MutableItem.Sign(key, new byte[65], 1, largest));
        Assert.Throws<ArgumentOutOfRangeException>(() => MutableItem.Sign(key, [], -1, largest));
        Assert.Throws<ArgumentException>(() => MutableItem.Sign(key, [], 1, "5:four"u8));
        Assert.False(MutableItem.TryVerify(key.PublicKey, new byte[65], 1, largest, new byte[64], out _));
        Assert.False(MutableItem.TryVerify(key.PublicKey, [], -1, largest, new byte[64], out _));
    }

    /// <summary>Descriptors are items: both projects know the format, and here it is one.</summary>
    [Fact]
    public void A_descriptor_is_an_item()
    {
        using var identity = new NodeIdentity(new byte[32]);
        var now = Instant.FromUnixSeconds(1_800_000_000);
        var relay = new Descriptor
        {
            Epoch = Epoch.At(now),
            NotBefore = now,
            Validity = TimeSpan.FromHours(3),
            RelayKey = s_key,
            NextRelayKey = s_key,
            Endpoints = [Endpoint.Parse("198.41.0.4:51900")],
        };
        var signed = SignedDescriptor.Sign(identity, NetworkKey.Public, relay, now);

        Assert.True(MutableItem.TryVerify(
            signed.Id.Key, NetworkKey.Public.Salt(Epoch.At(now)), signed.Sequence, signed.ToItemValue(), signed.Signature, out _));
    }
}
