namespace Macro.Circuits;

/// <summary>Totals since start; nothing in them tells who, when or where to. Written by the owner thread.</summary>
public sealed class RelayCounters
{
    /// <summary>Handshakes answered.</summary>
    public long Handshakes { get; internal set; }

    /// <summary>Cookie replies sent while under load.</summary>
    public long Cookies { get; internal set; }

    /// <summary>Initiations and messages above a rate limit.</summary>
    public long RateLimited { get; internal set; }

    /// <summary>Initiations whose MAC1 fitted but whose contents did not.</summary>
    public long Forged { get; internal set; }

    /// <summary>Clients turned away: not serving, or full.</summary>
    public long Refused { get; internal set; }

    /// <summary>Datagrams and control messages that are not what they claim.</summary>
    public long Malformed { get; internal set; }

    /// <summary>Messages for a key or an index that is not ours.</summary>
    public long Unknown { get; internal set; }

    /// <summary>Messages for a channel that does not exist or is not open yet.</summary>
    public long Unroutable { get; internal set; }
}

/// <summary>Under load: more handshakes in the current second than a core should spend on strangers. Lasts one second beyond.</summary>
sealed class HandshakeLoad
{
    const int PerSecond = 500;
    Macro.Core.Instant _windowStart, _loadedUntil;
    int _count;

    public bool Note(Macro.Core.Instant now)
    {
        if (now - _windowStart >= TimeSpan.FromSeconds(1))
            (_windowStart, _count) = (now, 0);
        if (++_count > PerSecond)
            _loadedUntil = now + TimeSpan.FromSeconds(1);
        return now < _loadedUntil;
    }
}
