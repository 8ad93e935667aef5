using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// One UDP port for IPv4 and IPv6: a dual-stack socket, or an IPv4 socket where the kernel has no IPv6 or the one address
/// that it is bound to is IPv4. One thread receives
/// at a time; any thread sends; any thread disposes, which wakes the receiver. No ICMP error ever reaches the caller: what
/// cannot be sent is lost, as the network may lose it.
/// </summary>
/// <remarks>
/// A batch to receive into should have 64 KiB and 64 slots for each joined datagram (UDP_GRO) that it is to take:
/// 512 KiB and 512 slots is a good size.
/// </remarks>
public sealed class UdpPort : IUdp
{
    readonly FileDescriptor _socket;
    readonly int _family;
    readonly bool _joined;
    volatile bool _segments;
    volatile bool _closed;
    int _disposed;

    UdpPort(FileDescriptor socket, int family, UdpOptions options)
    {
        _socket = socket;
        _family = family;
        SetBuffer(Interop.SO_SNDBUF, Interop.SO_SNDBUFFORCE, options.SocketBuffer);
        SetBuffer(Interop.SO_RCVBUF, Interop.SO_RCVBUFFORCE, options.SocketBuffer);
        if (options.Mark != 0)
            Mark = options.Mark;
        // An IPv6 socket takes the IPv4 option too: it speaks for mapped addresses.
        _ = Interop.SetSocketOption(socket, Interop.IPPROTO_IP, Interop.IP_RECVTOS, 1);
        if (family == Interop.AF_INET6)
            _ = Interop.SetSocketOption(socket, Interop.IPPROTO_IPV6, Interop.IPV6_RECVTCLASS, 1);
        if (options.EcnCapable)
        {
            _ = Interop.SetSocketOption(socket, Interop.IPPROTO_IP, Interop.IP_TOS, (int)Ecn.Capable0);
            if (family == Interop.AF_INET6)
                _ = Interop.SetSocketOption(socket, Interop.IPPROTO_IPV6, Interop.IPV6_TCLASS, (int)Ecn.Capable0);
        }
        // Asked for without effect: 0 is what a socket has anyway.
        _segments = options.Offload && Interop.SetSocketOption(socket, Interop.SOL_UDP, Interop.UDP_SEGMENT, 0) == 0;
        _joined = options.Offload && Interop.SetSocketOption(socket, Interop.SOL_UDP, Interop.UDP_GRO, 1) == 0;
    }

    public ushort Port { get; private init; }

    internal FileDescriptor Descriptor => _socket;

    internal bool IsDisposed => _closed;

    /// <summary>False where the kernel has no IPv6, and on an IPv4 address; then datagrams to IPv6 endpoints are dropped.</summary>
    public bool HasV6 => _family == Interop.AF_INET6;

    /// <summary>What the kernel granted, as it is now.</summary>
    public UdpOffloads Offloads => new(_segments, _joined, ReceiveBuffer());

    /// <summary>Mark of the packets sent, for policy routing; 0 for none. Needs CAP_NET_ADMIN.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public uint Mark
    {
        get;
        set
        {
            Interop.Check(Interop.SetSocketOption(_socket, Interop.SOL_SOCKET, Interop.SO_MARK, (int)value), $"set the firewall mark 0x{value:x}");
            field = value;
        }
    }

    /// <summary>Binds the port on all addresses of both families, or on the one that the options name; 0 takes any free one.</summary>
    /// <exception cref="LinuxException">The port is taken (<see cref="LinuxException.Errno"/> 98), the address is not of this machine (99), or the kernel refused.</exception>
    public static UdpPort Bind(ushort port, UdpOptions? options = null) => Bind(port, options ?? new UdpOptions(), shared: false);

