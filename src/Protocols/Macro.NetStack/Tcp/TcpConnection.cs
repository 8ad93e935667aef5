using Macro.Core;
using Macro.NetStack.Tcp;

namespace Macro.NetStack;

/// <summary>
/// One TCP connection as a pure state machine: no packet I/O, no clock, no thread. It has one owner at a time.
/// The Stack feeds it segments and takes others from it; the shell reads and writes the two byte streams.
/// </summary>
/// <remarks>
/// After every call of the application side that can give something to transmit, the connection tells its
/// <see cref="Owner"/>. After <see cref="Receive"/> and <see cref="HandleTimeout"/> the caller itself calls
/// <see cref="TryTransmit"/> until false, and then reads <see cref="NextTimeout"/>. Every connection ends with everything
/// read or with <see cref="Abort"/>: until then its received bytes count against the memory budget.
/// </remarks>
public sealed partial class TcpConnection : IDeadline
{
    readonly TcpOptions _options;
    readonly TcpMemory _memory;
    readonly Sender _sender;
    readonly Receiver _receiver;
    readonly uint _isn, _timestampOffset;
    TcpTimers _timers;
    Instant _now;
    bool _isReady;

    TcpConnection(FlowKey flow, TcpOptions options, TcpMemory memory, uint isn, uint timestampOffset, Instant now)
    {
        (Flow, _options, _memory, _isn, _timestampOffset, _now) = (flow, options, memory, isn, timestampOffset, now);
        _sender = new Sender(memory, options);
        _receiver = new Receiver(memory, options, Math.Min(ushort.MaxValue, options.MaxReceiveBuffer));
        while (ushort.MaxValue << _receiveScale < options.MaxReceiveBuffer)
            _receiveScale++;
        _timers.Set(TcpTimer.Lifetime, (now + options.ConnectTimeout).Ticks);
    }

    public FlowKey Flow { get; }

    public TcpState State { get; private set; }

    /// <summary>The shell's own object.</summary>
    public object? Context { get; set; }

    public TcpFailure Failure { get; private set; }

    // ----- the Stack's own marks

    internal ITcpOwner? Owner { get; set; }

    /// <summary>A list link for the Stack.</summary>
    internal TcpConnection? NextInList { get; set; }

    /// <summary>A flag for the Stack: it stands in the list of those that want to transmit.</summary>
    internal bool IsScheduled { get; set; }

    int IDeadline.Place { get; set; }

    /// <summary>Bytes of the memory budget that its buffers hold.</summary>
    internal long HeldBytes => (long)(_sender.Held + _receiver.Held) * TcpMemory.ChunkSize;

    /// <summary>Closed, and nothing remains to be sent: the Stack forgets it.</summary>
    internal bool IsFinished => State == TcpState.Closed && _reset == PendingReset.None;

    /// <summary>
    /// True when the application should look again since the last call: established, readable, writable after it was full,
    /// end of stream, or closed.
    /// </summary>
    internal bool TakeReadiness()
    {
        var was = _isReady;
        _isReady = false;
        return was;
    }

    // ----- the application's side

    /// <summary>Received bytes in order: one contiguous run, there may be more behind it. Empty: nothing to read now. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Readable => _receiver.Readable;

    /// <summary>Takes bytes from the front of <see cref="Readable"/>.</summary>
    public void Consume(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var owed = _receiver.OwesAck;
        _receiver.Consume(count);
        if (_receiver.OwesAck && !owed && CanReceive)
            Owner?.Schedule(this);
    }

    /// <summary>
    /// Contiguous room of the send buffer. Empty: not established, full, closed, or the budget is short; readiness says
    /// when to try again. Valid until the next call.
    /// </summary>
    public Span<byte> Writable
    {
        get
        {
            if (!CanSend)
                return default;
            var room = _sender.Writable;
            if (_sender.IsStarved)
            {
                WaitForMemory();
                Owner?.Schedule(this);
            }
            return room;
        }
    }

