using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>What <see cref="HandshakeGate.Check"/> says of a handshake message.</summary>
public enum GateVerdict
{
    /// <summary>Go on: an initiation to <see cref="HandshakeGate.TryReadInitiation"/>, a response to its tunnel.</summary>
    Accept,

    /// <summary>Send the reply to the source, and forget the message.</summary>
    ReplyCookie,

    /// <summary>Not a handshake message by type or size. Stay silent.</summary>
    Malformed,

    /// <summary>MAC1 does not fit: not meant for this key. Stay silent.</summary>
    WrongKey,

    /// <summary>Under load, and this source sent too many. Stay silent.</summary>
    RateLimited,
}

/// <summary>
/// The responder's front door, one per local static key: all that happens before any peer state is touched
/// (whitepaper 5.3, 5.4.4, 5.4.7). Two keys may be live during a rotation: one gate each. Used by the owner thread.
/// </summary>
public sealed class HandshakeGate : IDisposable
{
    readonly PrivateKey _key;
    readonly IRandom _random;
    readonly SourceLimiter _limiter = new();
    readonly byte[] _mac1Key = new byte[Blake2s.HashSize];
    readonly byte[] _cookieKey = new byte[Blake2s.HashSize];
    readonly byte[] _secret = GC.AllocateArray<byte>(Blake2s.HashSize, pinned: true);
    Instant _secretMade;
    bool _hasSecret;

    /// <param name="key">Not owned.</param>
    public HandshakeGate(PrivateKey key, IRandom random)
    {
        ArgumentNullException.ThrowIfNull(key);
        (_key, _random) = (key, random);
        Macs.DeriveMac1Key(key.PublicKey, _mac1Key);
        Macs.DeriveCookieKey(key.PublicKey, _cookieKey);
    }

    /// <summary>The static key behind this door.</summary>
    public PublicKey PublicKey => _key.PublicKey;

    /// <summary>Sources to which the rate limit does not apply, such as known relays that carry many clients. MAC2 is still asked of them.</summary>
    public Func<IpAddress, bool>? IsExempt { get; set; }

    /// <summary>
    /// Checks MAC1; under load also MAC2 and the source's rate (20 a second, burst 5, per IPv4 address or IPv6 /64).
    /// </summary>
    /// <param name="datagram">An initiation or a response.</param>
    /// <param name="reply">Room for <see cref="Message.CookieReplySize"/> bytes.</param>
    /// <param name="replyLength">64 with <see cref="GateVerdict.ReplyCookie"/>, else 0.</param>
    public GateVerdict Check(ReadOnlySpan<byte> datagram, Endpoint source, bool underLoad, Instant now, Span<byte> reply, out int replyLength)
    {
        replyLength = 0;
        if (!Message.TryReadSender(datagram, out var sender))
            return GateVerdict.Malformed;
        if (!Macs.Mac1Fits(datagram, _mac1Key))
            return GateVerdict.WrongKey;
        if (!underLoad)
            return GateVerdict.Accept;

        Span<byte> cookie = stackalloc byte[Message.MacSize];
        BakeCookie(cookie, source, now);
        if (Macs.Mac2Fits(datagram, cookie))
            return IsExempt?.Invoke(source.Address) == true || _limiter.Allow(source.Address, now) ? GateVerdict.Accept : GateVerdict.RateLimited;
        replyLength = CookieReply.Write(reply, sender, cookie, Macs.Mac1(datagram), _cookieKey, _random);
        return GateVerdict.ReplyCookie;
    }

    /// <summary>
    /// Reads an accepted initiation: the Diffie-Hellman operations that prove the initiator's static key, and those of the answer. False when it does not hold; stay silent then.
    /// </summary>
    public bool TryReadInitiation(ReadOnlySpan<byte> datagram, Instant now, [NotNullWhen(true)] out ReceivedInitiation? initiation)
    {
        initiation = null;
        return Message.TryReadType(datagram, out var type) && type == MessageType.Initiation
            && ReceivedInitiation.TryRead(datagram, _key, _random, out initiation);
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_secret);

    /// <summary>Mac(secret, address || port); the secret changes every two minutes.</summary>
    void BakeCookie(Span<byte> cookie, Endpoint source, Instant now)
    {
        if (!_hasSecret || now - _secretMade >= Limits.CookieLifetime)
        {
            _random.Fill(_secret);
            (_hasSecret, _secretMade) = (true, now);
        }
        Span<byte> address = stackalloc byte[18];
        source.Address.WriteMapped(address);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(address[16..], source.Port);
        Blake2s.Mac(cookie, _secret, address);
    }
}
