using System.Security.Cryptography;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>MAC1 and MAC2 at the end of both handshake messages, and the key of cookie replies (whitepaper 5.4.4, 5.4.7).</summary>
static class Macs
{
    /// <summary>Both MACs, 16 bytes each, lie last.</summary>
    const int Mac1FromEnd = 32, Mac2FromEnd = 16;

    public static ReadOnlySpan<byte> Mac1(ReadOnlySpan<byte> message) => message[^Mac1FromEnd..^Mac2FromEnd];

    /// <summary>Hash("mac1----" || key): 32 bytes.</summary>
    public static void DeriveMac1Key(PublicKey key, Span<byte> derived) => Derive("mac1----"u8, key, derived);

    /// <summary>Hash("cookie--" || key): 32 bytes.</summary>
    public static void DeriveCookieKey(PublicKey key, Span<byte> derived) => Derive("cookie--"u8, key, derived);

    public static void WriteMac1(Span<byte> message, ReadOnlySpan<byte> mac1Key) =>
        Blake2s.Mac(message[^Mac1FromEnd..^Mac2FromEnd], mac1Key, message[..^Mac1FromEnd]);

    public static bool Mac1Fits(ReadOnlySpan<byte> message, ReadOnlySpan<byte> mac1Key)
    {
        Span<byte> mac = stackalloc byte[Message.MacSize];
        Blake2s.Mac(mac, mac1Key, message[..^Mac1FromEnd]);
        return CryptographicOperations.FixedTimeEquals(mac, Mac1(message));
    }

    public static void WriteMac2(Span<byte> message, ReadOnlySpan<byte> cookie) =>
        Blake2s.Mac(message[^Mac2FromEnd..], cookie, message[..^Mac2FromEnd]);

    public static bool Mac2Fits(ReadOnlySpan<byte> message, ReadOnlySpan<byte> cookie)
    {
        Span<byte> mac = stackalloc byte[Message.MacSize];
        Blake2s.Mac(mac, cookie, message[..^Mac2FromEnd]);
        return CryptographicOperations.FixedTimeEquals(mac, message[^Mac2FromEnd..]);
    }

    static void Derive(ReadOnlySpan<byte> label, PublicKey key, Span<byte> derived)
    {
        Span<byte> bytes = stackalloc byte[PublicKey.Size];
        key.Write(bytes);
        Blake2s.Hash(derived, label, bytes);
    }
}
