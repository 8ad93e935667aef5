using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Macro.Nat.Stun;

/// <summary>
/// What MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT are computed over: the message up to the attribute,
/// with a length in its header that counts the attribute as the last (RFC 8489 14.5 to 14.7).
/// </summary>
static class Integrity
{
    public const int Sha1Size = HMACSHA1.HashSizeInBytes;
    public const int Sha256Size = HMACSHA256.HashSizeInBytes;
    public const int FingerprintSize = 4;
    const uint FingerprintMask = 0x5354554e;

    /// <param name="before">The message up to the attribute's own header.</param>
    public static void Sha1(ReadOnlySpan<byte> before, ReadOnlySpan<byte> key, Span<byte> mac)
    {
        // The standard's choice, from 1995, and still a sound MAC; nothing that we keep secret hangs on it.
#pragma warning disable CA5350
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA1, key);
#pragma warning restore CA5350
        Run(hash, before, Sha1Size, mac);
    }

    /// <param name="before">The message up to the attribute's own header.</param>
    public static void Sha256(ReadOnlySpan<byte> before, ReadOnlySpan<byte> key, Span<byte> mac)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        Run(hash, before, Sha256Size, mac);
    }

    /// <param name="before">The message up to the attribute's own header; its length counts the attribute already.</param>
    public static uint Fingerprint(ReadOnlySpan<byte> before) => Crc32.Of(before) ^ FingerprintMask;

    static void Run(IncrementalHash hash, ReadOnlySpan<byte> before, int size, Span<byte> mac)
    {
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)(before.Length - MessageView.HeaderSize + 4 + size));
        hash.AppendData(before[..2]);
        hash.AppendData(length);
        hash.AppendData(before[4..]);
        hash.GetHashAndReset(mac);
    }
}
