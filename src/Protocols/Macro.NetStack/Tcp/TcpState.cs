namespace Macro.NetStack;

/// <summary>The states of a TCP connection (RFC 9293 3.3.2). LISTEN is the Stack's: a connection begins with a SYN.</summary>
public enum TcpState : byte
{
    Closed,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}
