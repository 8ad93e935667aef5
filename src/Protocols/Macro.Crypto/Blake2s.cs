using System.Security.Cryptography;

namespace Macro.Crypto;

/// <summary>
/// BLAKE2s (RFC 7693) in the three forms that WireGuard uses (whitepaper 5.4): the hash of 32 bytes, the keyed hash of
/// 16 bytes ("MAC"), and HMAC with the key derivation built on it.
/// </summary>
public static class Blake2s
{
    public const int HashSize = 32, MacSize = 16, BlockSize = 64;

    /// <summary>BLAKE2s-256 of <paramref name="first"/> followed by <paramref name="second"/>. The output may overlap the input.</summary>
    public static void Hash(Span<byte> hash, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default)
    {
        Blake2sState state = default;
        state.Begin(HashSize, default);
        state.Update(first);
        state.Update(second);
        state.Finish(hash[..HashSize]);
    }

    /// <summary>BLAKE2s with a key of up to 32 bytes and 16 bytes of output. The output may overlap the input.</summary>
    public static void Mac(Span<byte> mac, ReadOnlySpan<byte> key, ReadOnlySpan<byte> input)
    {
        Blake2sState state = default;
        state.Begin(MacSize, key);
        state.Update(input);
        state.Finish(mac[..MacSize]);
    }

    /// <summary>HMAC-BLAKE2s-256 (RFC 2104) of <paramref name="first"/> followed by <paramref name="second"/>.</summary>
    public static void Hmac(Span<byte> mac, ReadOnlySpan<byte> key, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default)
    {
        Span<byte> block = stackalloc byte[BlockSize];
        Span<byte> inner = stackalloc byte[HashSize];
        block.Clear();
        if (key.Length > BlockSize)
            Hash(block, key);
        else
            key.CopyTo(block);

        foreach (ref var b in block)
            b ^= 0x36;
        Blake2sState state = default;
        state.Begin(HashSize, default);
        state.Update(block);
        state.Update(first);
        state.Update(second);
        state.Finish(inner);

        foreach (ref var b in block)
            b ^= 0x36 ^ 0x5c;
        Hash(mac, block, inner);
        CryptographicOperations.ZeroMemory(block);
        CryptographicOperations.ZeroMemory(inner);
    }

    /// <summary>
    /// KDF1..KDF3 of the whitepaper (HKDF, RFC 5869): 32 bytes into each output that is not empty.
    /// Outputs may overlap the key, as in "ck := KDF1(ck, input)".
    /// </summary>
    public static void Kdf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input, Span<byte> first, Span<byte> second = default, Span<byte> third = default)
    {
        Span<byte> prk = stackalloc byte[HashSize];
        Span<byte> t = stackalloc byte[HashSize + 1];
        Hmac(prk, key, input);

        t[0] = 1;
        Hmac(t, prk, t[..1]);
        t[..HashSize].CopyTo(first);
        if (!second.IsEmpty)
        {
            t[HashSize] = 2;
            Hmac(t, prk, t);
            t[..HashSize].CopyTo(second);
        }
        if (!third.IsEmpty)
        {
            t[HashSize] = 3;
            Hmac(t, prk, t);
            t[..HashSize].CopyTo(third);
        }
        CryptographicOperations.ZeroMemory(prk);
        CryptographicOperations.ZeroMemory(t);
    }
}
