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

    /// <summary>Handshakes behind which early data came.</summary>
    public long Early { get; internal set; }

    /// <summary>Early data that had come before.</summary>
    public long Replayed { get; internal set; }

    /// <summary>Clients turned away: not serving, or full.</summary>
    public long Refused { get; internal set; }

    /// <summary>Datagrams and control messages that are not what they claim.</summary>
    public long Malformed { get; internal set; }

    /// <summary>Messages for a key or an index that is not ours.</summary>
    public long Unknown { get; internal set; }

    /// <summary>Messages for a channel that does not exist or is not open yet.</summary>
    public long Unroutable { get; internal set; }
}
