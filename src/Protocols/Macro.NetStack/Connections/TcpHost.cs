using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>
/// The TCP connections of a stack: who gets a segment, who may come, who transmits next, who waits until when. What a
/// connection does with a segment is the connection's affair.
/// </summary>
sealed class TcpHost
{
    readonly StackOptions _options;
    readonly AddressRules _addresses;
    readonly PathMtus _paths;
    readonly IcmpSender _icmp;
    readonly PacketSender _control;
    readonly TcpMemory _memory;
    readonly StackCounters _counters;
    readonly InitialSequence _sequences;
    readonly EphemeralPorts _ports;
    readonly Dictionary<FlowKey, HeldConnection> _table;
    readonly Dictionary<Endpoint, object> _listeners = [];
    readonly Deadlines<HeldConnection> _deadlines = new();
    readonly HalfOpen _halfOpen;
    readonly AgeList _timeWait = new();
    readonly TransmitRing _ring;
    readonly ReadyList _ready = new();
    readonly MemoryRelief _relief;
    readonly TcpOptions _optionsV4, _optionsV6;
    HeldConnection? _latest;

    public TcpHost(StackOptions options, AddressRules addresses, PathMtus paths, IcmpSender icmp, PacketSender control, TcpMemory memory, StackCounters counters, IRandom random)
    {
        (_options, _addresses, _paths, _icmp, _control, _memory, _counters) = (options, addresses, paths, icmp, control, memory, counters);
        _sequences = new InitialSequence(random);
        _ports = new EphemeralPorts(options.FirstEphemeralPort, random);
        _table = new Dictionary<FlowKey, HeldConnection>(new FlowComparer(random));
        _halfOpen = new HalfOpen(options.MaxHalfOpen, options.MaxHalfOpenPerSource);
        _relief = new MemoryRelief(memory);
        _ring = new TransmitRing(options.SegmentsPerTurn);
        _optionsV4 = options.Tcp with { Mss = options.Mtu - HeadersOf(v4: true) };
        _optionsV6 = options.Tcp with { Mss = options.Mtu - HeadersOf(v4: false) };
    }

    public int Count => _table.Count;

    public int HalfOpenCount => _halfOpen.List.Count;

    public bool HasOutput => _ring.First is not null;

    public Instant NextTimeout => _deadlines.Next;

    /// <summary>Takes what no other listener does.</summary>
    public object? AnyListener { get; set; }

    public void Listen(Endpoint local, object context) => _listeners.Add(local, context);

    public void Unlisten(Endpoint local) => _listeners.Remove(local);

    public bool TryTakeReady([NotNullWhen(true)] out TcpConnection? connection) => _ready.TryTake(out connection);

