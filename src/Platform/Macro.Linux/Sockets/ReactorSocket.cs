using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// A non-blocking socket that a <see cref="Reactor"/> can watch. It has one owner at a time, who calls and disposes it
/// under the lock that also guards its reactor; closing it ends the watch, and no readiness comes after that.
/// </summary>
public abstract class ReactorSocket : IDisposable
{
    private protected ReactorSocket(FileDescriptor descriptor, int family) => (Descriptor, Family) = (descriptor, family);

    internal FileDescriptor Descriptor { get; }

    internal int Family { get; }

    /// <summary>The reactor that watches, and the place in its table.</summary>
    internal Reactor? Watcher { get; set; }

    internal int WatchSlot { get; set; }

    public bool IsClosed => Descriptor.IsClosed;

    /// <summary>The address and port of this end; none when the socket is closed.</summary>
    public Endpoint Local => ReadLocal();

    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    private protected void Close()
    {
        Watcher?.Forget(this);
        Descriptor.Dispose();
    }

    /// <summary>The error that waits at the socket, taken from it.</summary>
    private protected unsafe SocketStatus ReadError()
    {
        int errno;
        uint length = sizeof(int);
        return SocketErrors.Status(Interop.GetSocketOption(Descriptor, Interop.SOL_SOCKET, Interop.SO_ERROR, &errno, &length) < 0 ? Interop.LastError : errno);
    }

    internal static int FamilyOf(IpAddress address) => address.IsV4 ? Interop.AF_INET : Interop.AF_INET6;

    /// <summary>Opens a non-blocking socket with the mark that the options ask for.</summary>
    internal static SocketStatus TryOpen(int family, int type, int protocol, SocketOptions options, out FileDescriptor descriptor)
    {
        descriptor = Interop.Socket(family, type | Interop.SOCK_NONBLOCK | Interop.SOCK_CLOEXEC, protocol);
        if (descriptor.IsInvalid)
            return Refuse(ref descriptor);
        // An IPv6 socket never carries IPv4: who checked an address must not reach another through a mapped one.
        if (family == Interop.AF_INET6)
            _ = Interop.SetSocketOption(descriptor, Interop.IPPROTO_IPV6, Interop.IPV6_V6ONLY, 1);
        if (options.Mark != 0 && Interop.SetSocketOption(descriptor, Interop.SOL_SOCKET, Interop.SO_MARK, (int)options.Mark) < 0)
            return Refuse(ref descriptor);
        return SocketStatus.Ok;
    }

    internal static unsafe int BindTo(FileDescriptor descriptor, int family, Endpoint local)
    {
        Interop.SocketAddress address = default;
        address.Write(local, family);
        return Interop.Bind(descriptor, &address, Interop.SocketAddress.SizeOf(family));
    }

    /// <summary>Closes a socket whose making failed and says why it did.</summary>
    internal static SocketStatus Refuse(ref FileDescriptor descriptor)
    {
        var status = SocketErrors.Status(Interop.LastError);
        descriptor.Dispose();
        descriptor = null!;
        return status;
    }

    unsafe Endpoint ReadLocal()
    {
        if (IsClosed)
            return default;
        Interop.SocketAddress address = default;
        uint length = Interop.SocketAddress.V6Size;
        return Interop.GetSocketName(Descriptor, &address, &length) == 0 ? address.Read() : default;
    }
}
