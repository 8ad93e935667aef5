using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// Asks the kernel whether packets to an address would come back to this machine: it then chooses that very address as their
/// source. Sees addresses that the machine got a moment ago. Sends nothing; two system calls, and nothing allocated.
/// </summary>
public sealed unsafe class RouteProbe : IDisposable
{
    readonly FileDescriptor? _v4, _v6;

    /// <param name="options">Those of the sockets in whose place it asks: a mark may change the route.</param>
    public RouteProbe(SocketOptions options)
    {
        _v4 = Open(Interop.AF_INET, options);
        _v6 = Open(Interop.AF_INET6, options);
    }

    /// <summary>The address is this machine's own. False too when there is no route to it.</summary>
    public bool LeadsHere(IpAddress target)
    {
        if ((target.IsV4 ? _v4 : _v6) is not { } socket)
            return false;
        var family = ReactorSocket.FamilyOf(target);
        Interop.SocketAddress address = default;
        address.Write(new Endpoint(target, 9), family);
        if (Interop.Connect(socket, &address, Interop.SocketAddress.SizeOf(family)) < 0)
            return false;
        uint length = Interop.SocketAddress.V6Size;
        return Interop.GetSocketName(socket, &address, &length) == 0 && address.Read().Address == target;
    }

    public void Dispose()
    {
        _v4?.Dispose();
        _v6?.Dispose();
    }

    static FileDescriptor? Open(int family, SocketOptions options) =>
        ReactorSocket.TryOpen(family, Interop.SOCK_DGRAM, 0, options, out var socket) == SocketStatus.Ok ? socket : null;
}