    /// <summary>Sends the first bytes of the <see cref="Writable"/> that was taken last. 0 gives back unused room: call it when there was nothing to send.</summary>
    public void Commit(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (!CanSend || _sender.FinQueued)
            return;
        _sender.Commit(count);
        if (count > 0)
            Owner?.Schedule(this);
    }

    /// <summary>No more bytes will be committed: a FIN follows what was. Reading goes on.</summary>
    public void Shutdown()
    {
        if (_sender.FinQueued || State == TcpState.Closed)
            return;
        _sender.QueueFin();
        State = State switch
        {
            TcpState.Established => TcpState.FinWait1,
            TcpState.CloseWait => TcpState.LastAck,
            // Before the handshake is over, the FIN waits for its end.
            _ => State,
        };
        Owner?.Schedule(this);
    }

    /// <summary>Gives the connection up: a reset to the peer, all buffers freed.</summary>
    public void Abort()
    {
        if (State is TcpState.Closed or TcpState.TimeWait)
        {
            _receiver.Drop();
            return;
        }
        if (State == TcpState.SynReceived && !_accepted)
        {
            RejectIncoming(TcpFailure.Aborted);
            return;
        }
        if (State != TcpState.SynSent)
            _reset = PendingReset.Established;
        Fail(TcpFailure.Aborted);
        Owner?.Schedule(this);
    }

    /// <summary>Answers the SYN of an incoming connection.</summary>
    public void AcceptIncoming()
    {
        if (!IsIncoming)
            return;
        _accepted = true;
        _sendsSyn = true;
        Owner?.Schedule(this);
    }

    /// <summary>Refuses an incoming connection with a reset, which the Stack may replace by an ICMP error (<see cref="DropReset"/>).</summary>
    public void RejectIncoming(TcpFailure why)
    {
        if (!IsIncoming)
            return;
        _reset = PendingReset.ForSyn;
        Fail(why);
        Owner?.Schedule(this);
    }

    /// <summary>An incoming connection that waits for <see cref="AcceptIncoming"/>.</summary>
    public bool IsIncoming => State == TcpState.SynReceived && !_accepted;

    /// <summary>The handshake is over and the connection is not closed.</summary>
    public bool IsEstablished => State is >= TcpState.Established and < TcpState.TimeWait;

    /// <summary>The peer's FIN has come and everything before it was read.</summary>
    public bool IsEndOfStream => _receiver.IsEndOfStream;

    /// <summary>Everything committed was acknowledged.</summary>
    public bool IsFlushed => _sender.IsFlushed;

    /// <summary>
    /// No more bytes will come or go over the network: both FINs are through, or the connection failed. What was received
    /// before an orderly end can still be read.
    /// </summary>
    public bool IsClosed => State is TcpState.Closed or TcpState.TimeWait;

    /// <summary>Data may still come in.</summary>
    bool CanReceive => State is TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2;

    bool CanSend => State is TcpState.Established or TcpState.CloseWait;

    /// <summary>For tests.</summary>
    internal LossRecovery Flight => _sender.Flight;

    /// <summary>For tests.</summary>
    internal int ReceiveLimit => _receiver.Limit;

    /// <summary>For tests: what a window field of ours counts.</summary>
    internal int ScaleOfWindow => _scales ? 1 << _receiveScale : 1;

    /// <summary>The Stack told the peer by ICMP.</summary>
    internal void DropReset() => _reset = PendingReset.None;

    void Fail(TcpFailure why)
    {
        if (Failure == TcpFailure.None)
            Failure = why;
        _receiver.Drop();
        Close();
    }

    void Close()
    {
        State = TcpState.Closed;
        _sender.Drop();
        _timers.ClearAll();
        _isReady = true;
    }

    void WaitForMemory()
    {
        if (!_timers.IsSet(TcpTimer.Shortage))
            _timers.Set(TcpTimer.Shortage, _now.Ticks + ShortageWait);
    }
}
