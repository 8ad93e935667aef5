using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>
/// The answer of a responder under load (whitepaper 5.4.7): a cookie, sealed so that only who saw the handshake message can read it.
/// The next handshake message carries MAC2, made with the cookie, and so proves its source address.
/// </summary>
static class CookieReply
{
    /// <summary>Writes 64 bytes and returns that.</summary>
    public static int Write(
        Span<byte> reply, uint receiver, ReadOnlySpan<byte> cookie, ReadOnlySpan<byte> mac1, ReadOnlySpan<byte> cookieKey, IRandom random)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(reply, (uint)MessageType.CookieReply);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[Message.CookieReceiver..], receiver);
        var nonce = reply.Slice(Message.CookieNonce, XChaCha20Poly1305.NonceSize);
        random.Fill(nonce);
        XChaCha20Poly1305.Seal(reply[Message.CookieSealed..Message.CookieReplySize], cookie, mac1, nonce, cookieKey);
        return Message.CookieReplySize;
    }

    /// <param name="cookie">16 bytes.</param>
    /// <param name="mac1">MAC1 of the handshake message that it answers.</param>
    public static bool TryRead(ReadOnlySpan<byte> reply, ReadOnlySpan<byte> mac1, PublicKey remote, Span<byte> cookie)
    {
        Span<byte> key = stackalloc byte[Blake2s.HashSize];
        Macs.DeriveCookieKey(remote, key);
        return XChaCha20Poly1305.TryOpen(
            cookie, reply[Message.CookieSealed..], mac1, reply.Slice(Message.CookieNonce, XChaCha20Poly1305.NonceSize), key);
    }
}
