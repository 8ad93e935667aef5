using Macro.Core;

namespace Macro.Linux;

/// <summary>An ICMP error, or one of this machine, about a message that was sent before.</summary>
public readonly record struct MessageError
{
    /// <summary>Where the message was going.</summary>
    public Endpoint Destination { get; init; }

    /// <summary>Who reports it: a router or the destination; none for an error of this machine.</summary>
    public IpAddress Offender { get; init; }

    /// <summary>In words.</summary>
    public SocketStatus Status { get; init; }

    /// <summary>The type and code of the ICMP or ICMPv6 message; meaningful when <see cref="IsIcmp"/>.</summary>
    public byte Type { get; init; }

    public byte Code { get; init; }

    public bool IsIcmp { get; init; }

    /// <summary>MTU of the path, in bytes, when the message was too long; else 0.</summary>
    public int Mtu { get; init; }

    /// <summary>Bytes of the message that came back with the error, written into the caller's room.</summary>
    public int Quoted { get; init; }
}

/// <summary>A non-blocking socket of messages: UDP datagrams or ICMP echoes. Errors about what was sent wait in a queue.</summary>
public abstract unsafe class MessageSocket : ReactorSocket
{
    private protected MessageSocket(FileDescriptor descriptor, int family) : base(descriptor, family)
    {
        _ = family == Interop.AF_INET
            ? Interop.SetSocketOption(descriptor, Interop.IPPROTO_IP, Interop.IP_RECVERR, 1)
            : Interop.SetSocketOption(descriptor, Interop.IPPROTO_IPV6, Interop.IPV6_RECVERR, 1);
    }

    /// <summary>True for IPv4: a socket carries one family only.</summary>
    public bool IsV4 => Family == Interop.AF_INET;

    /// <summary>Sends one message. Anything but <see cref="SocketStatus.Ok"/>: it is lost, as the network may lose it.</summary>
    public SocketStatus TrySend(ReadOnlySpan<byte> message, Endpoint remote)
    {
        if (IsClosed)
            return SocketStatus.Failed;
        if (remote.Address.IsV4 != IsV4)
            return SocketStatus.Unreachable;
        Interop.SocketAddress address = default;
        address.Write(remote, Family);
        fixed (byte* at = message)
        {
            // The first call may only report what became of an earlier message; that one is in the error queue too.
            for (var tries = 0; ; tries++)
            {
                if (Interop.SendTo(Descriptor, at, (nuint)message.Length, Interop.MSG_NOSIGNAL, &address, Interop.SocketAddress.SizeOf(Family)) >= 0)
                    return SocketStatus.Ok;
                var errno = Interop.LastError;
                if (errno is Interop.EAGAIN or Interop.EMSGSIZE or Interop.EPERM or Interop.EACCES or Interop.EINVAL || tries == 3)
                    return SocketErrors.Status(errno);
            }
        }
    }

    /// <summary>Takes the next message; what does not fit the room is cut off.</summary>
    public SocketStatus TryReceive(Span<byte> room, out int length, out Endpoint remote)
    {
        (length, remote) = (0, default);
        if (IsClosed)
            return SocketStatus.Failed;
        Interop.SocketAddress address = default;
        fixed (byte* at = room)
        {
            for (var tries = 0; ; tries++)
            {
                uint addressLength = Interop.SocketAddress.V6Size;
                var got = Interop.ReceiveFrom(Descriptor, at, (nuint)room.Length, 0, &address, &addressLength);
                if (got >= 0)
                {
                    (length, remote) = ((int)got, address.Read());
                    return SocketStatus.Ok;
                }
                var errno = Interop.LastError;
                // What became of an earlier message is reported once, and says nothing about the ones that wait.
                if (errno == Interop.EAGAIN || tries == 16)
                    return SocketErrors.Status(errno);
            }
        }
    }

    /// <summary>Takes the next error from the queue, with as much of the message as fits the room.</summary>
    public bool TryTakeError(Span<byte> quoted, out MessageError error)
    {
        error = default;
        if (IsClosed)
            return false;
        const int controlSize = 256;
        var control = stackalloc byte[controlSize];
        Interop.SocketAddress address = default;
        fixed (byte* at = quoted)
        {
            var vector = new Interop.IoVector { Base = at, Length = (nuint)quoted.Length };
            var header = new Interop.MessageHeader
            {
                Name = &address,
                NameLength = Interop.SocketAddress.V6Size,
                Vectors = &vector,
                VectorCount = 1,
                Control = control,
                ControlLength = controlSize,
            };
            nint got;
            while ((got = Interop.ReceiveMessage(Descriptor, &header, Interop.MSG_ERRQUEUE)) < 0)
                if (Interop.LastError != Interop.EINTR)
                    return false;
            error = Read(new ReadOnlySpan<byte>(control, (int)header.ControlLength)) with
            {
                Destination = header.NameLength >= Interop.SocketAddress.V4Size ? address.Read() : default,
                Quoted = (int)got,
            };
            return true;
        }
    }

    /// <summary>Finds the extended error among the control messages.</summary>
    static MessageError Read(ReadOnlySpan<byte> control)
    {
        while (control.Length >= sizeof(Interop.ControlHeader))
        {
            var header = System.Runtime.InteropServices.MemoryMarshal.Read<Interop.ControlHeader>(control);
            if (header.Length < (nuint)sizeof(Interop.ControlHeader) || header.Length > (nuint)control.Length)
                break;
            var data = control[sizeof(Interop.ControlHeader)..(int)header.Length];
            if ((header.Level, header.Type) is (Interop.IPPROTO_IP, Interop.IP_RECVERR) or (Interop.IPPROTO_IPV6, Interop.IPV6_RECVERR)
                && data.Length >= sizeof(Interop.ExtendedError))
                return Translate(System.Runtime.InteropServices.MemoryMarshal.Read<Interop.ExtendedError>(data), data[sizeof(Interop.ExtendedError)..]);
            control = control[Math.Min(control.Length, (int)(header.Length + 7 & ~(nuint)7))..];
        }
        return new MessageError { Status = SocketStatus.Failed };
    }

    static MessageError Translate(in Interop.ExtendedError error, ReadOnlySpan<byte> offender)
    {
        var isIcmp = error.Origin is Interop.SO_EE_ORIGIN_ICMP or Interop.SO_EE_ORIGIN_ICMP6;
        Interop.SocketAddress address = default;
        if (isIcmp && offender.Length >= Interop.SocketAddress.V4Size)
            offender[..Math.Min(offender.Length, sizeof(Interop.SocketAddress))].CopyTo(new Span<byte>(&address, sizeof(Interop.SocketAddress)));
        return new MessageError
        {
            Offender = isIcmp ? address.Read().Address : default,
            Status = SocketErrors.Status((int)error.Errno),
            IsIcmp = isIcmp,
            Type = error.Type,
            Code = error.Code,
            Mtu = error.Errno == Interop.EMSGSIZE ? (int)error.Info : 0,
        };
    }
}
