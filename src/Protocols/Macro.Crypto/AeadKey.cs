using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Macro.Crypto;

/// <summary>
/// A ChaCha20-Poly1305 key (RFC 8439) with WireGuard's nonce: four zero bytes, then the counter, little-endian
/// (whitepaper 5.4.6). Thread-safe: sealing and opening share nothing but the key. Wiped on disposal, after which
/// sealing throws and nothing opens.
/// </summary>
public sealed class AeadKey : SecretBytes
{
    public const int Size = 32, TagSize = 16;

    /// <param name="key">32 bytes.</param>
    public AeadKey(ReadOnlySpan<byte> key) : base(key) => ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, Size);

    /// <summary>Seals <paramref name="text"/> in place; the tag (16 bytes) goes to <paramref name="tag"/>.</summary>
    public void Seal(ulong counter, Span<byte> text, Span<byte> tag, ReadOnlySpan<byte> associated = default)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tag.Length, TagSize);
        Span<byte> nonce = stackalloc byte[12];
        WriteNonce(nonce, counter);
        _ = Sodium.crypto_aead_chacha20poly1305_ietf_encrypt_detached(
            ref MemoryMarshal.GetReference(text), ref MemoryMarshal.GetReference(tag), out _,
            in MemoryMarshal.GetReference(text), (ulong)text.Length, in MemoryMarshal.GetReference(associated), (ulong)associated.Length,
            0, in MemoryMarshal.GetReference(nonce), in MemoryMarshal.GetReference(Span));
    }

    /// <summary>Opens <paramref name="text"/> in place. False when the tag does not fit; the text is then undefined.</summary>
    public bool TryOpen(ulong counter, Span<byte> text, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> associated = default)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tag.Length, TagSize);
        if (IsWiped)
            return false;
        Span<byte> nonce = stackalloc byte[12];
        WriteNonce(nonce, counter);
        return Sodium.crypto_aead_chacha20poly1305_ietf_decrypt_detached(
            ref MemoryMarshal.GetReference(text), 0, in MemoryMarshal.GetReference(text), (ulong)text.Length,
            in MemoryMarshal.GetReference(tag), in MemoryMarshal.GetReference(associated), (ulong)associated.Length,
            in MemoryMarshal.GetReference(nonce), in MemoryMarshal.GetReference(Span)) == 0;
    }

    static void WriteNonce(Span<byte> nonce, ulong counter)
    {
        nonce[..4].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], counter);
    }
}
