using Macro.Core;

namespace Macro.NetStack;

/// <summary>A connection in the table of a stack, and its places in the lists there.</summary>
sealed class HeldConnection(TcpHost host, TcpConnection connection, uint firstSequence) : IDeadline, ITcpOwner
{
    public TcpConnection Connection => connection;

    /// <summary>Sequence number of the SYN that it began with.</summary>
    public uint FirstSequence => firstSequence;

    /// <summary>Came from outside, and the shell has not decided yet.</summary>
    public bool AwaitsDecision { get; set; }

    /// <summary>What the deadlines hold; the connection's own deadline may be later, never earlier.</summary>
    public Instant WakesAt { get; set; } = Instant.Never;

    public bool IsInTable { get; set; } = true;

    /// <summary>Stands in the ring of those that want to transmit.</summary>
    public bool IsQueued { get; set; }
    public HeldConnection? NextQueued { get; set; }

    /// <summary>Stands among those that the shell is to look at.</summary>
    public bool IsReady { get; set; }
    public HeldConnection? NextReady { get; set; }

    /// <summary>The list by age that it stands in: of the half-open, of those in TIME-WAIT, or none.</summary>
    public AgeList? List { get; set; }
    public HeldConnection? Older { get; set; }
    public HeldConnection? Younger { get; set; }

    int IDeadline.Place { get; set; }

    void ITcpOwner.Schedule(TcpConnection touched) => host.Touch(this);
}
