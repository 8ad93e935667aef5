namespace Macro.NetStack;

/// <summary>Why a connection did not come up, or ended before its time.</summary>
public enum TcpFailure : byte
{
    None,

    /// <summary>The peer answered the SYN with a reset.</summary>
    Refused,

    /// <summary>The peer reset an established connection.</summary>
    Reset,

    /// <summary>The peer did not answer, or stopped acknowledging, for the user time-out.</summary>
    TimedOut,

    /// <summary>ICMP: no way to the network or host.</summary>
    Unreachable,

    /// <summary>ICMP: a filter or policy refuses.</summary>
    Prohibited,

    /// <summary>This side gave the connection up with <see cref="TcpConnection.Abort"/>.</summary>
    Aborted,

    /// <summary>The memory budget did not allow another connection.</summary>
    OutOfMemory,
}
