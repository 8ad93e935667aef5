namespace Macro.Crypto.Tests;

public class X25519Tests
{
    [Fact]
    public void Agrees_with_every_vector_and_refuses_low_order_points() =>
        Assert.Empty(VectorFile.Failures("x25519.txt", Holds));

    [Fact]
    public void A_thousand_iterations_end_where_the_rfc_says()
    {
        // RFC 7748 5.2: k, u = X25519(k, u), k
        var k = new byte[32];
        var u = new byte[32];
        k[0] = u[0] = 9;
        var next = new byte[32];

        for (var i = 0; i < 1000; i++)
        {
            using var key = PrivateKey.FromBytes(k);
            Assert.True(key.TryAgree(new PublicKey(u), next));
            (k, u, next) = (next, k, u);
        }

        Assert.Equal("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", Convert.ToHexStringLower(k));
    }

    [Fact]
    public void The_public_key_is_the_multiple_of_nine()
    {
        using var alice = PrivateKey.FromBytes(Convert.FromHexString("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));

        Assert.Equal("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", alice.PublicKey.ToHex());
    }

    static bool Holds(VectorLine vector)
    {
        using var key = PrivateKey.FromBytes(vector.Bytes(1));
        var shared = new byte[32];
        var agreed = key.TryAgree(new PublicKey(vector.Bytes(2)), shared);
        var expected = vector.Bytes(3);
        return expected.AsSpan().ContainsAnyExcept((byte)0) ? agreed && shared.AsSpan().SequenceEqual(expected) : !agreed;
    }
}
