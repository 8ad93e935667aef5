using Macro.Core;

namespace Macro.Linux;

/// <summary>A listening TCP socket, non-blocking.</summary>
public sealed unsafe class StreamListener : ReactorSocket
{
    StreamListener(FileDescriptor descriptor, int family) : base(descriptor, family) { }

    /// <summary>Listens at one address; port 0 takes any free one.</summary>
    /// <exception cref="LinuxException">The port is taken (<see cref="LinuxException.Errno"/> 98), or the kernel refused.</exception>
    public static StreamListener Listen(Endpoint local, SocketOptions? options = null, int backlog = 1024)
    {
        var family = FamilyOf(local.Address);
        if (TryOpen(family, Interop.SOCK_STREAM, Interop.IPPROTO_TCP, options ?? SocketOptions.Default, out var descriptor) != SocketStatus.Ok)
            throw new LinuxException("open a TCP socket", Interop.LastError);
        try
        {
            // Connections of the process before, still waiting out their time, must not keep this one from its port.
            _ = Interop.SetSocketOption(descriptor, Interop.SOL_SOCKET, Interop.SO_REUSEADDR, 1);
            Interop.Check(BindTo(descriptor, family, local), $"listen at {local}");
            Interop.Check(Interop.Listen(descriptor, backlog), $"listen at {local}");
            return new StreamListener(descriptor, family);
        }
        catch
        {
            descriptor.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Takes the next connection. <see cref="SocketStatus.WouldBlock"/>: none waits. <see cref="SocketStatus.Exhausted"/>:
    /// one waits, but there is no descriptor for it, and no readiness will tell when there is.
    /// </summary>
    public SocketStatus TryAccept(out StreamSocket socket)
    {
        socket = null!;
        while (!IsClosed)
        {
            Interop.SocketAddress address = default;
            uint length = Interop.SocketAddress.V6Size;
            var descriptor = Interop.Accept(Descriptor, &address, &length, Interop.SOCK_NONBLOCK | Interop.SOCK_CLOEXEC);
            if (!descriptor.IsInvalid)
            {
                socket = new StreamSocket(descriptor, Family, address.Read());
                return SocketStatus.Ok;
            }
            var errno = Interop.LastError;
            descriptor.Dispose();
            // A connection that broke while it waited is not this socket's failure (accept(2)).
            if (errno is Interop.EINTR or Interop.ECONNABORTED or Interop.EPROTO or Interop.ENETDOWN or Interop.EHOSTDOWN
                or Interop.EHOSTUNREACH or Interop.ENETUNREACH)
                continue;
            return SocketErrors.Status(errno);
        }
        return SocketStatus.Failed;
    }
}
