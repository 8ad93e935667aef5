using CsCheck;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class NodeIdTests
{
    [Fact]
    public void Text_has_52_characters_of_z_base_32_with_the_first_bit_first()
    {
        Assert.Equal(new string('y', 52), default(NodeId).ToString());
        var bytes = new byte[32];
        bytes[0] = 0b1111_1000;
        Assert.Equal("9" + new string('y', 51), new NodeId(bytes).ToString());
        // 0xff * 32: the last bit stands alone before four zeros.
        Assert.Equal(new string('9', 51) + "o", new NodeId(Enumerable.Repeat((byte)0xff, 32).ToArray()).ToString());
    }

    [Fact]
    public void Every_id_is_read_back_from_its_text() =>
        Gen.Byte.Array[32].Sample(bytes => NodeId.TryParse(new NodeId(bytes).ToString(), out var id) && id == new NodeId(bytes));

    [Theory]
    [InlineData("")]
    [InlineData("yyyy")]
    [InlineData("lyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy")]
    [InlineData("Yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy")]
    [InlineData("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyb")]
    [InlineData("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy")]
    public void Refuses_what_it_would_not_write(string text) => Assert.False(NodeId.TryParse(text, out _));

    [Fact]
    public void The_identity_of_a_seed_is_its_public_key_of_RFC_8032()
    {
        using var identity = new NodeIdentity(Convert.FromHexString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
        Assert.Equal("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", identity.Id.Key.ToHex());
        Assert.True(Ed25519.Verify(identity.Id.Key, "words"u8, Sign(identity, "words"u8)));
    }

    [Fact]
    public void Ids_are_ordered_by_their_bytes()
    {
        var ids = Enumerable.Range(0, 20).Select(i => NodeIdentity.Generate(new SeededRandom((ulong)i)).Id).Order().ToArray();
        Assert.Equal(ids.Select(i => i.Key.ToHex()).Order(StringComparer.Ordinal), ids.Select(i => i.Key.ToHex()));
    }

    static byte[] Sign(NodeIdentity identity, ReadOnlySpan<byte> message)
    {
        var signature = new byte[64];
        identity.Sign(message, signature);
        return signature;
    }
}
