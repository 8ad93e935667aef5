using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Macro.Core;

namespace Macro.Crypto;

/// <summary>An X25519 private key (RFC 7748): 32 clamped bytes that are wiped on disposal, and its public key.</summary>
public sealed class PrivateKey : SecretBytes
{
    public const int Size = 32;

    PrivateKey(ReadOnlySpan<byte> clamped) : base(clamped)
    {
        Span<byte> bytes = stackalloc byte[Size];
        X25519.ScalarMultBase(bytes, clamped);
        PublicKey = new PublicKey(bytes);
    }

    public PublicKey PublicKey { get; }

    /// <param name="bytes">32 bytes; clamped here.</param>
    public static PrivateKey FromBytes(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Size);
        Span<byte> clamped = stackalloc byte[Size];
        bytes.CopyTo(clamped);
        clamped[0] &= 248;
        clamped[31] = (byte)((clamped[31] & 127) | 64);
        var key = new PrivateKey(clamped);
        CryptographicOperations.ZeroMemory(clamped);
        return key;
    }

    public static PrivateKey Generate(IRandom random)
    {
        Span<byte> bytes = stackalloc byte[Size];
        random.Fill(bytes);
        var key = FromBytes(bytes);
        CryptographicOperations.ZeroMemory(bytes);
        return key;
    }

    /// <summary>
    /// X25519 with the other side's public key into <paramref name="shared"/> (32 bytes).
    /// False when the result is all zero: the other key is one of the low-order points; the handshake must stop.
    /// </summary>
    public bool TryAgree(PublicKey other, Span<byte> shared)
    {
        Span<byte> point = stackalloc byte[PublicKey.Size];
        other.Write(point);
        return X25519.TryScalarMult(shared, Span, point);
    }

    public static bool TryParseBase64(ReadOnlySpan<char> text, [NotNullWhen(true)] out PrivateKey? key)
    {
        Span<byte> bytes = stackalloc byte[Size + 1];
        var ok = PublicKey.IsCanonicalBase64(text) && Convert.TryFromBase64Chars(text, bytes, out var length) && length == Size;
        key = ok ? FromBytes(bytes[..Size]) : null;
        CryptographicOperations.ZeroMemory(bytes);
        return ok;
    }
}
