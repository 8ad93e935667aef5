using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>
/// One WireGuard peer as a pure state machine: no socket, clock, thread or log. Owned by one thread; the pumps only touch
/// <see cref="Sending"/>, <see cref="Activity"/> and the sessions. It knows no endpoint: where its datagrams go is the owner's business.
/// </summary>
/// <remarks>
/// Buffers given to the verbs hold at least the packet + <see cref="Message.DataOverhead"/> + 15 bytes, and at least 148.
/// After every verb, call <see cref="HandleTimeout"/> at <see cref="NextTimeout"/>, until it returns nothing.
/// </remarks>
public sealed partial class Tunnel : IDisposable
{
    readonly PrivateKey _key;
    readonly IndexTable _indices;
    readonly IRandom _random;
    readonly bool _mayInitiate;
    readonly int _stagedLimit;
    Queue<TunnelEvent>? _events;
    Queue<byte[]>? _staged;
    SecretBytes? _psk;
    bool _disposed;
    volatile int _padTo;
    ReadOnlyMemory<byte> _keepalive;

    // Whitepaper 6.3: at most three sessions. "Next" is one that we answered and that no data has proven yet.
    Session? _previous;
    volatile Session? _next, _current;
    volatile bool _answersEarly;

    public Tunnel(TunnelOptions options, IndexTable indices, IRandom random)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_key, Remote, _psk) = (options.PrivateKey, options.Remote, options.PresharedKey);
        (_indices, _random) = (indices, random);
        (_mayInitiate, _stagedLimit, Mtu) = (options.MayInitiate, options.StagedPackets, options.Mtu);
        (_padTo, _keepalive) = (options.PadTo, options.Keepalive);
        _persistentKeepalive = options.PersistentKeepalive;
        Activity = new Activity(expectsAnswers: _mayInitiate);
        DrawUnansweredJitter();
        Schedule();
    }

    /// <summary>What the owner hangs on it, such as a peer record or a hop of a circuit.</summary>
    public object? Context { get; set; }

    /// <summary>The peer's static key.</summary>
    public PublicKey Remote { get; }

    /// <summary>Inner MTU in bytes, up to which packets are padded.</summary>
    public int Mtu { get; set; }

    /// <summary>Payloads are padded to at least so many bytes; 0: as WireGuard pads. Any thread may read it.</summary>
    public int PadTo => _padTo;

    public Activity Activity { get; }

    /// <summary>The session that the fast path seals with, or null: then packets go to <see cref="Encapsulate"/>. Any thread may read it.</summary>
    public Session? Sending => _current ?? (_answersEarly ? _next : null);

    /// <summary>Receiver indices of the sessions that stand, the newest first. Owner thread.</summary>
    public IEnumerable<uint> ReceiverIndices
    {
        get
        {
            foreach (var session in (Session?[])[_next, _current, _previous])
                if (session is not null)
                    yield return session.LocalIndex;
        }
    }

    /// <summary>There is a session young enough to send with.</summary>
    public bool IsConnected(Instant now) => _current is { } session && session.IsLive(now);

    /// <summary>Seals one packet, or stages it and begins a handshake when there is no session.</summary>
    public TunnelOutput Encapsulate(ReadOnlySpan<byte> packet, Span<byte> buffer, Instant now)
    {
        CheckBuffer(packet.Length, buffer);
        if (_staged is null or { Count: 0 } && TrySeal(packet, buffer, now, out var length))
        {
            Schedule();
            return TunnelOutput.ToNetwork(length);
        }
        Notice(now);
        if (_disposed || (!_mayInitiate && _next is null && !IsConnected(now)))
            return TunnelOutput.Dropped(DropReason.NoSession);
        Stage(packet);
        if (!IsConnected(now))
            RequestHandshake(now);
        return Produce(buffer, now);
    }

    /// <summary>
    /// Seals one packet behind the initiation that waits for its answer. Dropped when there is none or when <see cref="EarlyKey.MostMessages"/>
    /// went before it. Only for a peer that is known to take early data (<see cref="EarlyKey"/>).
    /// </summary>
    public TunnelOutput EncapsulateEarly(ReadOnlySpan<byte> packet, Span<byte> buffer, Instant now)
    {
        CheckBuffer(packet.Length, buffer);
        var length = _current is null && _pending is { } initiation ? initiation.SealEarly(packet, buffer, _psk, Mtu, _padTo) : 0;
        if (length == 0)
            return TunnelOutput.Dropped(DropReason.NoSession);
        Activity.NoteSent(now, length);
        return TunnelOutput.ToNetwork(length);
    }

    /// <summary>
    /// Early data behind the initiation that was accepted last is no replay: its answers go out in the new session, although that has yet
    /// to be confirmed (whitepaper 5.1).
    /// </summary>
    public void AnswerEarly() => _answersEarly = true;

    /// <summary>From now on packets are padded to so many bytes, and keepalives carry this; see <see cref="TunnelOptions"/>.</summary>
    public void Pad(int size, ReadOnlyMemory<byte> keepalive) => (_keepalive, _padTo) = (keepalive, size);

    /// <summary>Seals a keepalive though none is due. Dropped when there is no session.</summary>
    public TunnelOutput KeepAlive(Span<byte> buffer, Instant now)
    {
        CheckBuffer(0, buffer);
        if (!TrySeal(_keepalive.Span, buffer, now, out var length, isData: false))
            return TunnelOutput.Dropped(DropReason.NoSession);
        Schedule();
        return TunnelOutput.ToNetwork(length);
    }

    /// <summary>A response, cookie reply or data message that arrived for this tunnel. Initiations go to <see cref="AcceptInitiation"/>.</summary>
    public TunnelOutput Decapsulate(ReadOnlySpan<byte> datagram, Span<byte> buffer, Instant now)
    {
        if (!Message.TryReadReceiver(datagram, out var index) || !Message.TryReadType(datagram, out var type))
            return TunnelOutput.Dropped(DropReason.Malformed);
        if (!_indices.TryFind(index, out var tunnel, out var session) || tunnel != this)
            return TunnelOutput.Dropped(DropReason.UnknownIndex);
        return type switch
        {
            MessageType.Data => session is null ? TunnelOutput.Dropped(DropReason.UnknownIndex) : Open(session, datagram, buffer, now),
            MessageType.Response => ReadResponse(index, datagram, buffer, now),
            MessageType.CookieReply => ReadCookie(datagram, now),
            _ => TunnelOutput.Dropped(DropReason.Malformed),
        };
    }

    /// <summary>To be called when <see cref="Activity"/> asked for it.</summary>
    public void HandleActivity(Instant now)
    {
        Notice(now);
        // By now the traffic may have disarmed what the pump called for, and will arm it again at once: a look that stays
        // armed whatever passes keeps the pumps from calling for every exchange of packets.
        _lookAt = Instant.Min(_lookAt, now + Limits.KeepaliveTimeout);
        Schedule();
    }

    /// <summary>What happened since the last call, oldest first.</summary>
    public bool TryTakeEvent(out TunnelEvent happened)
    {
        happened = default;
        if (_events is null)
            return false;
        _ = _events.TryDequeue(out happened);
        // Events are rare: between them the queue costs nothing.
        if (_events.Count == 0)
            _events = null;
        return true;
    }

    /// <summary>For the handshakes to come; sessions that stand are not touched. 32 bytes or null for none; not owned.</summary>
    public void SetPresharedKey(SecretBytes? psk) => _psk = psk;

    /// <summary>Wipes all keys and gives all indices back.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        EraseKeys();
        _staged = null;
        NextTimeout = Instant.Never;
    }

    TunnelOutput Open(Session session, ReadOnlySpan<byte> datagram, Span<byte> buffer, Instant now)
    {
        // Nobody has proven anything yet: a datagram may be of any length.
        if (datagram.Length > buffer.Length)
            return TunnelOutput.Dropped(DropReason.Malformed);
        if (!session.IsLive(now))
            return TunnelOutput.Dropped(DropReason.Expired);
        if (!session.MayOpen(Message.ReadCounter(datagram), now))
            return TunnelOutput.Dropped(DropReason.Replay);
        datagram.CopyTo(buffer);
        if (!session.TryOpen(buffer[..datagram.Length], now, out var packet))
            return TunnelOutput.Dropped(DropReason.NotAuthentic);
        if (Activity.NoteReceived(session, now, packet.IsEmpty ? 0 : 1, datagram.Length))
            HandleActivity(now);
        else
            Schedule();
        return packet.IsEmpty ? TunnelOutput.Nothing.Proven() : TunnelOutput.ToTunnel(packet);
    }

    bool TrySeal(ReadOnlySpan<byte> packet, Span<byte> buffer, Instant now, out int length, bool isData = true)
    {
        length = 0;
        if (Sending is not { } session)
            return false;
        length = session.Seal(packet, buffer, now, Mtu, _padTo);
        if (length == 0)
            return false;
        Activity.NoteDataSent(session, now, packet.IsEmpty || !isData ? 0 : 1, length);
        if (session.TakeRekeyWish())
            RequestHandshake(now);
        return true;
    }

    void Stage(ReadOnlySpan<byte> packet)
    {
        _staged ??= new Queue<byte[]>();
        while (_staged.Count >= _stagedLimit && _staged.TryDequeue(out _))
        {
        }
        if (_stagedLimit > 0)
            _staged.Enqueue(packet.ToArray());
    }

    /// <summary>What the pumps saw of the sessions.</summary>
    void Notice(Instant now)
    {
        if (_next is { IsConfirmed: true } confirmed)
            Promote(confirmed, now);
        if (_current is { } session && session.TakeRekeyWish())
            RequestHandshake(now);
    }

    void Promote(Session confirmed, Instant now)
    {
        Retire(_previous);
        _previous = _current;
        _current = confirmed;
        _next = null;
        DropPending();
        Established(confirmed, now);
    }

    void Established(Session session, Instant now)
    {
        _initiateAt = Instant.Never;
        Activity.LastHandshake = now;
        if (_staged is { Count: > 0 })
            _sendAt = now;
        Emit(new TunnelEvent(TunnelEventKind.SessionEstablished, session));
    }

    void EraseKeys()
    {
        Retire(_previous);
        Retire(_next);
        var current = _current;
        (_previous, _next, _current) = (null, null, null);
        Retire(current);
        DropPending();
        _initiateAt = _eraseAt = Instant.Never;
    }

    void Retire(Session? session)
    {
        if (session is null)
            return;
        _indices.Release(session.LocalIndex);
        session.Retire();
    }

    void Emit(TunnelEvent happened)
    {
        _events ??= new Queue<TunnelEvent>();
        // An owner that never asks must not cost memory for ever.
        if (_events.Count == 64)
            _events.Dequeue();
        _events.Enqueue(happened);
    }

    void CheckBuffer(int packet, Span<byte> buffer) => ArgumentOutOfRangeException.ThrowIfLessThan(
        buffer.Length, Math.Max(Math.Max(packet, _padTo) + Message.DataHeaderSize + Message.DataTailroom, Message.InitiationSize), nameof(buffer));
}
