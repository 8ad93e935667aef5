using Macro.Core;

namespace Macro.Linux;

/// <summary>One TCP connection of the kernel, non-blocking: spans in, a status and a count out, nothing allocated.</summary>
public sealed unsafe class StreamSocket : ReactorSocket
{
    internal StreamSocket(FileDescriptor descriptor, int family, Endpoint remote) : base(descriptor, family)
    {
        Remote = remote;
        // Whoever writes here passes on what somebody else has already gathered.
        _ = Interop.SetSocketOption(descriptor, Interop.IPPROTO_TCP, Interop.TCP_NODELAY, 1);
    }

    public Endpoint Remote { get; }

    /// <summary>
    /// Begins to connect. <see cref="SocketStatus.Ok"/>: the socket becomes writable when it is known how that ended, and
    /// <see cref="TakeError"/> tells. Any other status: no socket was made.
    /// </summary>
    public static SocketStatus TryConnect(Endpoint remote, SocketOptions? options, out StreamSocket socket)
    {
        socket = null!;
        options ??= SocketOptions.Default;
        var family = FamilyOf(remote.Address);
        var status = TryOpen(family, Interop.SOCK_STREAM, Interop.IPPROTO_TCP, options, out var descriptor);
        if (status != SocketStatus.Ok)
            return status;
        if (options.SendBuffer > 0)
            _ = Interop.SetSocketOption(descriptor, Interop.SOL_SOCKET, Interop.SO_SNDBUF, options.SendBuffer);
        if (options.ReceiveBuffer > 0)
            _ = Interop.SetSocketOption(descriptor, Interop.SOL_SOCKET, Interop.SO_RCVBUF, options.ReceiveBuffer);
        Interop.SocketAddress address = default;
        address.Write(remote, family);
        // Interrupted by a signal, connecting goes on all the same.
        if (Interop.Connect(descriptor, &address, Interop.SocketAddress.SizeOf(family)) < 0
            && Interop.LastError is not (Interop.EINPROGRESS or Interop.EINTR))
            return Refuse(ref descriptor);
        socket = new StreamSocket(descriptor, family, remote);
        return SocketStatus.Ok;
    }

    /// <summary>Reads what is there, up to the room given. <see cref="SocketStatus.End"/> at the end of the stream.</summary>
    public SocketStatus TryReceive(Span<byte> room, out int count)
    {
        count = 0;
        if (IsClosed)
            return SocketStatus.Reset;
        fixed (byte* at = room)
        {
            while (true)
            {
                var got = Interop.Receive(Descriptor, at, (nuint)room.Length, 0);
                if (got > 0 || got == 0 && room.IsEmpty)
                {
                    count = (int)got;
                    return SocketStatus.Ok;
                }
                if (got == 0)
                    return SocketStatus.End;
                if (Interop.LastError != Interop.EINTR)
                    return SocketErrors.Status(Interop.LastError);
            }
        }
    }

    /// <summary>Hands over as much as the kernel takes now; a part of it is <see cref="SocketStatus.Ok"/> too.</summary>
    public SocketStatus TrySend(ReadOnlySpan<byte> bytes, out int count)
    {
        count = 0;
        if (IsClosed)
            return SocketStatus.Reset;
        if (bytes.IsEmpty)
            return SocketStatus.Ok;
        fixed (byte* at = bytes)
        {
            while (true)
            {
                var sent = Interop.Send(Descriptor, at, (nuint)bytes.Length, Interop.MSG_NOSIGNAL);
                if (sent >= 0)
                {
                    count = (int)sent;
                    return SocketStatus.Ok;
                }
                if (Interop.LastError != Interop.EINTR)
                    return SocketErrors.Status(Interop.LastError);
            }
        }
    }

    /// <summary>The error that waits, taken from the socket: how connecting ended, or why the connection broke.</summary>
    public SocketStatus TakeError() => IsClosed ? SocketStatus.Reset : ReadError();

    /// <summary>Ends the stream to the far end, after everything that was sent.</summary>
    public void ShutdownSend()
    {
        if (!IsClosed)
            _ = Interop.Shutdown(Descriptor, Interop.SHUT_WR);
    }

    /// <summary>Closes with a reset: the far end learns that something is missing.</summary>
    public void Abort()
    {
        if (IsClosed)
            return;
        var linger = new Interop.Linger { OnOff = 1, Seconds = 0 };
        _ = Interop.SetSocketOption(Descriptor, Interop.SOL_SOCKET, Interop.SO_LINGER, &linger, (uint)sizeof(Interop.Linger));
        Dispose();
    }
}
