using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>The handshake of a tunnel in both roles (whitepaper 5.4.2 to 5.4.7).</summary>
public sealed partial class Tunnel
{
    SentInitiation? _pending;
    Instant _attemptsSince, _lastInitiation;
    UInt128 _lastMac1, _cookie;
    Instant _cookieUntil;
    Tai64N _newestTimestamp;
    Instant _lastAccepted;

    /// <summary>Begins a handshake even though nothing asks for one; no sooner than 5 s after the last initiation.</summary>
    public void Initiate(Instant now)
    {
        RequestHandshake(now);
        Schedule();
    }

    /// <summary>
    /// Answers an initiation of this peer: a response in the buffer and a session that waits for its first data.
    /// Drops replays (timestamp not newer) and more than one in 20 ms.
    /// </summary>
    public TunnelOutput AcceptInitiation(ReceivedInitiation initiation, Span<byte> buffer, Instant now)
    {
        ArgumentNullException.ThrowIfNull(initiation);
        CheckBuffer(0, buffer);
        if (initiation.Remote != Remote || _disposed)
            throw new ArgumentException("The initiation belongs to another peer.", nameof(initiation));
        if (initiation.Timestamp.CompareTo(_newestTimestamp) <= 0)
            return TunnelOutput.Dropped(DropReason.Replay);
        if (_lastAccepted != default && now - _lastAccepted < Limits.InitiationSpacing)
            return TunnelOutput.Dropped(DropReason.Flood);
        var response = buffer[..Message.ResponseSize];
        var index = _indices.Reserve(this, _random);
        initiation.Respond(response, index, _psk, out var send, out var receive);
        _newestTimestamp = initiation.Timestamp;
        _lastAccepted = now;

        var session = new Session(this, index, initiation.SenderIndex, isInitiator: false, send, receive, now);
        _indices.Attach(index, session);
        Retire(_next);
        Retire(_previous);
        (_next, _previous, _answersEarly) = (session, null, false);
        _eraseAt = now + Limits.EraseAfterTime;

        WriteMacs(response, now);
        Activity.NoteReceived(now, Message.InitiationSize);
        Activity.NoteSent(now, response.Length);
        Schedule();
        return TunnelOutput.ToNetwork(response.Length).Proven();
    }

    /// <summary>Wants a handshake for a reason other than a lost one: the 90 s of trying start anew (whitepaper 6.4).</summary>
    void RequestHandshake(Instant now)
    {
        if (!_mayInitiate || _disposed)
            return;
        _attemptsSince = now;
        if (_initiateAt == Instant.Never)
            _initiateAt = _lastInitiation == default ? now : Instant.Max(now, _lastInitiation + Limits.RekeyTimeout);
    }

    bool TryWriteInitiation(Span<byte> buffer, Instant now, out int length)
    {
        length = 0;
        DropPending();
        var message = buffer[..Message.InitiationSize];
        var index = _indices.Reserve(this, _random);
        _pending = SentInitiation.Write(message, index, _key, Remote, _random, now);
        _lastInitiation = now;
        _initiateAt = now + Limits.RekeyTimeout + _random.NextTime(Limits.RekeyJitter);
        if (_pending is null)
        {
            _indices.Release(index);
            return false;
        }
        WriteMacs(message, now);
        Activity.NoteSent(now, message.Length);
        length = message.Length;
        return true;
    }

    TunnelOutput ReadResponse(uint index, ReadOnlySpan<byte> message, Span<byte> buffer, Instant now)
    {
        CheckBuffer(0, buffer);
        if (_pending is null || _pending.Index != index)
            return TunnelOutput.Dropped(DropReason.UnknownIndex);
        if (!_pending.TryReadResponse(message, _key, _psk, out var send, out var receive))
            return TunnelOutput.Dropped(DropReason.NotAuthentic);
        var sender = BinaryPrimitives.ReadUInt32LittleEndian(message[Message.SenderOffset..]);
        var session = new Session(this, index, sender, isInitiator: true, send, receive, now);
        _indices.Attach(index, session);
        _pending.Dispose();
        _pending = null;

        // The response proves the peer, so this session is good to send with at once. One that we answered meanwhile may
        // already be in use by the other side: it stays as the previous one.
        var current = _current;
        Retire(_previous);
        if (_next is not null)
        {
            _previous = _next;
            _next = null;
            _current = session;
            Retire(current);
        }
        else
        {
            _previous = current;
            _current = session;
        }
        _eraseAt = now + Limits.EraseAfterTime;
        Activity.NoteReceived(now, message.Length);
        Established(session, now);
        // The responder may send only after it has heard the new keys: a keepalive if there is no data (whitepaper 6.5).
        if (_staged is null or { Count: 0 })
            _keepaliveAt = now;
        return Produce(buffer, now).Proven();
    }

    TunnelOutput ReadCookie(ReadOnlySpan<byte> message, Instant now)
    {
        Span<byte> mac1 = stackalloc byte[Message.MacSize];
        Span<byte> cookie = stackalloc byte[Message.MacSize];
        BinaryPrimitives.WriteUInt128LittleEndian(mac1, _lastMac1);
        if (_lastMac1 == 0 || !CookieReply.TryRead(message, mac1, Remote, cookie))
            return TunnelOutput.Dropped(DropReason.NotAuthentic);
        _cookie = BinaryPrimitives.ReadUInt128LittleEndian(cookie);
        _cookieUntil = now + (Limits.CookieLifetime - Limits.CookieLatency);
        // One cookie per handshake message: a second reply to the same message is a replay.
        _lastMac1 = 0;
        Activity.NoteUnprovenReceived(message.Length);
        return TunnelOutput.Nothing;
    }

    /// <summary>
    /// Goes on with the cookie that another tunnel got from the same responder: a cookie speaks for a source address, not
    /// for a key, so one that starts over with a fresh key need not be told twice.
    /// </summary>
    public void TakeCookie(Tunnel other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Remote == Remote)
            (_cookie, _cookieUntil) = (other._cookie, other._cookieUntil);
    }

    void WriteMacs(Span<byte> message, Instant now)
    {
        Span<byte> key = stackalloc byte[Blake2s.HashSize];
        Macs.DeriveMac1Key(Remote, key);
        Macs.WriteMac1(message, key);
        _lastMac1 = BinaryPrimitives.ReadUInt128LittleEndian(Macs.Mac1(message));
        if (now >= _cookieUntil)
            return;
        var cookie = key[..Message.MacSize];
        BinaryPrimitives.WriteUInt128LittleEndian(cookie, _cookie);
        Macs.WriteMac2(message, cookie);
    }

    void DropPending()
    {
        if (_pending is null)
            return;
        _indices.Release(_pending.Index);
        _pending.Dispose();
        _pending = null;
    }
}
