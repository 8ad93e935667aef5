using Macro.Core;

namespace Macro.Linux;

/// <summary>How a UDP port is opened.</summary>
public sealed record UdpOptions
{
    /// <summary>The one address to listen at and to send from; null: all addresses of both families.</summary>
    public IpAddress? Address { get; init; }

    /// <summary>Bytes of each of the two socket buffers, where the kernel grants them.</summary>
    public int SocketBuffer { get; init; } = 7 * 1024 * 1024;

    /// <summary>Mark of the packets sent, for policy routing; 0 for none. Needs CAP_NET_ADMIN.</summary>
    public uint Mark { get; init; }

    /// <summary>
    /// Datagrams leave as ECT(0): a router that is full may mark instead of drop. Only where the far end hands marks inward (RFC 6040).
    /// </summary>
    public bool EcnCapable { get; init; }

    /// <summary>Segmentation on sending and joined receiving (UDP_SEGMENT, UDP_GRO), where the kernel has them.</summary>
    public bool Offload { get; init; } = true;
}
