namespace Macro.Circuits;

/// <summary>What an exit does with a packet or a flow. Everything but <see cref="Accept"/> is dropped and counted.</summary>
public enum ExitVerdict
{
    Accept,

    /// <summary>Not one whole IP packet with a whole transport header.</summary>
    Malformed,

    /// <summary>A protocol other than TCP, UDP and ICMP, or an ICMP message other than an echo request or an error.</summary>
    UnsupportedProtocol,

    /// <summary>A source route or an IPv6 routing header: the packet would go elsewhere than its destination says.</summary>
    SourceRouted,

    /// <summary>A fragment that could change what was judged when the packet is put together.</summary>
    UnsafeFragment,

    /// <summary>The destination is one of the exit's own addresses.</summary>
    OwnAddress,

    /// <summary>The destination lies in a range that no exit reaches.</summary>
    DeniedRange,

    /// <summary>A port that no exit reaches: SMTP.</summary>
    DeniedPort,

    /// <summary>The operator's rules say no.</summary>
    DeniedByRule,
}
