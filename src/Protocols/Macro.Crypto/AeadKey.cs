using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Macro.Crypto;

/// <summary>
/// A ChaCha20-Poly1305 key (RFC 8439) with WireGuard's nonce: four zero bytes, then the counter, little-endian
/// (whitepaper 5.4.6). Thread-safe: sealing and opening share nothing but the key, and one thread may dispose
/// it while others use it. Wiped on disposal, after which sealing throws and nothing opens.
/// </summary>
public sealed class AeadKey : SecretBytes
{
    public const int Size = 32, TagSize = 16;

    const int NonceSize = 12;

    /// <param name="key">32 bytes.</param>
    public AeadKey(ReadOnlySpan<byte> key) : base(key) => ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, Size);

    /// <summary>Seals <paramref name="text"/> in place; the tag (16 bytes) goes to <paramref name="tag"/>.</summary>
    /// <exception cref="ObjectDisposedException">The key was wiped; nothing was written.</exception>
    public void Seal(ulong counter, Span<byte> text, Span<byte> tag, ReadOnlySpan<byte> associated = default) =>
        ObjectDisposedException.ThrowIf(!TrySeal(counter, text, tag, associated), this);

    /// <summary>As <see cref="Seal"/>, but false when the key was wiped, perhaps by another thread just now; nothing is written then.</summary>
    public bool TrySeal(ulong counter, Span<byte> text, Span<byte> tag, ReadOnlySpan<byte> associated = default)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        WriteNonce(nonce, counter);
        return TrySeal(nonce, text, tag, associated);
    }

    /// <summary>
    /// Opens <paramref name="text"/> in place. False when the tag does not fit, the text then being undefined, or when
    /// the key was wiped.
    /// </summary>
    public bool TryOpen(ulong counter, Span<byte> text, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> associated = default)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        WriteNonce(nonce, counter);
        return TryOpen(nonce, text, tag, associated);
    }

    internal bool TrySeal(ReadOnlySpan<byte> nonce, Span<byte> text, Span<byte> tag, ReadOnlySpan<byte> associated)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tag.Length, TagSize);
        Span<byte> key = stackalloc byte[Size];
        if (!TryCopyTo(key))
            return false;
        _ = Sodium.crypto_aead_chacha20poly1305_ietf_encrypt_detached(
            ref MemoryMarshal.GetReference(text), ref MemoryMarshal.GetReference(tag), out _,
            in MemoryMarshal.GetReference(text), (ulong)text.Length, in MemoryMarshal.GetReference(associated), (ulong)associated.Length,
            0, in MemoryMarshal.GetReference(nonce), in MemoryMarshal.GetReference(key));
        CryptographicOperations.ZeroMemory(key);
        return true;
    }

    internal bool TryOpen(ReadOnlySpan<byte> nonce, Span<byte> text, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> associated)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tag.Length, TagSize);
        Span<byte> key = stackalloc byte[Size];
        if (!TryCopyTo(key))
            return false;
        var fits = Sodium.crypto_aead_chacha20poly1305_ietf_decrypt_detached(
            ref MemoryMarshal.GetReference(text), 0, in MemoryMarshal.GetReference(text), (ulong)text.Length,
            in MemoryMarshal.GetReference(tag), in MemoryMarshal.GetReference(associated), (ulong)associated.Length,
            in MemoryMarshal.GetReference(nonce), in MemoryMarshal.GetReference(key)) == 0;
        CryptographicOperations.ZeroMemory(key);
        return fits;
    }

    static void WriteNonce(Span<byte> nonce, ulong counter)
    {
        nonce[..4].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], counter);
    }
}
