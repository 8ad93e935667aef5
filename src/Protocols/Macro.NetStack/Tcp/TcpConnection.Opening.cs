using Macro.Core;
using Macro.Core.Packets;
using Macro.NetStack.Tcp;

namespace Macro.NetStack;

/// <summary>The handshake: SYN, SYN-ACK, and what their options agree on.</summary>
public sealed partial class TcpConnection
{
    const int SmallestMss = 88, TimestampsSize = 12;

    readonly byte _receiveScale;
    byte _sendScale;
    bool _sendsSyn, _accepted, _scales, _stamps, _ecnCapable;
    int _synsSent;
    long _firstSynAt;

    /// <summary>A connection that opens: its first segment is a SYN.</summary>
    /// <param name="isn">Initial sequence number, see <see cref="InitialSequence"/>.</param>
    /// <param name="timestampOffset">See <see cref="InitialSequence.TimestampOffset"/>.</param>
    internal static TcpConnection Connect(FlowKey flow, TcpOptions options, TcpMemory memory, uint isn, uint timestampOffset, Instant now)
    {
        var connection = new TcpConnection(flow, options, memory, isn, timestampOffset, now)
        {
            State = TcpState.SynSent,
            _sendsSyn = true,
            _scales = true,
            _stamps = true,
        };
        connection._sender.Begin(Tcp.Sequence.Begin(isn) + 1, options.Mss);
        return connection;
    }

    /// <summary>
    /// A connection that a SYN without ACK asks for. It is answered after <see cref="AcceptIncoming"/>; until then nothing
    /// is sent and repeated SYNs are ignored.
    /// </summary>
    internal static TcpConnection Accept(FlowKey flow, in TcpSegment syn, TcpOptions options, TcpMemory memory, uint isn, uint timestampOffset, Instant now)
    {
        var connection = new TcpConnection(flow, options, memory, isn, timestampOffset, now) { State = TcpState.SynReceived };
        connection.TakeSyn(syn);
        connection._ecnCapable = options.Ecn != EcnMode.Off && syn.Has(TcpFlags.EcnEcho) && syn.Has(TcpFlags.CongestionReduced);
        connection._isReady = true;
        return connection;
    }

