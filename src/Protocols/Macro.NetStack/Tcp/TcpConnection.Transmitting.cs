using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.NetStack.Tcp;

namespace Macro.NetStack;

/// <summary>Segments that leave.</summary>
public sealed partial class TcpConnection
{
    const long AckDelay = 40 * TimeSpan.TicksPerMillisecond;

    PendingReset _reset;
    uint _resetSequence;
    bool _sendsProbe, _hasSent;

    enum PendingReset : byte
    {
        None,

        /// <summary>The connection is given up.</summary>
        Established,

        /// <summary>The answer to a SYN that is not wanted.</summary>
        ForSyn,

        /// <summary>The answer to an acknowledgment of what was never sent; the connection stays.</summary>
        Stray,
    }

    /// <summary>What our timestamps option says now.</summary>
    uint Stamp => TimestampClock.Now(_now.Ticks) + _timestampOffset;

    /// <summary>Writes the next segment, TCP header and payload with checksum zero. Called until false.</summary>
    /// <param name="room">At least <see cref="TcpSegment.MaxHeader"/> + <see cref="TcpOptions.Mss"/> bytes.</param>
    internal bool TryTransmit(Span<byte> room, Instant now, out int length, out Ecn ecn)
    {
        _now = now;
        ecn = Ecn.NotCapable;
        length = 0;
        if (State < TcpState.Established)
            return TryTransmitUnsynchronized(room, out length);
        var sender = _sender;
        // Blocks of SACK would take the room of data: they travel alone.
        if (_receiver.OwesAck && _receiver.HasSacks)
        {
            length = WriteAck(room, 0);
            return true;
        }
        if (sender.HasUnsent || sender.Flight.HasLost || sender.Flight.WantsProbe)
        {
            if (sender.TryTake(now.Ticks, ref _timers, out var segment))
            {
                length = WriteData(room, segment, out ecn);
                _hasSent = true;
                return true;
            }
        }
        if (_receiver.OwesAck || _sendsProbe)
        {
            // One before what the peer expects: it has to answer with an ACK.
            length = WriteAck(room, _sendsProbe ? -1 : 0);
            _sendsProbe = false;
            return true;
        }
        SetTimers();
        return false;
    }

    bool TryTransmitUnsynchronized(Span<byte> room, out int length)
    {
        length = 0;
        if (_reset != PendingReset.None)
        {
            length = WriteReset(room);
            _reset = PendingReset.None;
            return true;
        }
        if (!_sendsSyn)
            return false;
        length = WriteSyn(room);
        return length > 0;
    }

    int WriteReset(Span<byte> room)
    {
        var reset = new TcpSegment { SourcePort = Flow.Local.Port, DestinationPort = Flow.Remote.Port, Flags = TcpFlags.Reset };
        switch (_reset)
        {
            case PendingReset.Stray:
                reset.Sequence = _resetSequence;
                break;
            case PendingReset.ForSyn:
                reset.Flags |= TcpFlags.Ack;
                reset.Acknowledgment = (uint)_receiver.Next;
                break;
            default:
                reset.Flags |= TcpFlags.Ack;
                reset.Sequence = (uint)_sender.Flight.Next;
                reset.Acknowledgment = (uint)_receiver.Next;
                break;
        }
        return reset.TryWrite(room, out var length) ? length : 0;
    }

    int WriteData(Span<byte> room, in Outgoing segment, out Ecn ecn)
    {
        var flags = TcpFlags.Ack;
        if (segment.Push)
            flags |= TcpFlags.Push;
        if (segment.Fin)
            flags |= TcpFlags.Fin;
        ecn = Ecn.NotCapable;
        // Only new data is marked (RFC 3168 6.1.5).
        if (_ecnCapable && !segment.IsCopy && segment.Length > 0)
        {
            ecn = Ecn.Capable0;
            if (_sender.Flight.OwesCwr)
            {
                flags |= TcpFlags.CongestionReduced;
                _sender.Flight.OwesCwr = false;
            }
        }
        var header = WriteHeader(room, (uint)segment.Start, flags, 0);
        _sender.Read(segment.Start, room.Slice(header, segment.Length));
        return header + segment.Length;
    }

    int WriteAck(Span<byte> room, int offset)
    {
        var sacks = 0;
        if (_receiver.HasSacks && _sender.Flight.HasSack)
        {
            var at = TcpSegment.MinHeader + (_stamps ? TimestampsSize : 0) + 4;
            sacks = _receiver.WriteSacks(room[at..TcpSegment.MaxHeader]);
        }
        return WriteHeader(room, (uint)(_sender.Flight.Next + offset), TcpFlags.Ack, sacks);
    }

    /// <summary>Header and options; the SACK blocks are already in their place.</summary>
    int WriteHeader(Span<byte> room, uint sequence, TcpFlags flags, int sacks)
    {
        if (_echoesCongestion)
            flags |= TcpFlags.EcnEcho;
        var length = TcpSegment.MinHeader;
        if (_stamps)
        {
            var option = room.Slice(length, TimestampsSize);
            BinaryPrimitives.WriteUInt32BigEndian(option, TcpSegment.TimestampPrefix);
            BinaryPrimitives.WriteUInt32BigEndian(option[4..], Stamp);
            BinaryPrimitives.WriteUInt32BigEndian(option[8..], _recentStamp);
            length += TimestampsSize;
        }
        if (sacks > 0)
        {
            BinaryPrimitives.WriteUInt32BigEndian(room[length..], TcpSegment.SackPrefix | (uint)(2 + sacks));
            length += 4 + sacks;
        }
        var window = _receiver.Announce(_scales ? _receiveScale : 0);
        TcpSegment.WriteHeader(room, Flow.Local.Port, Flow.Remote.Port, sequence, (uint)_receiver.Next, flags, window, length);
        _receiver.Acked();
        _timers.Clear(TcpTimer.DelayedAck);
        return length;
    }

    /// <summary>Nothing more to send now: what could bring something later?</summary>
    void SetTimers()
    {
        if (State == TcpState.TimeWait)
            return;
        if (_hasSent)
        {
            _hasSent = false;
            _sender.EndBatch(_now.Ticks, ref _timers);
        }
        if (_sender.NeedsPersist && !_timers.IsSet(TcpTimer.Persist))
            _timers.Set(TcpTimer.Persist, _now.Ticks + Math.Min(_sender.Flight.Rtt.BaseTimeout << _persistBackoff, LongestPersist));
        if (_receiver.IsUnacknowledged && !_timers.IsSet(TcpTimer.DelayedAck))
            _timers.Set(TcpTimer.DelayedAck, _now.Ticks + AckDelay);
        if (_receiver.IsStarved || _sender.IsStarved)
            WaitForMemory();
    }
}
