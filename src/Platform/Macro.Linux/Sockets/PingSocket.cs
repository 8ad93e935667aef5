using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// ICMP echo without rights (net.ipv4.ping_group_range allows it by group). What is sent and received are whole ICMP
/// messages; the kernel puts its own identifier into each request (the port of <see cref="ReactorSocket.Local"/>), its own
/// checksum too, and delivers only the answers to this socket. Ports of endpoints mean nothing here.
/// </summary>
public sealed class PingSocket : MessageSocket
{
    PingSocket(FileDescriptor descriptor, int family) : base(descriptor, family) { }

    /// <summary><see cref="SocketStatus.Prohibited"/> where the system does not allow it.</summary>
    public static SocketStatus TryOpen(bool v4, SocketOptions? options, out PingSocket socket)
    {
        socket = null!;
        var family = v4 ? Interop.AF_INET : Interop.AF_INET6;
        var protocol = v4 ? Interop.IPPROTO_ICMP : Interop.IPPROTO_ICMPV6;
        var status = TryOpen(family, Interop.SOCK_DGRAM, protocol, options ?? SocketOptions.Default, out var descriptor);
        if (status != SocketStatus.Ok)
            return status;
        // Bound at once, so that the identifier is known before the first request.
        if (BindTo(descriptor, family, new Endpoint(v4 ? IpAddress.V4Any : IpAddress.V6Any, 0)) < 0)
            return Refuse(ref descriptor);
        socket = new PingSocket(descriptor, family);
        return SocketStatus.Ok;
    }
}
