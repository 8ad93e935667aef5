using System.Runtime.InteropServices;
using Macro.Simulation;

namespace Macro.Crypto.Tests;

public class SecretTests
{
    static readonly byte[] Pattern = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    [Fact]
    public void Disposal_zeroes_the_memory_itself()
    {
        SecretBytes[] secrets = [new SecretBytes(Pattern), new AeadKey(Pattern), PrivateKey.FromBytes(Pattern), SecretBytes.Random(32, new SeededRandom(1))];

        foreach (var secret in secrets)
        {
            var memory = MemoryMarshal.CreateReadOnlySpan(ref MemoryMarshal.GetReference(secret.Span), secret.Length);
            Assert.True(memory.ContainsAnyExcept((byte)0));

            secret.Dispose();

            Assert.False(memory.ContainsAnyExcept((byte)0));
            Assert.True(secret.IsWiped);
        }
    }

    [Fact]
    public void A_wiped_secret_is_not_to_be_had()
    {
        var secret = new SecretBytes(Pattern);
        secret.Dispose();
        secret.Dispose();

        Assert.Throws<ObjectDisposedException>(() => secret.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => secret.Matches(Pattern));
    }

    [Fact]
    public void Text_tells_nothing()
    {
        SecretBytes[] secrets = [new SecretBytes(Pattern), new AeadKey(Pattern), PrivateKey.FromBytes(Pattern)];

        Assert.All(secrets, secret => Assert.Equal("(secret)", $"{secret}"));
    }

    [Fact]
    public void Matches_equal_bytes_only()
    {
        using var secret = new SecretBytes(Pattern);

        Assert.True(secret.Matches(Pattern));
        for (var i = 0; i < Pattern.Length; i++)
        {
            var other = (byte[])Pattern.Clone();
            other[i] ^= 0x80;
            Assert.False(secret.Matches(other));
        }
        Assert.False(secret.Matches(Pattern.AsSpan(1)));
        Assert.False(secret.Matches([]));
    }

    [Fact]
    public void Keys_read_only_whole_base64()
    {
        using var key = PrivateKey.FromBytes(Pattern);
        var text = key.PublicKey.ToBase64();

        Assert.True(PublicKey.TryParseBase64(text, out var parsed));
        Assert.Equal(key.PublicKey, parsed);
        foreach (var bad in (string[])["", "=", text[..43], text + "=", text[..43] + "A", " " + text, new string('!', 44), text[..42] + (char)(text[42] + 1) + "=", Convert.ToBase64String(new byte[31]), Convert.ToBase64String(new byte[33])])
        {
            Assert.False(PublicKey.TryParseBase64(bad, out _), bad);
            Assert.False(PrivateKey.TryParseBase64(bad, out _), bad);
        }
        Assert.True(PublicKey.TryParseHex(key.PublicKey.ToHex(), out parsed));
        Assert.Equal(key.PublicKey, parsed);
        Assert.False(PublicKey.TryParseHex(key.PublicKey.ToHex().AsSpan(2), out _));
        Assert.False(PublicKey.TryParseHex(new string('g', 64), out _));
    }
}
