using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>
/// One pair of transport keys (whitepaper 5.4.5), made by a <see cref="Tunnel"/>. Thread-safe: the fast path of the pump
/// threads. Whoever seals or opens holds it (<see cref="TryAcquire"/>); the keys are wiped when the tunnel has retired it
/// and nobody holds it, so that nothing is ever sealed with a wiped key.
/// </summary>
public sealed class Session
{
    const int Retired = int.MinValue;

    readonly ReplayWindow _window = new();
    ulong _nextCounter;
    int _holders;
    int _confirmed;
    int _rekeyAsked;

    internal Session(Tunnel tunnel, uint localIndex, uint remoteIndex, bool isInitiator, AeadKey send, AeadKey receive, Instant created)
    {
        (Tunnel, LocalIndex, RemoteIndex, IsInitiator) = (tunnel, localIndex, remoteIndex, isInitiator);
        (SendKey, ReceiveKey, Created) = (send, receive, created);
        // The initiator saw the other's proof in the response; the responder waits for the first data (whitepaper 5.1).
        _confirmed = isInitiator ? 1 : 0;
    }

    /// <summary>The tunnel that owns it.</summary>
    public Tunnel Tunnel { get; }

    /// <summary>The index by which the other side addresses us.</summary>
    public uint LocalIndex { get; }

    public uint RemoteIndex { get; }

    /// <summary>True when our initiation began it. Only the initiator renews a session by its age.</summary>
    public bool IsInitiator { get; }

    public Instant Created { get; }

    /// <summary>For batches; only between <see cref="TryAcquire"/> and <see cref="Release"/>.</summary>
    public AeadKey SendKey { get; }

    /// <inheritdoc cref="SendKey"/>
    public AeadKey ReceiveKey { get; }

    internal bool IsConfirmed => Volatile.Read(ref _confirmed) != 0;

    internal bool IsRetired => Volatile.Read(ref _holders) < 0;

    /// <summary>Counters given out so far.</summary>
    internal ulong Sent
    {
        get => Volatile.Read(ref _nextCounter);
        set => Volatile.Write(ref _nextCounter, value);
    }

    /// <summary>Pins the keys. False when the session was retired. Every success needs one <see cref="Release"/>.</summary>
    public bool TryAcquire()
    {
        var holders = Volatile.Read(ref _holders);
        while (holders >= 0)
        {
            var seen = Interlocked.CompareExchange(ref _holders, holders + 1, holders);
            if (seen == holders)
                return true;
            holders = seen;
        }
        return false;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) == Retired)
            Wipe();
    }

    /// <summary>No new holders; the keys go with the last one.</summary>
    internal void Retire()
    {
        if (Interlocked.Or(ref _holders, Retired) == 0)
            Wipe();
    }

    /// <summary>
    /// Takes the next counter and writes the 16 bytes before the sealed packet. False when the session is older than
    /// REJECT_AFTER_TIME, out of counters or retired: the packet goes to <see cref="Tunnel.Encapsulate"/>.
    /// </summary>
    public bool TryPrepareSeal(Span<byte> header16, Instant now, out ulong counter)
    {
        counter = 0;
        // Looked at before counting: a session that is used on and on past its end must not wrap round.
        if (!IsLive(now) || Sent >= Limits.RejectAfterMessages)
            return false;
        counter = Interlocked.Increment(ref _nextCounter) - 1;
        if (counter >= Limits.RejectAfterMessages)
            return false;
        Message.WriteData(header16, RemoteIndex, counter);
        return true;
    }

    /// <summary>Cheap look before the AEAD: limits, age and window. True promises nothing.</summary>
    public bool MayOpen(ulong counter, Instant now) =>
        counter < Limits.RejectAfterMessages && IsLive(now) && _window.MayAccept(counter);

    /// <summary>After authentication: true once per counter, false for a replay or one that fell out of the window.</summary>
    public bool TryAccept(ulong counter)
    {
        lock (_window)
            return _window.TryAccept(counter);
    }

    /// <summary>
    /// Pads and seals one packet. <paramref name="datagram"/> needs room for the packet and <see cref="Message.DataOverhead"/>
    /// + 15 bytes; an empty packet is a keepalive. Returns the datagram's length, 0 when the session cannot send any more.
    /// </summary>
    /// <param name="least">Bytes up to which even a shorter packet is padded.</param>
    public int Seal(ReadOnlySpan<byte> packet, Span<byte> datagram, Instant now, int mtu, int least = 0)
    {
        var padded = Math.Max(Message.PaddedLength(packet.Length, mtu), least);
        var length = padded + Message.DataOverhead;
        ArgumentOutOfRangeException.ThrowIfLessThan(datagram.Length, length);
        if (!TryAcquire())
            return 0;
        try
        {
            if (!TryPrepareSeal(datagram, now, out var counter))
                return 0;
            var text = datagram.Slice(Message.DataHeaderSize, padded);
            packet.CopyTo(text);
            text[packet.Length..].Clear();
            SendKey.Seal(counter, text, datagram.Slice(Message.DataHeaderSize + padded, Message.TagSize));
            return length;
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Opens one data message in place, once. The plaintext still has its padding; it is empty for a keepalive.</summary>
    public bool TryOpen(Span<byte> datagram, Instant now, out Span<byte> plaintext)
    {
        plaintext = default;
        if (datagram.Length < Message.DataOverhead)
            return false;
        var counter = Message.ReadCounter(datagram);
        if (!MayOpen(counter, now) || !TryAcquire())
            return false;
        try
        {
            var text = datagram[Message.DataHeaderSize..^Message.TagSize];
            if (!ReceiveKey.TryOpen(counter, text, datagram[^Message.TagSize..]) || !TryAccept(counter))
                return false;
            plaintext = text;
            return true;
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Young enough to seal and open, and not retired.</summary>
    internal bool IsLive(Instant now) => now - Created < Limits.RejectAfterTime && !IsRetired;

    /// <summary>True for the first data on a session that we answered: the owner must promote it.</summary>
    internal bool Confirm() => !IsConfirmed && Interlocked.Exchange(ref _confirmed, 1) == 0;

    /// <summary>After sending: time for a new handshake? True once in the life of a session.</summary>
    internal bool AskRekeyAfterSending(Instant now) =>
        ((IsInitiator && now - Created >= Limits.RekeyAfterTime) || Sent > Limits.RekeyAfterMessages) && AskRekey();

    /// <summary>After receiving: an initiator with nothing to send renews before the session dies. True once in the life of a session.</summary>
    internal bool AskRekeyAfterReceiving(Instant now) => IsInitiator && now - Created >= Limits.LastMinuteTime && AskRekey();

    /// <summary>Somebody asked for a new handshake and the owner has not taken the wish yet.</summary>
    internal bool TakeRekeyWish() => Volatile.Read(ref _rekeyAsked) == 1 && Interlocked.CompareExchange(ref _rekeyAsked, 2, 1) == 1;

    bool AskRekey() => Volatile.Read(ref _rekeyAsked) == 0 && Interlocked.CompareExchange(ref _rekeyAsked, 1, 0) == 0;

    void Wipe()
    {
        SendKey.Dispose();
        ReceiveKey.Dispose();
    }
}