    /// <summary>In TIME-WAIT, a SYN that cannot be old may begin a new life of the same flow (RFC 6191): drop this connection and accept it.</summary>
    internal bool MayBeReplacedBy(in TcpSegment syn)
    {
        if (State != TcpState.TimeWait || (syn.Flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Reset)) != TcpFlags.Syn)
            return false;
        if (_stamps && syn.HasTimestamps && syn.TimestampValue != _recentStamp)
            return (int)(syn.TimestampValue - _recentStamp) > 0;
        return Tcp.Sequence.Unwrap(syn.Sequence, _receiver.Next) > _receiver.Next;
    }

    /// <summary>Takes the peer's initial sequence number and options.</summary>
    void TakeSyn(in TcpSegment syn)
    {
        _scales = syn.WindowScale is not null;
        _sendScale = syn.WindowScale ?? 0;
        _stamps = syn.HasTimestamps;
        if (_stamps)
            (_recentStamp, _recentStampAt) = (syn.TimestampValue, _now.Ticks);
        // Without the option: 536 or 1220 (RFC 9293 3.7.1).
        var theirs = syn.Mss != 0 ? syn.Mss : Flow.Remote.Address.IsV4 ? 536 : 1220;
        var mss = Math.Clamp(theirs, SmallestMss, Math.Max(_options.Mss, SmallestMss)) - (_stamps ? TimestampsSize : 0);
        _sender.Begin(Tcp.Sequence.Begin(_isn) + 1, mss);
        _sender.Flight.HasSack = syn.SackPermitted;
        _receiver.Begin(Tcp.Sequence.Begin(syn.Sequence) + 1);
        // The window of a SYN is never scaled.
        _sender.UpdateWindow(_receiver.Next, _sender.Flight.Una, syn.Window);
    }

    void ReceiveInSynSent(in TcpSegment segment)
    {
        var acknowledges = segment.Has(TcpFlags.Ack);
        if (acknowledges && segment.Acknowledgment != _isn + 1)
        {
            if (!segment.Has(TcpFlags.Reset))
                (_reset, _resetSequence) = (PendingReset.Stray, segment.Acknowledgment);
            return;
        }
        if (segment.Has(TcpFlags.Reset))
        {
            if (acknowledges)
                Fail(TcpFailure.Refused);
            return;
        }
        if (!segment.Has(TcpFlags.Syn))
            return;
        if (acknowledges)
        {
            if (_options.Ecn == EcnMode.Ask)
                _ecnCapable = (segment.Flags & (TcpFlags.EcnEcho | TcpFlags.CongestionReduced)) == TcpFlags.EcnEcho && _synsSent == 1;
            TakeSyn(segment);
            _receiver.OwesAck = true;
            Establish();
            return;
        }
        // Both sides open at once (RFC 9293 3.5).
        TakeSyn(segment);
        State = TcpState.SynReceived;
        _accepted = true;
        _sendsSyn = true;
        _synsSent = 0;
    }

    /// <summary>True when the segment completes the handshake and is to be looked at further.</summary>
    bool ReceiveInSynReceived(in TcpSegment segment)
    {
        var start = Tcp.Sequence.Unwrap(segment.Sequence, _receiver.Next);
        if (segment.Has(TcpFlags.Reset))
        {
            if (start == _receiver.Next)
                Fail(TcpFailure.Reset);
            return false;
        }
        // Nothing can answer what was not sent.
        if (!_accepted || _synsSent == 0)
            return false;
        if (segment.Has(TcpFlags.Syn))
        {
            // Our SYN-ACK was lost, or both sides open at once.
            if (start == _receiver.Next - 1 && segment.Has(TcpFlags.Ack) && segment.Acknowledgment == _isn + 1)
                return Establish();
            _sendsSyn |= start == _receiver.Next - 1;
            return false;
        }
        if (!segment.Has(TcpFlags.Ack))
            return false;
        if (segment.Acknowledgment != _isn + 1)
        {
            (_reset, _resetSequence) = (PendingReset.Stray, segment.Acknowledgment);
            return false;
        }
        return start <= _receiver.Edge && start + segment.SequenceLength >= _receiver.Next && Establish();
    }

    bool Establish()
    {
        if (_synsSent == 1)
            _sender.Flight.Rtt.Sample(_now.Ticks - _firstSynAt, _now.Ticks);
        else if (_synsSent > 2)
            _sender.Flight.Control.Window = 1;
        _timers.ClearAll();
        State = _sender.FinQueued ? TcpState.FinWait1 : TcpState.Established;
        _sendsSyn = false;
        _lastReceived = _now.Ticks;
        if (_options.KeepAliveIdle > TimeSpan.Zero)
            _timers.Set(TcpTimer.KeepAlive, (_now + _options.KeepAliveIdle).Ticks);
        _isReady = true;
        return true;
    }

    int WriteSyn(Span<byte> room)
    {
        _sendsSyn = false;
        var answers = State == TcpState.SynReceived;
        var flags = TcpFlags.Syn | (answers ? TcpFlags.Ack : TcpFlags.None);
        if (answers && _ecnCapable)
            flags |= TcpFlags.EcnEcho;
        else if (!answers && _options.Ecn == EcnMode.Ask && _synsSent == 0)
            flags |= TcpFlags.EcnEcho | TcpFlags.CongestionReduced;
        var syn = new TcpSegment
        {
            SourcePort = Flow.Local.Port,
            DestinationPort = Flow.Remote.Port,
            Sequence = _isn,
            Acknowledgment = answers ? (uint)_receiver.Next : 0,
            Flags = flags,
            Window = (ushort)Math.Min(_receiver.Limit, ushort.MaxValue),
            Mss = (ushort)_options.Mss,
            WindowScale = _scales ? _receiveScale : null,
            SackPermitted = !answers || _sender.Flight.HasSack,
            HasTimestamps = _stamps,
            TimestampValue = Stamp,
            TimestampEcho = answers ? _recentStamp : 0,
        };
        if (_synsSent == 0)
            _firstSynAt = _now.Ticks;
        var wait = TimeSpan.TicksPerSecond << Math.Min(_synsSent++, 6);
        _timers.Set(TcpTimer.Retransmit, _now.Ticks + wait);
        return syn.TryWrite(room, out var length) ? length : 0;
    }
}
