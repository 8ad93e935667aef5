using NSec.Cryptography;
using NsecKey = NSec.Cryptography.Key;
using NsecPublicKey = NSec.Cryptography.PublicKey;

namespace Macro.Crypto;

/// <summary>An Ed25519 signing key (RFC 8032) from a seed of 32 bytes, wiped on disposal.</summary>
public sealed class SigningKey : IDisposable
{
    public const int SeedSize = 32, SignatureSize = 64;

    readonly NsecKey _key;

    public SigningKey(ReadOnlySpan<byte> seed)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(seed.Length, SeedSize);
        _key = NsecKey.Import(SignatureAlgorithm.Ed25519, seed, KeyBlobFormat.RawPrivateKey);
        PublicKey = new PublicKey(_key.PublicKey.Export(KeyBlobFormat.RawPublicKey));
    }

    public PublicKey PublicKey { get; }

    /// <param name="signature">64 bytes.</param>
    public void Sign(ReadOnlySpan<byte> message, Span<byte> signature) => SignatureAlgorithm.Ed25519.Sign(_key, message, signature);

    public void Dispose() => _key.Dispose();
}

/// <summary>Ed25519 verification (RFC 8032 5.1.7, small-order and non-canonical keys refused).</summary>
public static class Ed25519
{
    public static bool Verify(PublicKey key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != SigningKey.SignatureSize)
            return false;
        Span<byte> bytes = stackalloc byte[PublicKey.Size];
        key.Write(bytes);
        return NsecPublicKey.TryImport(SignatureAlgorithm.Ed25519, bytes, KeyBlobFormat.RawPublicKey, out var imported)
            && SignatureAlgorithm.Ed25519.Verify(imported!, message, signature);
    }
}
