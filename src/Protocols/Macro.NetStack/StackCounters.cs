namespace Macro.NetStack;

/// <summary>Totals of one stack since it was made; nothing in them tells who, when or where to.</summary>
public sealed class StackCounters
{
    /// <summary>Packets that came, and their bytes.</summary>
    public long ReceivedPackets { get; internal set; }

    public long ReceivedBytes { get; internal set; }

    /// <summary>Packets that left, and their bytes.</summary>
    public long SentPackets { get; internal set; }

    public long SentBytes { get; internal set; }

    /// <summary>Not a whole IP packet, or a header in it that is cut short or makes no sense.</summary>
    public long Malformed { get; internal set; }

    /// <summary>A checksum does not fit.</summary>
    public long BadChecksum { get; internal set; }

    /// <summary>A source that can send nothing, a destination that is not ours, or a source route.</summary>
    public long BadAddress { get; internal set; }

    /// <summary>A protocol other than TCP, UDP and ICMP, or an extension header that must be understood and is not.</summary>
    public long UnknownProtocol { get; internal set; }

    /// <summary>Packets put together from fragments.</summary>
    public long Reassembled { get; internal set; }

    /// <summary>Fragments dropped: overlapping, too many, too late, not aligned.</summary>
    public long FragmentsDropped { get; internal set; }

    /// <summary>TCP segments that belong to no connection.</summary>
    public long UnknownSegments { get; internal set; }

    /// <summary>UDP datagrams for a port that nobody has.</summary>
    public long UnknownDatagrams { get; internal set; }

    /// <summary>Resets sent in answer to segments of no connection.</summary>
    public long ResetsSent { get; internal set; }

    /// <summary>ICMP errors sent.</summary>
    public long ErrorsSent { get; internal set; }

    /// <summary>ICMP errors, echo replies and resets not sent because there were too many.</summary>
    public long Suppressed { get; internal set; }

    /// <summary>ICMP errors about something that we never sent.</summary>
    public long ForeignErrors { get; internal set; }

    /// <summary>Half-open connections dropped to make room.</summary>
    public long HalfOpenDropped { get; internal set; }

    /// <summary>Connections given up because their far end held most of the memory when none was left for others.</summary>
    public long Relieved { get; internal set; }

    /// <summary>Connections refused for want of room, incoming and outgoing.</summary>
    public long ConnectionsRefused { get; internal set; }

    /// <summary>UDP datagrams and ICMP messages not sent for want of room.</summary>
    public long QueueDropped { get; internal set; }
}
