namespace Macro.Linux;

/// <summary>What changed at a socket since it was last told (the bits of epoll).</summary>
[Flags]
public enum Readiness : uint
{
    None = 0,

    /// <summary>Bytes, datagrams or connections wait, or the end of the stream.</summary>
    Readable = Interop.EPOLLIN,

    /// <summary>There is room again, or connecting has ended one way or the other.</summary>
    Writable = Interop.EPOLLOUT,

    /// <summary>An error waits: of a stream its end, of datagrams something in the error queue.</summary>
    Error = Interop.EPOLLERR,

    /// <summary>Both directions of a stream are shut.</summary>
    HungUp = Interop.EPOLLHUP,

    /// <summary>The far end of a stream has sent its last byte.</summary>
    PeerEnded = Interop.EPOLLRDHUP,
}

/// <summary>Whoever is told of a socket's readiness.</summary>
public interface IReactive
{
    /// <summary>
    /// Called by <see cref="Reactor.Dispatch"/>, once for each change: what was left unread or unsent is not reported again.
    /// </summary>
    void HandleReady(Readiness ready);
}
