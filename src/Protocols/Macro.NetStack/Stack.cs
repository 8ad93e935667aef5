using Macro.Core;

namespace Macro.NetStack;

/// <summary>
/// A TCP/IP host as a pure state machine: IP packets in, IP packets out, and between them connections, UDP ports and
/// echoes. It answers either for addresses of its own (the client's end of a circuit) or for any destination (the
/// user-mode exit). One owner at a time: whoever calls, or touches a connection of it, holds the owner's lock.
/// </summary>
/// <remarks>
/// The order of a turn: <see cref="Receive"/> for every packet, <see cref="TryTakeReady"/> until false, then
/// <see cref="TryTransmit"/> until false; the same after <see cref="HandleTimeout"/> and after the application touched a
/// connection. All that comes in from outside is bounded, and what makes no sense is counted and dropped in silence.
/// </remarks>
public sealed class Stack
{
    public Stack(StackOptions options, TcpMemory memory, IRandom random) => throw new NotImplementedException();

    public StackOptions Options { get; }

    public StackCounters Counters { get; } = new();

    /// <summary>TCP connections in any state.</summary>
    public int ConnectionCount { get; }

    /// <summary>When to call <see cref="HandleTimeout"/>; <see cref="Instant.Never"/> when nothing waits.</summary>
    public Instant NextTimeout { get; }

    /// <summary>One IP packet. Its bytes may be changed.</summary>
    public void Receive(Span<byte> packet, Instant now) => throw new NotImplementedException();

    /// <summary>
    /// The next IP packet, its checksums complete. <paramref name="room"/> has at least <see cref="StackOptions.Mtu"/> bytes.
    /// False: nothing more to send now.
    /// </summary>
    public bool TryTransmit(Span<byte> room, Instant now, out int length) => throw new NotImplementedException();

    public void HandleTimeout(Instant now) => throw new NotImplementedException();

    /// <summary>
    /// A connection that came, was established, became readable or writable, ended or failed since it was taken last.
    /// One that has just come has the <see cref="TcpConnection.Context"/> that its listener was given.
    /// </summary>
    public bool TryTakeReady(out TcpConnection connection) => throw new NotImplementedException();

    /// <summary>
    /// Opens a connection from a random free port (RFC 6056 3.3.1). Null: too many connections, no memory, or no address
    /// of that family.
    /// </summary>
    public TcpConnection? Connect(Endpoint remote, object? context, Instant now) => throw new NotImplementedException();

    /// <summary>
    /// Takes connections to one endpoint. They turn up in <see cref="TryTakeReady"/> with <paramref name="context"/> and wait
    /// for <see cref="TcpConnection.AcceptIncoming"/> or <see cref="TcpConnection.RejectIncoming"/>.
    /// </summary>
    public void Listen(Endpoint local, object context) => throw new NotImplementedException();

    /// <summary>Takes connections to every endpoint that has no listener of its own.</summary>
    public void ListenAny(object context) => throw new NotImplementedException();

    /// <summary>Gives the datagrams to one endpoint to a handler. False: taken.</summary>
    public bool TryBind(Endpoint local, IUdpHandler handler) => throw new NotImplementedException();

    /// <summary>Binds a random free port of the stack's own address. False: none is free, or no address of that family.</summary>
    public bool TryBind(bool v4, IUdpHandler handler, out Endpoint local) => throw new NotImplementedException();

    /// <summary>Gives the datagrams to every endpoint that has no handler of its own to this one.</summary>
    public void BindAny(IUdpHandler handler) => throw new NotImplementedException();

    public void Unbind(Endpoint local) => throw new NotImplementedException();

    /// <summary>
    /// Queues a datagram; one that is larger than the path takes goes in fragments. False, dropped: too large for UDP,
    /// families that differ, or the queue is full.
    /// </summary>
    public bool TrySend(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload) => throw new NotImplementedException();

    /// <summary>Whoever answers echo requests to addresses that are not the stack's own. Null: nobody.</summary>
    public IEchoHandler? EchoHandler { get; set; }

    /// <summary>Queues the answer to an echo request: source and destination are those of the answer.</summary>
    public bool TrySendEchoReply(Echo reply, ReadOnlySpan<byte> data) => throw new NotImplementedException();

    /// <summary>
    /// Tells the sender of a datagram that came in earlier what became of it outside.
    /// </summary>
    /// <param name="error">The reporter becomes the source of the message; none of the right family: the destination of the datagram.</param>
    /// <param name="source">Who sent the datagram, and hears of it.</param>
    /// <param name="destination">Where it was to go.</param>
    /// <param name="payload">As much of it as is known.</param>
    public bool TrySendError(IcmpError error, Endpoint source, Endpoint destination, ReadOnlySpan<byte> payload) => throw new NotImplementedException();
}