    /// <summary>
    /// Binds several sockets to one port. The kernel gives each datagram to the socket that its addresses and ports hash
    /// to: all that comes from one endpoint stays on one socket, in order. Any of them sends.
    /// </summary>
    /// <exception cref="LinuxException">The port is taken (<see cref="LinuxException.Errno"/> 98), or the kernel refused.</exception>
    public static IReadOnlyList<UdpPort> BindGroup(ushort port, int sockets, UdpOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sockets);
        options ??= new UdpOptions();
        var first = Bind(port, options, shared: false);
        if (sockets == 1)
            return [first];
        // A socket that shares would also share with another program's: one that does not share has found the port free.
        port = first.Port;
        first.Dispose();
        var group = new List<UdpPort>();
        try
        {
            while (group.Count < sockets)
                group.Add(Bind(port, options, shared: true));
            return group;
        }
        catch
        {
            foreach (var socket in group)
                socket.Dispose();
            throw;
        }
    }

    static UdpPort Bind(ushort port, UdpOptions options, bool shared)
    {
        var family = options.Address is { IsV4: true } ? Interop.AF_INET : Interop.AF_INET6;
        var socket = Interop.Socket(family, Interop.SOCK_DGRAM | Interop.SOCK_CLOEXEC, 0);
        if (socket.IsInvalid && Interop.LastError == Interop.EAFNOSUPPORT && options.Address is null)
        {
            family = Interop.AF_INET;
            socket = Interop.Socket(Interop.AF_INET, Interop.SOCK_DGRAM | Interop.SOCK_CLOEXEC, 0);
        }
        socket.Checked("open a UDP socket");
        try
        {
            if (family == Interop.AF_INET6)
                Interop.Check(Interop.SetSocketOption(socket, Interop.IPPROTO_IPV6, Interop.IPV6_V6ONLY, 0), "open a UDP socket for both families");
            if (shared)
                Interop.Check(Interop.SetSocketOption(socket, Interop.SOL_SOCKET, Interop.SO_REUSEPORT, 1), "share a UDP port among threads");
            var address = options.Address ?? (family == Interop.AF_INET6 ? IpAddress.V6Any : IpAddress.V4Any);
            var bound = BindSocket(socket, family, new Endpoint(address, port));
            return new UdpPort(socket, family, options) { Port = bound };
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public bool Receive(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        try
        {
            while (!_closed)
            {
                batch.Clear();
                ReceiveVector.OfThread.Receive(_socket, batch, _joined);
                if (batch.Count > 0 && !_closed)
                    return true;
            }
        }
        catch (ObjectDisposedException)
        {
            // Disposed between two calls.
        }
        return false;
    }

    public bool TryReceive(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.Clear();
        try
        {
            if (!_closed)
                ReceiveVector.OfThread.Receive(_socket, batch, _joined, wait: false);
        }
        catch (ObjectDisposedException)
        {
            // Disposed between two calls.
        }
        return !_closed;
    }

    public void Send(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Count == 0 || _closed)
            return;
        try
        {
            if (!SendVector.OfThread.Send(_socket, _family, batch, _segments))
                _segments = false;
        }
        catch (ObjectDisposedException)
        {
            // A closed port sends nothing.
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _closed = true;
        // An unconnected socket answers ENOTCONN, and wakes its receivers all the same.
        _ = Interop.Shutdown(_socket, Interop.SHUT_RDWR);
        _socket.Dispose();
    }

    static unsafe ushort BindSocket(FileDescriptor socket, int family, Endpoint local)
    {
        Interop.SocketAddress address = default;
        address.Write(local, family);
        var length = (uint)(family == Interop.AF_INET6 ? Interop.SocketAddress.V6Size : Interop.SocketAddress.V4Size);
        Interop.Check(Interop.Bind(socket, &address, length), $"listen on UDP port {local.Port}");
        Interop.Check(Interop.GetSocketName(socket, &address, &length), "learn the UDP port");
        return address.Read().Port;
    }

    unsafe int ReceiveBuffer()
    {
        int bytes;
        uint length = sizeof(int);
        return Interop.GetSocketOption(_socket, Interop.SOL_SOCKET, Interop.SO_RCVBUF, &bytes, &length) == 0 ? bytes : 0;
    }

    void SetBuffer(int option, int forced, int bytes)
    {
        if (Interop.SetSocketOption(_socket, Interop.SOL_SOCKET, forced, bytes) < 0)
            _ = Interop.SetSocketOption(_socket, Interop.SOL_SOCKET, option, bytes);
    }
}
