using Macro.Core;

namespace Macro.Circuits;

/// <summary>A packet that waits to be sent. Its bytes are the caller's: the scheduler only moves the handle.</summary>
public readonly record struct QueuedPacket
{
    /// <summary>Whatever lets the caller find the bytes again.</summary>
    public long Handle { get; init; }

    /// <summary>1 and up, as they load the link.</summary>
    public int Bytes { get; init; }

    /// <summary>Small, and so rather a call or a keystroke than a download: it goes before the others of its queue.</summary>
    public bool IsSmall { get; init; }

    /// <summary>It may be marked instead of dropped (ECT, or a frame that can carry the mark).</summary>
    public bool EcnCapable { get; init; }

    /// <summary>Congestion was experienced here: the caller marks the packet before it sends it.</summary>
    public bool Marked { get; init; }

    /// <summary>When it was queued.</summary>
    public Instant Since { get; init; }
}
