using Macro.Core;

namespace Macro.WireGuard;

/// <summary>
/// What passed through a tunnel and when: written by the pumps with atomics, read by the timers of the <see cref="Tunnel"/>.
/// No timer is armed per packet. The owner publishes when it will next look; a pump calls for it only when the packet needs
/// an earlier look, which is at most once in ten seconds.
/// </summary>
public sealed class Activity
{
    long _bytesSent, _bytesReceived;
    long _lastSent, _lastReceived, _lastHandshake;
    long _unansweredSince, _keepaliveOwedSince;
    long _nextLook = long.MaxValue;

    /// <summary>Whether silence after our data is a reason for anything: not on a side that may not initiate.</summary>
    readonly bool _expectsAnswers;

    internal Activity(bool expectsAnswers) => _expectsAnswers = expectsAnswers;

    /// <summary>UDP payload bytes, handshakes included.</summary>
    public long BytesSent => Volatile.Read(ref _bytesSent);

    /// <inheritdoc cref="BytesSent"/>
    public long BytesReceived => Volatile.Read(ref _bytesReceived);

    /// <summary>When the newest session was proven by the other side; <c>default</c> when never.</summary>
    public Instant LastHandshake
    {
        get => new(Volatile.Read(ref _lastHandshake));
        internal set => Volatile.Write(ref _lastHandshake, value.Ticks);
    }

    /// <summary>Last authenticated datagram from the other side; <c>default</c> when none.</summary>
    public Instant LastReceived => new(Volatile.Read(ref _lastReceived));

    /// <summary>Last datagram to the other side that it can authenticate; <c>default</c> when none.</summary>
    public Instant LastSent => new(Volatile.Read(ref _lastSent));

    /// <summary>First data sent since the other side was last heard; <c>default</c> when all is answered.</summary>
    internal Instant UnansweredSince => new(Volatile.Read(ref _unansweredSince));

    /// <summary>First data received since we last sent; <c>default</c> when nothing is owed.</summary>
    internal Instant KeepaliveOwedSince => new(Volatile.Read(ref _keepaliveOwedSince));

    /// <summary>When the owner will next look at the timers.</summary>
    internal Instant NextLook
    {
        get => new(Volatile.Read(ref _nextLook));
        set => Interlocked.Exchange(ref _nextLook, value.Ticks);
    }

    /// <summary>
    /// Data was sealed with this session and sent. True (rarely) when the owner thread must call
    /// <see cref="Tunnel.HandleActivity"/> soon: a timer must be armed, or the session wants renewal.
    /// </summary>
    /// <param name="packets">Data packets, keepalives not counted.</param>
    /// <param name="bytes">UDP payload bytes.</param>
    public bool NoteDataSent(Session session, Instant now, int packets, long bytes)
    {
        ArgumentNullException.ThrowIfNull(session);
        NoteSent(now, bytes);
        var call = packets > 0 && _expectsAnswers && Begin(ref _unansweredSince, now) && NextLook > now + Limits.UnansweredTime;
        return session.AskRekeyAfterSending(now) | call;
    }

    /// <summary>
    /// Authenticated datagrams came in on this session. True (rarely) when the owner thread must call
    /// <see cref="Tunnel.HandleActivity"/> soon: a timer must be armed, the session is proven, or it wants renewal.
    /// </summary>
    /// <param name="dataPackets">0 when there were only keepalives.</param>
    /// <param name="bytes">UDP payload bytes.</param>
    public bool NoteReceived(Session session, Instant now, int dataPackets, long bytes)
    {
        ArgumentNullException.ThrowIfNull(session);
        NoteReceived(now, bytes);
        var call = dataPackets > 0 && Begin(ref _keepaliveOwedSince, now) && NextLook > now + Limits.KeepaliveTimeout;
        return session.Confirm() | session.AskRekeyAfterReceiving(now) | call;
    }

    /// <summary>A handshake message or a keepalive.</summary>
    internal void NoteSent(Instant now, long bytes)
    {
        Interlocked.Add(ref _bytesSent, bytes);
        Volatile.Write(ref _lastSent, now.Ticks);
        if (Volatile.Read(ref _keepaliveOwedSince) != 0)
            Volatile.Write(ref _keepaliveOwedSince, 0);
    }

    /// <summary>Any authenticated message.</summary>
    internal void NoteReceived(Instant now, long bytes)
    {
        Interlocked.Add(ref _bytesReceived, bytes);
        Volatile.Write(ref _lastReceived, now.Ticks);
        if (Volatile.Read(ref _unansweredSince) != 0)
            Volatile.Write(ref _unansweredSince, 0);
    }

    /// <summary>A cookie reply: counted, but no proof that the peer is there.</summary>
    internal void NoteUnprovenReceived(long bytes) => Interlocked.Add(ref _bytesReceived, bytes);

    internal void ClearUnanswered() => Volatile.Write(ref _unansweredSince, 0);

    internal void ClearKeepaliveOwed() => Volatile.Write(ref _keepaliveOwedSince, 0);

    // The exchange is a full fence between writing this moment and reading NextLook; the owner does the mirror image.
    static bool Begin(ref long since, Instant now) =>
        Volatile.Read(ref since) == 0 && Interlocked.CompareExchange(ref since, now.Ticks, 0) == 0;
}
