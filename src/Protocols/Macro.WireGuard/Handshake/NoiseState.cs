using System.Security.Cryptography;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>
/// Chaining key and hash of a handshake under way: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s, in the steps of whitepaper 5.4.2 and 5.4.3.
/// Works on 64 bytes of the caller's memory: chaining key, then hash.
/// </summary>
readonly ref struct NoiseState(Span<byte> state)
{
    public const int Size = 2 * Blake2s.HashSize;

    static readonly byte[] s_initialChainKey = HashOf("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"u8);
    static readonly byte[] s_initialHash = HashOf(s_initialChainKey, "WireGuard v1 zx2c4 Jason@zx2c4.com"u8);

    readonly Span<byte> _chainKey = state[..Blake2s.HashSize];
    readonly Span<byte> _hash = state.Slice(Blake2s.HashSize, Blake2s.HashSize);

    public void Begin(PublicKey responder)
    {
        s_initialChainKey.CopyTo(_chainKey);
        s_initialHash.CopyTo(_hash);
        MixHash(responder);
    }

    public void MixHash(ReadOnlySpan<byte> data) => Blake2s.Hash(_hash, _hash, data);

    public void MixHash(PublicKey key)
    {
        Span<byte> bytes = stackalloc byte[PublicKey.Size];
        key.Write(bytes);
        MixHash(bytes);
    }

    /// <summary>ck := KDF1(ck, input).</summary>
    public void MixKey(ReadOnlySpan<byte> input) => Blake2s.Kdf(_chainKey, input, _chainKey);

    /// <summary>(ck, key) := KDF2(ck, input).</summary>
    public void MixKey(ReadOnlySpan<byte> input, Span<byte> key)
    {
        Blake2s.Kdf(_chainKey, input, _chainKey, key);
    }

    /// <summary>(ck, t, key) := KDF3(ck, psk), and t into the hash.</summary>
    public void MixPresharedKey(SecretBytes? psk, Span<byte> key)
    {
        Span<byte> none = stackalloc byte[Blake2s.HashSize];
        Span<byte> t = stackalloc byte[Blake2s.HashSize];
        none.Clear();
        Blake2s.Kdf(_chainKey, psk is null ? none : psk.Span, _chainKey, t, key);
        MixHash(t);
        CryptographicOperations.ZeroMemory(t);
    }

    /// <summary>Seals with counter 0 and the hash as associated data; the ciphertext goes into the hash.</summary>
    public void Seal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> text, Span<byte> sealedText)
    {
        text.CopyTo(sealedText);
        using (var aead = new AeadKey(key))
            aead.Seal(0, sealedText[..text.Length], sealedText[text.Length..], _hash);
        MixHash(sealedText);
    }

    /// <summary>The reverse of <see cref="Seal"/>; false when it does not fit.</summary>
    public bool TryOpen(ReadOnlySpan<byte> key, ReadOnlySpan<byte> sealedText, Span<byte> text)
    {
        sealedText[..text.Length].CopyTo(text);
        using (var aead = new AeadKey(key))
        {
            if (!aead.TryOpen(0, text, sealedText[text.Length..], _hash))
                return false;
        }
        MixHash(sealedText);
        return true;
    }

    /// <summary>The two transport keys, initiator to responder first (whitepaper 5.4.5).</summary>
    public (AeadKey FromInitiator, AeadKey FromResponder) Split()
    {
        Span<byte> keys = stackalloc byte[2 * AeadKey.Size];
        Blake2s.Kdf(_chainKey, default, keys[..AeadKey.Size], keys[AeadKey.Size..]);
        var pair = (new AeadKey(keys[..AeadKey.Size]), new AeadKey(keys[AeadKey.Size..]));
        CryptographicOperations.ZeroMemory(keys);
        return pair;
    }

    static byte[] HashOf(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default)
    {
        var hash = new byte[Blake2s.HashSize];
        Blake2s.Hash(hash, first, second);
        return hash;
    }
}
