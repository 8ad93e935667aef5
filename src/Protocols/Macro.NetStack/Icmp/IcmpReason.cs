namespace Macro.NetStack;

/// <summary>Why a packet did not get where it wanted, in words that ICMP (RFC 792, RFC 1812) and ICMPv6 (RFC 4443) share.</summary>
public enum IcmpReason
{
    /// <summary>Nothing to report.</summary>
    None,

    /// <summary>No route to the network.</summary>
    NoRoute,

    /// <summary>The host does not answer.</summary>
    HostUnreachable,

    /// <summary>Nothing listens at the port.</summary>
    PortUnreachable,

    /// <summary>The host does not speak the protocol.</summary>
    ProtocolUnreachable,

    /// <summary>A policy forbids it.</summary>
    Prohibited,

    /// <summary>Too large for the next link and not to be fragmented.</summary>
    PacketTooBig,

    /// <summary>The TTL ran out on the way.</summary>
    TimeExceeded,

    /// <summary>The fragments of the packet did not all come in time.</summary>
    ReassemblyTimeExceeded,

    /// <summary>A header field made no sense to somebody.</summary>
    ParameterProblem,
}
