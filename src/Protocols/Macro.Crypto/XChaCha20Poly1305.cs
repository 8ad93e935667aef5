using System.Runtime.InteropServices;

namespace Macro.Crypto;

/// <summary>
/// AEAD with a 24-byte nonce, safe to draw at random (draft-irtf-cfrg-xchacha-03); used for cookies
/// (WireGuard whitepaper 5.4.7) and for the key store. Key 32 bytes, tag 16 bytes behind the ciphertext.
/// </summary>
public static class XChaCha20Poly1305
{
    public const int KeySize = 32, NonceSize = 24, TagSize = 16;

    /// <param name="sealedText">Plaintext length + 16 bytes.</param>
    public static void Seal(Span<byte> sealedText, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(sealedText.Length, plaintext.Length + TagSize);
        ArgumentOutOfRangeException.ThrowIfNotEqual(nonce.Length, NonceSize);
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, KeySize);
        _ = Sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            ref MemoryMarshal.GetReference(sealedText), out _, in MemoryMarshal.GetReference(plaintext), (ulong)plaintext.Length,
            in MemoryMarshal.GetReference(associated), (ulong)associated.Length, 0, in MemoryMarshal.GetReference(nonce), in MemoryMarshal.GetReference(key));
    }

    /// <summary>False, and nothing usable written, when the tag does not fit.</summary>
    public static bool TryOpen(Span<byte> plaintext, ReadOnlySpan<byte> sealedText, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(nonce.Length, NonceSize);
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, KeySize);
        if (sealedText.Length < TagSize)
            return false;
        ArgumentOutOfRangeException.ThrowIfNotEqual(plaintext.Length, sealedText.Length - TagSize);
        return Sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            ref MemoryMarshal.GetReference(plaintext), out _, 0, in MemoryMarshal.GetReference(sealedText), (ulong)sealedText.Length,
            in MemoryMarshal.GetReference(associated), (ulong)associated.Length, in MemoryMarshal.GetReference(nonce), in MemoryMarshal.GetReference(key)) == 0;
    }
}
