using Macro.Core;

namespace Macro.Linux;

/// <summary>A UDP socket of one family, non-blocking.</summary>
public sealed class DatagramSocket : MessageSocket
{
    DatagramSocket(FileDescriptor descriptor, int family) : base(descriptor, family) { }

    /// <summary>Binds an address; port 0 takes any free one, at random.</summary>
    public static SocketStatus TryBind(Endpoint local, SocketOptions? options, out DatagramSocket socket)
    {
        socket = null!;
        options ??= SocketOptions.Default;
        var family = FamilyOf(local.Address);
        var status = TryOpen(family, Interop.SOCK_DGRAM, 0, options, out var descriptor);
        if (status != SocketStatus.Ok)
            return status;
        if (options.SendBuffer > 0)
            _ = Interop.SetSocketOption(descriptor, Interop.SOL_SOCKET, Interop.SO_SNDBUF, options.SendBuffer);
        if (options.ReceiveBuffer > 0)
            _ = Interop.SetSocketOption(descriptor, Interop.SOL_SOCKET, Interop.SO_RCVBUF, options.ReceiveBuffer);
        if (BindTo(descriptor, family, local) < 0)
            return Refuse(ref descriptor);
        socket = new DatagramSocket(descriptor, family);
        return SocketStatus.Ok;
    }
}
