using System.Security.Cryptography;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class NetworkKeyTests
{
    static readonly NetworkKey s_private = NetworkKey.FromBytes([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    /// <summary>The values of docs/protocol/network.md.</summary>
    [Fact]
    public void Keys_salts_and_topics_are_those_of_the_published_vectors()
    {
        Assert.Equal("0f39c1d53a0669fca6ec1b6348d3cefc", Convert.ToHexStringLower(NetworkKey.Public.Bytes[..16]));
        Assert.Equal("acb1a5c7d0b7b0f199c83316ce7b41b4", Convert.ToHexStringLower(NetworkKey.ForStatic("lab").Bytes[..16]));
        Assert.Equal("6d31b58a46f3ded3989b", Convert.ToHexStringLower(NetworkKey.Public.Salt(83333)));
        Assert.Equal("4b4f4a8985169f6d97cc76fe9a0f0e7b11d9a1f3af5108045f925c2101f33ddf", Convert.ToHexStringLower(s_private.PresharedKey()!.Span));
        var topic = new byte[Topic.Size];
        Topic.Write(topic, NetworkKey.Public, 83333, Facet.Exit, new Shard(4, 9));
        Assert.Equal("6cf14dd27ff5a4e1437fd2eccb82a451a4f781ff", Convert.ToHexStringLower(topic));
        Assert.Equal(0x51962f9a578d6b97ul, Position.Of(Example.Alice.Id, NetworkKey.Public, 83333).Value);
    }

    [Fact]
    public void The_value_of_an_epoch_is_a_hash_of_key_and_epoch()
    {
        var value = new byte[32];
        s_private.EpochValue(0x01020304, value);
        Assert.Equal(SHA256.HashData([.. s_private.Bytes, 4, 3, 2, 1]), value);
    }

    [Fact]
    public void Sessions_of_a_private_network_need_its_key_and_others_need_none()
    {
        Assert.Null(NetworkKey.Public.PresharedKey());
        Assert.Null(NetworkKey.ForStatic("lab").PresharedKey());
        Assert.NotEqual(s_private.PresharedKey()!.Span.ToArray(), NetworkKey.Generate(new SeededRandom(1)).PresharedKey()!.Span.ToArray());
    }

    [Fact]
    public void The_public_network_stays_public_when_its_key_is_read() => Assert.False(NetworkKey.FromBytes(NetworkKey.Public.Bytes).IsPrivate);

    [Fact]
    public void A_descriptor_of_another_network_is_refused_for_its_signature()
    {
        var signed = Example.Signed(network: s_private);
        Assert.Equal(DescriptorVerdict.Valid, Example.Check(signed, DescriptorRules.For(s_private)));
        Assert.Equal(DescriptorVerdict.BadSignature, Example.Check(signed));
        Assert.Equal(DescriptorVerdict.BadSignature, Example.Check(Example.Signed(), DescriptorRules.For(s_private)));
    }

    [Fact]
    public void An_item_of_the_DHT_is_read_as_the_descriptor_that_it_is()
    {
        var signed = Example.Signed();
        Assert.Equal(DescriptorVerdict.Valid, Read(signed.ToItemValue(), out var read));
        Assert.Equal(signed.Encode(), read!.Encode());

        DescriptorVerdict Read(byte[] value, out SignedDescriptor? result) =>
            SignedDescriptor.TryFromItem(signed.Id.Key, signed.Sequence, signed.Signature, value, Example.Rules, Example.Now, out result);
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData("i5e")]
    [InlineData("3:abc")]
    [InlineData("0192:")]
    [InlineData("999999999999:abc")]
    public void An_item_that_is_no_descriptor_is_refused(string value) =>
        Assert.NotEqual(
            DescriptorVerdict.Valid,
            SignedDescriptor.TryFromItem(Example.Key(1), 1, new byte[64], System.Text.Encoding.ASCII.GetBytes(value), Example.Rules, Example.Now, out _));

    [Fact]
    public void A_length_has_one_form_only()
    {
        var signed = Example.Signed();
        Assert.Equal(
            DescriptorVerdict.Malformed,
            SignedDescriptor.TryFromItem(signed.Id.Key, signed.Sequence, signed.Signature, [.. "0"u8, .. signed.ToItemValue()], Example.Rules, Example.Now, out _));
    }
}
