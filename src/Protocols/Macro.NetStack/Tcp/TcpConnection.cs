using Macro.Core;

namespace Macro.NetStack;

/// <summary>
/// One TCP connection as a pure state machine: no packet I/O, no clock, no thread. It has one owner at a time.
/// The Stack feeds it segments and takes others from it; the shell reads and writes the two byte streams.
/// </summary>
/// <remarks>
/// After every call of the application side that can give something to transmit, the connection tells its
/// <see cref="Owner"/>. After <see cref="Receive"/> and <see cref="HandleTimeout"/> the caller itself calls
/// <see cref="TryTransmit"/> until false, and then reads <see cref="NextTimeout"/>.
/// </remarks>
public sealed partial class TcpConnection : IDeadline
{
    /// <summary>A connection that opens: its first segment is a SYN.</summary>
    /// <param name="isn">Initial sequence number, see <see cref="InitialSequence"/>.</param>
    /// <param name="timestampOffset">See <see cref="InitialSequence.TimestampOffset"/>.</param>
    internal static TcpConnection Connect(FlowKey flow, TcpOptions options, TcpMemory memory, uint isn, uint timestampOffset, Instant now) => throw new NotSupportedException();

    /// <summary>
    /// A connection that a SYN without ACK asks for. It is answered after <see cref="AcceptIncoming"/>; until then nothing
    /// is sent and repeated SYNs are ignored.
    /// </summary>
    internal static TcpConnection Accept(FlowKey flow, in TcpSegment syn, TcpOptions options, TcpMemory memory, uint isn, uint timestampOffset, Instant now) => throw new NotSupportedException();

    public FlowKey Flow { get; }
    public TcpState State { get; private set; }

    /// <summary>The shell's own object.</summary>
    public object? Context { get; set; }

    // ----- network side: called by the Stack only

    internal ITcpOwner? Owner { get; set; }

    /// <summary>A list link for the Stack.</summary>
    internal TcpConnection? NextInList { get; set; }

    /// <summary>A flag for the Stack: it stands in the list of those that want to transmit.</summary>
    internal bool IsScheduled { get; set; }

    int IDeadline.Place { get; set; }

    /// <summary>Takes a segment that was parsed and whose checksum fits.</summary>
    internal void Receive(in TcpSegment segment, Ecn ecn, Instant now) => throw new NotSupportedException();

    /// <summary>Writes the next segment, TCP header and payload with checksum zero. Called until false.</summary>
    /// <param name="room">At least <see cref="TcpSegment.MaxHeader"/> + <see cref="TcpOptions.Mss"/> bytes.</param>
    internal bool TryTransmit(Span<byte> room, Instant now, out int length, out Ecn ecn) => throw new NotSupportedException();

    internal Instant NextTimeout => throw new NotSupportedException();

    internal void HandleTimeout(Instant now) => throw new NotSupportedException();

    /// <summary>ICMP says that segments must be smaller (RFC 9293 3.7.2, RFC 8201).</summary>
    /// <param name="mss">The largest segment that passes: path MTU less IP and TCP headers without options.</param>
    /// <param name="quotedSequence">The sequence number in the quoted segment; outside what is in flight: ignored.</param>
    internal void HandlePathMtu(int mss, uint quotedSequence) => throw new NotSupportedException();

    /// <summary>ICMP says that the peer cannot be reached (RFC 5461): it ends an attempt to connect, and only explains a later time-out.</summary>
    internal void HandleUnreachable(TcpFailure why, uint quotedSequence) => throw new NotSupportedException();

    /// <summary>
    /// True when the application should look again since the last call: established, readable, writable after it was full,
    /// end of stream, or closed.
    /// </summary>
    internal bool TakeReadiness() => throw new NotSupportedException();

    /// <summary>In TIME-WAIT, a SYN that cannot be old may begin a new life of the same flow (RFC 6191): drop this connection and accept it.</summary>
    internal bool MayBeReplacedBy(in TcpSegment syn) => throw new NotSupportedException();

    // ----- application side: called by the shell

    /// <summary>Received bytes in order: one contiguous run, there may be more behind it. Empty: nothing to read now. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Readable => throw new NotSupportedException();

    /// <summary>Takes bytes from the front of <see cref="Readable"/>.</summary>
    public void Consume(int count) => throw new NotSupportedException();

    /// <summary>Contiguous room of the send buffer. Empty: full, closed, or the budget is short; readiness says when to try again. Valid until the next call.</summary>
    public Span<byte> Writable => throw new NotSupportedException();

    /// <summary>Sends the first bytes of <see cref="Writable"/>. 0 gives back unused room: call it when there was nothing to send.</summary>
    public void Commit(int count) => throw new NotSupportedException();

    /// <summary>No more bytes will be committed: a FIN follows what was. Reading goes on.</summary>
    public void Shutdown() => throw new NotSupportedException();

    /// <summary>Gives the connection up: a reset to the peer, all buffers freed.</summary>
    public void Abort() => throw new NotSupportedException();

    /// <summary>Answers the SYN of an incoming connection.</summary>
    public void AcceptIncoming() => throw new NotSupportedException();

    /// <summary>Refuses an incoming connection with a reset; for a failure that ICMP can tell the Stack sends that instead.</summary>
    public void RejectIncoming(TcpFailure why) => throw new NotSupportedException();

    /// <summary>An incoming connection that waits for <see cref="AcceptIncoming"/>.</summary>
    public bool IsIncoming => throw new NotSupportedException();

    /// <summary>The handshake is over and the connection is not closed.</summary>
    public bool IsEstablished => throw new NotSupportedException();

    /// <summary>The peer's FIN has come and everything before it was read.</summary>
    public bool IsEndOfStream => throw new NotSupportedException();

    /// <summary>Everything committed was acknowledged.</summary>
    public bool IsFlushed => throw new NotSupportedException();

    /// <summary>
    /// No more bytes will pass either way: both FINs are through, or the connection failed. The Stack forgets it after
    /// TIME-WAIT; the shell may forget it now.
    /// </summary>
    public bool IsClosed => throw new NotSupportedException();

    public TcpFailure Failure { get; private set; }
}