    /// <summary>The payload of an IP packet that came in.</summary>
    public void Receive(in IpView ip, Instant now)
    {
        if (!TcpSegment.TryParse(ip.Payload, out var segment) || segment.SourcePort == 0 || segment.DestinationPort == 0)
        {
            _counters.Malformed++;
            return;
        }
        if (!ip.HasRightPayloadChecksum)
        {
            _counters.BadChecksum++;
            return;
        }
        var flow = new FlowKey(new Endpoint(ip.Destination, segment.DestinationPort), new Endpoint(ip.Source, segment.SourcePort));
        if (Find(flow) is { } held)
        {
            if (held.Connection.State != TcpState.TimeWait || !held.Connection.MayBeReplacedBy(segment))
            {
                held.Connection.Receive(segment, (Ecn)(ip.TrafficClass & 3), now);
                Touch(held);
                Follow(held);
                return;
            }
            Remove(held);
        }
        if ((segment.Flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Reset)) == TcpFlags.Syn
            && (_listeners.TryGetValue(flow.Local, out var listener) || (listener = AnyListener) is not null))
            Open(flow, segment, listener, now);
        else
            Refuse(flow, segment, now);
    }

    public TcpConnection? Connect(Endpoint remote, object? context, Instant now)
    {
        if (!_addresses.TryFind(remote.Address.IsV4, out var local) || !TryMakeRoom(now) || !_ports.TryChoose(local, remote, _table, out var flow))
        {
            _counters.ConnectionsRefused++;
            return null;
        }
        var isn = _sequences.Next(flow, now);
        var connection = TcpConnection.Connect(flow, OptionsFor(remote.Address, now), _memory, isn, _sequences.TimestampOffset(flow), now);
        connection.Context = context;
        Touch(Hold(connection, isn));
        return connection;
    }

    /// <summary>The next segment as a packet. False: nobody has anything to send now.</summary>
    public bool TryTransmit(Span<byte> room, Instant now, out int length)
    {
        length = 0;
        while (_ring.First is { } held)
        {
            var flow = held.Connection.Flow;
            var v4 = flow.Local.Address.IsV4;
            var header = IpHeader.Size(v4);
            Decide(held, now);
            if (held.IsInTable && held.Connection.TryTransmit(room[header..], now, out var segment, out var ecn))
            {
                length = header + segment;
                Finish(room[..length], flow, ecn);
                _ring.NoteSent();
                return true;
            }
            _ring.RemoveFirst();
            Settle(held);
        }
        return false;
    }

    public void HandleTimeout(Instant now)
    {
        while (_deadlines.TryTakeDue(now, out var held))
        {
            held.WakesAt = Instant.Never;
            if (held.Connection.NextTimeout <= now)
            {
                held.Connection.HandleTimeout(now);
                Follow(held);
                Touch(held);
            }
            else
                Wait(held);
        }
    }

    /// <summary>An ICMP error about a segment. False: no connection has it in flight (RFC 5927 4.1).</summary>
    public bool HandleError(in QuotedPacket quoted, IcmpError error)
    {
        if (!_table.TryGetValue(new FlowKey(quoted.Source, quoted.Destination), out var held))
            return false;
        var connection = held.Connection;
        // The connection itself checks what is said about its SYN.
        if (connection.State == TcpState.SynSent ? error.Reason == IcmpReason.PacketTooBig : !connection.IsInFlight(quoted.SequenceNumber))
            return false;
        if (error.Reason == IcmpReason.PacketTooBig)
        {
            connection.HandlePathMtu(error.Mtu - HeadersOf(quoted.Source.Address.IsV4), quoted.SequenceNumber);
        }
        else
        {
            var failure = error.Reason switch
            {
                IcmpReason.NoRoute or IcmpReason.HostUnreachable or IcmpReason.TimeExceeded => TcpFailure.Unreachable,
                IcmpReason.PortUnreachable or IcmpReason.ProtocolUnreachable => TcpFailure.Refused,
                IcmpReason.Prohibited => TcpFailure.Prohibited,
                IcmpReason.None or IcmpReason.PacketTooBig or IcmpReason.ReassemblyTimeExceeded or IcmpReason.ParameterProblem => TcpFailure.None,
                _ => TcpFailure.None,
            };
            if (failure != TcpFailure.None)
                connection.HandleUnreachable(failure, quoted.SequenceNumber);
        }
        Follow(held);
        Touch(held);
        return true;
    }

    /// <summary>There may be something to transmit, or another time to wait for.</summary>
    public void Touch(HeldConnection held)
    {
        if (held.IsInTable)
            _ring.Add(held);
    }

    HeldConnection? Find(FlowKey flow)
    {
        // Segments come in runs of one connection.
        if (_latest is { IsInTable: true } latest && latest.Connection.Flow == flow)
            return latest;
        return _table.TryGetValue(flow, out var held) ? _latest = held : null;
    }

    void Open(FlowKey flow, in TcpSegment syn, object listener, Instant now)
    {
        if (_halfOpen.IsFullFor(flow.Remote.Address) || !TryMakeRoom(now))
        {
            _counters.ConnectionsRefused++;
            return;
        }
        if (_halfOpen.IsFull)
        {
            _counters.HalfOpenDropped++;
            Drop(_halfOpen.List.Oldest!);
        }
        var connection = TcpConnection.Accept(flow, syn, OptionsFor(flow.Remote.Address, now), _memory, _sequences.Next(flow, now), _sequences.TimestampOffset(flow), now);
        connection.Context = listener;
        var held = Hold(connection, syn.Sequence);
        held.AwaitsDecision = true;
        _halfOpen.Add(held);
        connection.TakeReadiness();
        _ready.Add(held);
        Touch(held);
    }

    /// <summary>An answer to a segment of no connection, but never to a reset, and not more often than ICMP.</summary>
    void Refuse(FlowKey flow, in TcpSegment segment, Instant now)
    {
        _counters.UnknownSegments++;
        if (!TcpSegment.TryMakeReset(segment, out var reset) || !_icmp.MaySend(flow.Remote.Address, now))
            return;
        Span<byte> bytes = stackalloc byte[TcpSegment.MaxHeader];
        var header = new IpHeader(flow.Local.Address, flow.Remote.Address, IpProtocol.Tcp, _options.TimeToLive);
        if (!reset.TryWrite(bytes, out var length) || !_control.TryAdd(header, length, out var room))
            return;
        bytes[..length].CopyTo(room);
        var pseudo = Checksum.PseudoHeader(flow.Local.Address, flow.Remote.Address, IpProtocol.Tcp, length);
        BinaryPrimitives.WriteUInt16BigEndian(room[TcpView.ChecksumOffset..], Checksum.Finish(Checksum.Sum(room, pseudo)));
        _counters.ResetsSent++;
    }

    HeldConnection Hold(TcpConnection connection, uint firstSequence)
    {
        var held = new HeldConnection(this, connection, firstSequence);
        connection.Owner = held;
        _table.Add(connection.Flow, held);
        return held;
    }

    /// <summary>Room for one more; the oldest in TIME-WAIT goes first, as it has nothing to lose but late segments.</summary>
    bool TryMakeRoom(Instant now)
    {
        if (_table.Count >= _options.MaxConnections && _timeWait.Oldest is { } oldest)
            Remove(oldest);
        if (!_memory.AdmitsConnection)
            Relieve(now);
        return _table.Count < _options.MaxConnections && _memory.AdmitsConnection;
    }

    void Relieve(Instant now)
    {
        foreach (var held in _relief.Choose(_table.Values, now))
        {
            _counters.Relieved++;
            held.Connection.Abort();
            _ready.Add(held);
        }
    }

    /// <summary>Looks what became of a connection that heard something.</summary>
    void Follow(HeldConnection held)
    {
        var state = held.Connection.State;
        if (held.List == _halfOpen.List && !held.Connection.IsIncoming && state != TcpState.SynReceived)
            _halfOpen.Remove(held);
        if (state == TcpState.TimeWait && held.List is null)
            _timeWait.Add(held);
        if (held.Connection.TakeReadiness())
            _ready.Add(held);
    }

    /// <summary>A connection has nothing more to send now: it waits, or is over.</summary>
    void Settle(HeldConnection held)
    {
        if (!held.IsInTable)
            return;
        Follow(held);
        if (held.Connection.IsFinished)
            Remove(held);
        else
            Wait(held);
    }

    /// <summary>The deadlines are moved forward only; one that comes too early costs less than moving it with every segment.</summary>
    void Wait(HeldConnection held)
    {
        var when = held.Connection.NextTimeout;
        if (when >= held.WakesAt)
            return;
        held.WakesAt = when;
        _deadlines.Set(held, when);
    }

    /// <summary>
    /// The shell may have decided about a connection that came in. Where it says no for a reason that a reset would not
    /// tell, the sender of the SYN hears it by ICMP.
    /// </summary>
    void Decide(HeldConnection held, Instant now)
    {
        if (!held.AwaitsDecision || held.Connection.IsIncoming)
            return;
        held.AwaitsDecision = false;
        var reason = held.Connection.Failure switch
        {
            TcpFailure.Unreachable or TcpFailure.TimedOut => IcmpReason.HostUnreachable,
            TcpFailure.Prohibited => IcmpReason.Prohibited,
            TcpFailure.None or TcpFailure.Refused or TcpFailure.Reset or TcpFailure.Aborted or TcpFailure.OutOfMemory => IcmpReason.None,
            _ => IcmpReason.None,
        };
        if (reason == IcmpReason.None)
            return;
        held.Connection.DropReset();
        if (_icmp.MaySend(held.Connection.Flow.Remote.Address, now))
            Report(held, reason);
    }

    void Report(HeldConnection held, IcmpReason reason)
    {
        var flow = held.Connection.Flow;
        var syn = new TcpSegment { SourcePort = flow.Remote.Port, DestinationPort = flow.Local.Port, Sequence = held.FirstSequence, Flags = TcpFlags.Syn };
        Span<byte> packet = stackalloc byte[Ipv6View.FixedHeader + TcpSegment.MaxHeader];
        var header = IpHeader.Size(flow.Local.Address.IsV4);
        if (!syn.TryWrite(packet[header..], out var length))
            return;
        packet = packet[..(header + length)];
        Finish(packet, new FlowKey(flow.Remote, flow.Local), Ecn.NotCapable);
        _icmp.TrySendError(new IcmpError(reason, flow.Local.Address), flow.Remote.Address, packet);
    }

    public void AbortAll()
    {
        // What is touched may leave the table.
        foreach (var held in _table.Values.ToArray())
            held.Connection.Abort();
    }

    /// <summary>Forgets a half-open connection without a word; the shell sees that it is closed.</summary>
    void Drop(HeldConnection held)
    {
        Remove(held);
        held.Connection.Abort();
        _ready.Add(held);
    }

    void Remove(HeldConnection held)
    {
        held.IsInTable = false;
        _table.Remove(held.Connection.Flow);
        _deadlines.Remove(held);
        if (held.List == _halfOpen.List)
            _halfOpen.Remove(held);
        else
            held.List?.Remove(held);
        if (_latest == held)
            _latest = null;
    }

    void Finish(Span<byte> packet, FlowKey flow, Ecn ecn)
    {
        var (local, remote) = (flow.Local.Address, flow.Remote.Address);
        new IpHeader(local, remote, IpProtocol.Tcp, _options.TimeToLive, (byte)ecn).Write(packet);
        var segment = packet[IpHeader.Size(local.IsV4)..];
        var addresses = local.IsV4 ? packet.Slice(12, 8) : packet.Slice(8, 32);
        var sum = Checksum.Sum(segment, Checksum.PseudoHeader(addresses, IpProtocol.Tcp, segment.Length));
        BinaryPrimitives.WriteUInt16BigEndian(segment[TcpView.ChecksumOffset..], Checksum.Finish(sum));
    }

    TcpOptions OptionsFor(IpAddress remote, Instant now)
    {
        var (options, mtu) = (remote.IsV4 ? _optionsV4 : _optionsV6, _paths.Find(remote, now));
        return mtu == _options.Mtu ? options : options with { Mss = mtu - HeadersOf(remote.IsV4) };
    }

    static int HeadersOf(bool v4) => IpHeader.Size(v4) + TcpView.SmallestHeader;
}
