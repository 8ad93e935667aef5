namespace Macro.Linux;

/// <summary>How a call on a non-blocking socket ended.</summary>
public enum SocketStatus
{
    Ok,

    /// <summary>Nothing to read, or no room to write: the reactor tells when it is worth trying again.</summary>
    WouldBlock,

    /// <summary>The far end has sent everything and said so.</summary>
    End,

    /// <summary>The far end reset the connection, or it was gone already.</summary>
    Reset,

    /// <summary>Nobody listens there.</summary>
    Refused,

    TimedOut,

    /// <summary>No route to the host or to its network, or no address of that family here.</summary>
    Unreachable,

    /// <summary>A firewall here or on the way, or a missing right.</summary>
    Prohibited,

    /// <summary>A datagram that the path or the socket does not carry.</summary>
    TooLong,

    AddressInUse,

    /// <summary>No descriptors, memory or local ports left.</summary>
    Exhausted,

    Failed,
}

static class SocketErrors
{
    /// <summary>errno in the words of this program.</summary>
    internal static SocketStatus Status(int errno) => errno switch
    {
        0 => SocketStatus.Ok,
        Interop.EAGAIN or Interop.EINPROGRESS => SocketStatus.WouldBlock,
        Interop.ECONNRESET or Interop.EPIPE or Interop.ECONNABORTED or Interop.ENOTCONN => SocketStatus.Reset,
        Interop.ECONNREFUSED => SocketStatus.Refused,
        Interop.ETIMEDOUT => SocketStatus.TimedOut,
        Interop.ENETUNREACH or Interop.EHOSTUNREACH or Interop.EHOSTDOWN or Interop.ENETDOWN or Interop.EADDRNOTAVAIL
            or Interop.EAFNOSUPPORT => SocketStatus.Unreachable,
        Interop.EACCES or Interop.EPERM => SocketStatus.Prohibited,
        Interop.EMSGSIZE => SocketStatus.TooLong,
        Interop.EADDRINUSE => SocketStatus.AddressInUse,
        Interop.EMFILE or Interop.ENFILE or Interop.ENOMEM or Interop.ENOBUFS => SocketStatus.Exhausted,
        _ => SocketStatus.Failed,
    };
}
