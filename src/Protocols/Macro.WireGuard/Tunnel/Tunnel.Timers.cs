using Macro.Core;

namespace Macro.WireGuard;

/// <summary>
/// The timers of whitepaper section 6. Those that traffic moves are computed from <see cref="Activity"/>; the others are fields.
/// </summary>
public sealed partial class Tunnel
{
    TimeSpan _persistentKeepalive;
    TimeSpan _unansweredJitter;

    /// <summary>The first try or the next one of a handshake.</summary>
    Instant _initiateAt = Instant.Never;

    /// <summary>Staged packets can leave.</summary>
    Instant _sendAt = Instant.Never;

    /// <summary>A keepalive that does not depend on traffic: after a handshake, or when persistent keepalives begin.</summary>
    Instant _keepaliveAt = Instant.Never;

    Instant _eraseAt = Instant.Never;

    /// <summary>A look at the traffic that the pumps asked for.</summary>
    Instant _lookAt = Instant.Never;
    Instant _lastPersistent;

    /// <summary>When <see cref="HandleTimeout"/> wants to be called; <see cref="Instant.Never"/> when idle.</summary>
    public Instant NextTimeout { get; private set; } = Instant.Never;

    /// <summary>Zero is off. When it was off, a keepalive goes out at once.</summary>
    public void SetPersistentKeepalive(TimeSpan interval, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(interval, TimeSpan.Zero);
        if (_persistentKeepalive == TimeSpan.Zero && interval > TimeSpan.Zero)
            _keepaliveAt = now;
        _persistentKeepalive = interval;
        Schedule();
    }

    /// <summary>One datagram that is due: initiation, keepalive or staged packet. Repeat until nothing.</summary>
    public TunnelOutput HandleTimeout(Span<byte> buffer, Instant now)
    {
        CheckBuffer(0, buffer);
        return Produce(buffer, now);
    }

    TunnelOutput Produce(Span<byte> buffer, Instant now)
    {
        if (_disposed)
            return TunnelOutput.Nothing;
        Notice(now);
        ExpireSilently(now);
        var length = 0;
        var any = TryInitiate(buffer, now, ref length) || TrySendStaged(buffer, now, ref length) || TryKeepAlive(buffer, now, ref length);
        Schedule();
        return any ? TunnelOutput.ToNetwork(length) : TunnelOutput.Nothing;
    }

    /// <summary>Timers whose effect is not a datagram.</summary>
    void ExpireSilently(Instant now)
    {
        if (now >= _lookAt)
            _lookAt = Instant.Never;
        if (now >= _eraseAt)
        {
            var trying = _initiateAt;
            EraseKeys();
            _initiateAt = trying;
            if (trying == Instant.Never)
                _staged = null;
            Emit(new TunnelEvent(TunnelEventKind.KeysErased));
        }
        if (now >= _initiateAt && now - _attemptsSince >= Limits.RekeyAttemptTime)
            GiveUp(now);
        if (now >= UnansweredDeadline())
        {
            Activity.ClearUnanswered();
            DrawUnansweredJitter();
            RequestHandshake(now);
        }
    }

    void GiveUp(Instant now)
    {
        DropPending();
        _initiateAt = Instant.Never;
        _staged?.Clear();
        Activity.ClearKeepaliveOwed();
        if (_eraseAt == Instant.Never && (_current ?? _previous ?? _next) is not null)
            _eraseAt = now + Limits.EraseAfterTime;
        Emit(new TunnelEvent(TunnelEventKind.HandshakeFailed));
    }

    bool TryInitiate(Span<byte> buffer, Instant now, ref int length) =>
        now >= _initiateAt && TryWriteInitiation(buffer, now, out length);

    bool TrySendStaged(Span<byte> buffer, Instant now, ref int length)
    {
        _sendAt = Instant.Never;
        while (_staged is { Count: > 0 } && _current is { } session && session.IsLive(now))
        {
            var packet = _staged.Dequeue();
            CheckBuffer(packet.Length, buffer);
            if (!TrySeal(packet, buffer, now, out length))
                break;
            if (_staged.Count > 0)
                _sendAt = now;
            _keepaliveAt = Instant.Never;
            return true;
        }
        return false;
    }

    bool TryKeepAlive(Span<byte> buffer, Instant now, ref int length)
    {
        var persistent = now >= PersistentDeadline();
        if (!persistent && now < _keepaliveAt && now < OwedDeadline())
            return false;
        _keepaliveAt = Instant.Never;
        if (persistent)
            _lastPersistent = now;
        if (TrySeal(_keepalive.Span, buffer, now, out length, isData: false))
            return true;
        Activity.ClearKeepaliveOwed();
        RequestHandshake(now);
        return TryInitiate(buffer, now, ref length);
    }

    /// <summary>
    /// Publishes when we next look, then computes once more: whoever noted something in between either saw the published
    /// moment or is seen here.
    /// </summary>
    void Schedule()
    {
        if (_disposed)
            return;
        do
        {
            NextTimeout = Earliest();
            Activity.NextLook = NextTimeout;
        }
        while (Earliest() < NextTimeout);
    }

    Instant Earliest()
    {
        var earliest = Instant.Min(Instant.Min(_initiateAt, _sendAt), Instant.Min(_keepaliveAt, _eraseAt));
        earliest = Instant.Min(earliest, _lookAt);
        return Instant.Min(Instant.Min(earliest, UnansweredDeadline()), Instant.Min(OwedDeadline(), PersistentDeadline()));
    }

    Instant OwedDeadline() =>
        Activity.KeepaliveOwedSince is { Ticks: not 0 } since ? since + Limits.KeepaliveTimeout : Instant.Never;

    Instant UnansweredDeadline() => Activity.UnansweredSince is { Ticks: not 0 } since
        ? since + Limits.UnansweredTime + _unansweredJitter
        : Instant.Never;

    Instant PersistentDeadline() => _persistentKeepalive > TimeSpan.Zero && (_mayInitiate || _current is not null)
        ? Instant.Max(_lastPersistent, Instant.Max(Activity.LastSent, Activity.LastReceived)) + _persistentKeepalive
        : Instant.Never;

    void DrawUnansweredJitter() => _unansweredJitter = _random.NextTime(Limits.RekeyJitter);
}
