using Macro.Core;
using Macro.Core.Packets;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// The fast path of everything that arrives at the UDP port: opens data messages as one batch, then sends each payload
/// on its way: to a next hop, inward through a client's own nested sessions, to a circuit's end, to the exit's device, or
/// to the owner thread.
/// Belongs to one pump thread and to the batch that it receives into; payloads are moved on in that batch's memory.
/// </summary>
public sealed partial class DatagramPlane
{
    /// <summary>
    /// Datagrams in ten seconds that are not WireGuard and yet go to the owner thread, which needs some 20 µs for each: a
    /// flood of them costs it a twentieth of its time. A busy node of the public DHT gets a hundred in a second.
    /// </summary>
    public const int MostOthers = 25_000;

    /// <summary>Data messages in ten seconds that belong to no session yet and go to the owner thread, which needs a microsecond to see that one is forged.</summary>
    public const int MostEarly = 20_000;

    /// <summary>Notices of denial in ten seconds that go to the owner thread.</summary>
    public const int MostDenials = 1000;

    readonly IndexTable _indices;
    readonly SwitchTable _switches;
    readonly IPlaneOwner _owner;
    readonly PacketBatch _received;
    readonly LayerSealer _sealer;
    readonly HeldSessions _held;
    readonly Deliveries _deliveries;
    readonly AeadJob[] _jobs;
    readonly Arrival[] _arrivals;
    volatile ExitPolicy? _policy;
    Budget _others, _early, _denials;
    int _count;

    /// <summary>One data message that waits to be opened.</summary>
    struct Arrival
    {
        public int Held;
        public int Length;
        public Endpoint Source;
        public Hop? Via;
        public Ecn Ecn;
    }

    public DatagramPlane(PacketBatch received, IndexTable indices, SwitchTable switches, IPlaneOwner owner)
    {
        (_received, _indices, _switches, _owner) = (received, indices, switches, owner);
        var slots = received.Capacity;
        _jobs = new AeadJob[slots];
        _arrivals = new Arrival[slots];
        _sealer = new LayerSealer(slots, owner);
        _held = new HeldSessions(slots);
        Forwarded = new PacketBatch(received, slots);
        Returned = new PacketBatch(Math.Max(received.Buffer.Length * 2, 1 << 17), slots);
        _deliveries = new Deliveries(() => new PacketBatch(received, slots));
        ToExit = new PacketBatch(received, slots);
        ToResolver = new PacketBatch(received, slots);
    }

    /// <summary>Datagrams for next hops.</summary>
    public PacketBatch Forwarded { get; }

    /// <summary>Datagrams back to clients, in their sessions: what next hops answer, and what the exit's policy has to say.</summary>
    public PacketBatch Returned { get; }

    /// <summary>IP packets that came out of this client's circuits, one batch for each end that got any.</summary>
    public ReadOnlySpan<Delivery> ToClient => _deliveries.Made;

    /// <summary>IP packets of exit sessions for the internet, source rewritten.</summary>
    public PacketBatch ToExit { get; }

    /// <summary>IP packets of exit sessions for the exit's resolver, source rewritten.</summary>
    public PacketBatch ToResolver { get; }

    /// <summary>What exit sessions may reach; null while this node is no exit. Any thread.</summary>
    public ExitPolicy? Policy { get => _policy; set => _policy = value; }

    public PlaneCounters Counters { get; } = new();

    /// <summary>Handles everything in the received batch; the output batches are valid until the next call.</summary>
    public void Handle(Instant now)
    {
        Forwarded.Clear();
        Returned.Clear();
        _deliveries.Clear();
        ToExit.Clear();
        ClearOrdered();
        ToResolver.Clear();
        foreach (ref var slot in _received.Slots)
            Classify(slot.Offset, slot.Length, slot.Remote, slot.Ecn, via: null, now);
        _sealer.Flush(Returned.Buffer, now);
        // Each round opens one layer of the client's own circuits; relays and exits are done after the first.
        while (_count > 0)
            OpenLayer(now);
        TakeInOrder(now);
        _sealer.Flush(Returned.Buffer, now);
        _held.ReleaseAll();
    }

    void Classify(int offset, int length, Endpoint source, Ecn ecn, Hop? via, Instant now)
    {
        var datagram = _received.Buffer.AsSpan(offset, length);
        if (!Message.TryReadType(datagram, out var type))
        {
            Other(datagram, source, via, now);
            return;
        }
        if (type != MessageType.Data)
        {
            _owner.PostHandshake(datagram, source, via);
            return;
        }
        _ = Message.TryReadReceiver(datagram, out var index);
        if (_indices.TryFind(index, out var tunnel, out var session) && session is not null && Belongs(session, via))
            Enqueue(session, datagram, offset, length, source, ecn, via, now);
        else if (via is null && _switches.TryFind(source, index, out var channel))
            Return(channel!, datagram, ecn, now);
        else if (session is null && (tunnel is null ? via is null && EarlyKey.MayBe(datagram) : tunnel.Context is Hop)
            && length <= CircuitMtu.Datagram && _early.TrySpend(now, MostEarly))
            _owner.PostHandshake(datagram, source, via);
        else
            Counters.Unknown++;
    }

    /// <summary>What is not WireGuard: the owner's, if the port speaks it, and as much as it has time for beside its work.</summary>
    void Other(ReadOnlySpan<byte> datagram, Endpoint source, Hop? via, Instant now)
    {
        if (via is not null || DatagramKinds.Of(datagram) == DatagramKind.Unknown)
            Counters.Malformed++;
        else if (_others.TrySpend(now, MostOthers))
            _owner.PostOther(datagram, source);
        else
            Counters.Dropped++;
    }

    /// <summary>A hop's messages are taken only by the way that leads to it.</summary>
    static bool Belongs(Session session, Hop? via) => session.Tunnel.Context is Hop hop ? hop.IsReachedBy(via) : via is null;

    void Enqueue(Session session, ReadOnlySpan<byte> datagram, int offset, int length, Endpoint source, Ecn ecn, Hop? via, Instant now)
    {
        var counter = Message.ReadCounter(datagram);
        if (!session.MayOpen(counter, now) || _held.Hold(session) is not (>= 0 and var held))
        {
            Counters.Rejected++;
            return;
        }
        _jobs[_count] = new AeadJob
        {
            Key = session.ReceiveKey,
            Counter = counter,
            Offset = offset + Message.DataHeaderSize,
            Length = length - Message.DataOverhead,
        };
        _arrivals[_count++] = new Arrival { Held = held, Source = source, Length = length, Ecn = ecn, Via = via };
    }

    void OpenLayer(Instant now)
    {
        var count = _count;
        Aead.Open(_received.Buffer, _jobs.AsSpan(0, count));
        for (var i = 0; i < count; i++)
            Accept(ref _jobs[i], _arrivals[i], now);
        // Before anything is passed on: the first message proves a session, and its answer needs that session.
        for (var i = 0; i < _held.Count; i++)
            Note(ref _held[i], now);

        _count = 0;
        for (var i = 0; i < count; i++)
        {
            // Copies: dispatching refills both arrays from the front for the next layer, never past i.
            var (job, arrival) = (_jobs[i], _arrivals[i]);
            if (job.Ok)
                Dispatch(_held[arrival.Held].Session, job, arrival, now);
        }
        _jobs.AsSpan(_count, count - _count).Clear();
    }

    void Accept(ref AeadJob job, in Arrival arrival, Instant now)
    {
        ref var held = ref _held[arrival.Held];
        if (!job.Ok && arrival.Via is { } carrier)
            carrier.Forgeries.Note(arrival.Length);
        job.Ok = job.Ok && held.Session.TryAccept(job.Counter);
        if (!job.Ok)
        {
            Counters.Rejected++;
            return;
        }
        held.Messages++;
        held.Bytes += arrival.Length;
        // Nobody owes an answer to a keepalive, be it empty or of constant size.
        if (job.Length > 0 && _received.Buffer[job.Offset] != (byte)FrameType.Cover)
            held.DataPackets++;
        if (arrival.Via is { } via)
            via.Meter?.NoteReceived(arrival.Length);
        else if (held.Session.Tunnel.Context is Inbound inbound && inbound.HeardFrom(arrival.Source, arrival.Length, now))
            _owner.PostActivity(inbound.Tunnel);
    }

    void Note(ref HeldSessions.Held held, Instant now)
    {
        if (held.Messages > 0 && held.Session.Tunnel.Activity.NoteReceived(held.Session, now, held.DataPackets, held.Bytes))
            _owner.PostActivity(held.Session.Tunnel);
        (held.Messages, held.DataPackets, held.Bytes) = (0, 0, 0);
    }

    void Dispatch(Session session, in AeadJob job, in Arrival arrival, Instant now)
    {
        var payload = _received.Buffer.AsSpan(job.Offset, job.Length);
        var isPacket = job.Length > 0 && payload[0] >> 4 is 4 or 6;
        switch (session.Tunnel.Context)
        {
            case Inbound inbound:
                var outward = isPacket ? ToInternet(inbound, payload, job.Offset, arrival, now) : 0;
                if (!IsKept(inbound.Order, session, job.Counter, payload[..outward], arrival, now) && outward > 0)
                    ToExit.TryAdd(job.Offset, outward, default);
                if (!isPacket && job.Length > 0)
                    Forward(inbound, payload, job.Offset, arrival, now);
                break;
            case Hop hop:
                var inward = isPacket ? ToEnd(hop, payload, arrival.Ecn, now) : 0;
                if (!IsKept(hop.Order, session, job.Counter, payload[..inward], arrival, now) && inward > 0 && hop.Circuit.End is { } end)
                    _deliveries.To(end).TryAdd(job.Offset, inward, default);
                if (!isPacket && job.Length > 0)
                    Inward(hop, payload, job.Offset, arrival.Ecn, now);
                break;
            case var _:
                Counters.Unroutable++;
                break;
        }
    }

    /// <summary>Relay: a frame of a client. Data messages of open channels go to the next hop; what needs thought goes to the owner.</summary>
    void Forward(Inbound inbound, ReadOnlySpan<byte> payload, int offset, in Arrival arrival, Instant now)
    {
        if (!Frame.TryRead(payload, out var frame))
            Counters.Malformed++;
        else if (frame.Type == FrameType.Control)
            Ask(inbound, payload, arrival.Source, now);
        else if (frame.Type == FrameType.Forward)
            Forward(inbound, frame, payload, offset, arrival, now);
    }

    void Forward(Inbound inbound, Frame frame, ReadOnlySpan<byte> payload, int offset, in Arrival arrival, Instant now)
    {
        if (!Message.TryReadType(payload.Slice(Frame.HeaderSize, frame.Length), out var type))
            Counters.Malformed++;
        else if (type == MessageType.Initiation)
            Ask(inbound, payload, arrival.Source, now);
        else if (type == MessageType.Data && frame.Length <= CircuitMtu.Payload - Frame.HeaderSize
            && inbound.FindChannel(frame.Channel) is { } channel && channel.MayPass(now) && channel.NextHop is { IsNone: false } nextHop
            && Forwarded.TryAdd(offset + Frame.HeaderSize, frame.Length, nextHop, Onward(arrival.Ecn)))
            CountRelayed(frame.Length);
        else
            Counters.Unroutable++;
    }

    /// <summary>Only as much as the session has left of its budget: a client cannot fill the mailbox that all share.</summary>
    void Ask(Inbound inbound, ReadOnlySpan<byte> payload, Endpoint source, Instant now)
    {
        if (inbound.MayAsk(now))
            _owner.PostPayload(inbound.Tunnel, payload, source);
        else
            Counters.Dropped++;
    }

    /// <summary>Relay, next hop to client: copied into room for the wrapping, sealed with the rest of the batch.</summary>
    void Return(Channel channel, ReadOnlySpan<byte> datagram, Ecn ecn, Instant now)
    {
        const int headroom = Message.DataHeaderSize + Frame.HeaderSize;
        if (!channel.IsOpen)
            channel.Open();
        var inbound = channel.Owner;
        var length = Frame.HeaderSize + datagram.Length;
        var least = inbound.Tunnel.PadTo;
        if (!inbound.MayAnswer(Math.Max(length, least) + Message.DataOverhead)
            || !Returned.TryReserve(headroom, datagram.Length, RoomBehind(length, least), inbound.Remote, out var index))
        {
            Counters.Dropped++;
            return;
        }
        ref var slot = ref Returned[index];
        slot.Ecn = Onward(ecn);
        datagram.CopyTo(Returned.Buffer.AsSpan(slot.Offset));
        slot.Offset -= Frame.HeaderSize;
        new Frame(FrameType.Forward, 0, (ushort)datagram.Length, channel.Number).Write(Returned.Buffer.AsSpan(slot.Offset));
        if (_sealer.TryAdd(Returned.Buffer, slot.Offset, length, inbound.Tunnel, least, now, out slot.Length))
        {
            slot.Offset -= Message.DataHeaderSize;
            CountRelayed(datagram.Length);
        }
        else
            Counters.Dropped++;
    }

    /// <summary>Client: a relay hands over what came from the next hop; one layer deeper.</summary>
    void Inward(Hop hop, ReadOnlySpan<byte> payload, int offset, Ecn ecn, Instant now)
    {
        if (!Frame.TryRead(payload, out var frame))
            Counters.Malformed++;
        else if (frame.Type == FrameType.Control)
            _owner.PostPayload(hop.Tunnel, payload, default);
        else if (frame.Type == FrameType.Forward && hop.Next is not null && frame.Channel == hop.NextChannel)
            Classify(offset + Frame.HeaderSize, frame.Length, default, ecn, hop, now);
        else if (frame.Type == FrameType.Forward)
            Counters.Unroutable++;
        else
            Counters.CoverBytes += payload.Length + Message.DataOverhead;
    }

    /// <summary>Client: a packet from the exit, for the address that every client has and for no other. Its length; 0: it goes nowhere.</summary>
    int ToEnd(Hop hop, Span<byte> payload, Ecn ecn, Instant now)
    {
        if (hop.Next is null && hop.Circuit.End is not null && IpView.TryParse(payload, out var packet)
            && packet.Destination == AddressPair.Inner.OfFamily(packet.IsV4) && EcnField.TryMark(payload, ecn))
        {
            hop.Circuit.Internet.NoteReceived(packet, now);
            if (DenialNotice.IsFromResolver(packet) && _denials.TrySpend(now, MostDenials))
                _owner.PostPayload(hop.Tunnel, packet.Bytes, default);
            Counters.ClientBytes += packet.Bytes.Length;
            return packet.Bytes.Length;
        }
        Counters.Unroutable++;
        return 0;
    }

    /// <summary>A mark of congestion goes along; everything else leaves as the port sends it.</summary>
    static Ecn Onward(Ecn ecn) => ecn == Ecn.Congestion ? ecn : Ecn.NotCapable;

    void CountRelayed(int bytes)
    {
        Counters.RelayedBytes += bytes;
        Counters.RelayedPackets++;
    }

    /// <summary>Exit: a packet of a client, rewritten where it lies. Its length when it is for the internet; 0: it goes nowhere, or elsewhere.</summary>
    int ToInternet(Inbound inbound, Span<byte> payload, int offset, in Arrival arrival, Instant now)
    {
        if (_policy is not { } policy)
        {
            Counters.Unroutable++;
            return 0;
        }
        if (inbound.Lease is not { } lease)
        {
            Ask(inbound, payload, arrival.Source, now);
            return 0;
        }
        if (!IpView.TryParse(payload, out var view))
        {
            Counters.Malformed++;
            return 0;
        }
        // Without the padding.
        var length = view.Bytes.Length;
        var packet = payload[..length];
        // The resolver's address lies in a range that is always denied: it is no destination outside.
        var isQuery = ExitResolver.IsFor(view);
        if (!isQuery && policy.Decide(view) is not ExitVerdict.Accept and var verdict)
            Deny(inbound, packet, verdict, now);
        else if (!EcnField.TryMark(packet, arrival.Ecn) || !SourceRewrite.Outbound(packet, view, lease.V4, lease.V6) || (isQuery && !ToResolver.TryAdd(offset, length, default)))
            Counters.Unroutable++;
        else
        {
            Counters.ExitBytes += length;
            lease.WasUsed = true;
            return isQuery ? 0 : length;
        }
        return 0;
    }

    /// <summary>A packet that makes no sense is dropped in silence; of one that may not go there the client hears.</summary>
    void Deny(Inbound inbound, ReadOnlySpan<byte> packet, ExitVerdict verdict, Instant now)
    {
        Counters.Denied++;
        if (verdict is not (ExitVerdict.OwnAddress or ExitVerdict.DeniedRange or ExitVerdict.DeniedPort or ExitVerdict.DeniedByRule))
            return;
        var least = inbound.Tunnel.PadTo;
        Span<byte> notice = stackalloc byte[DenialNotice.MaxSize];
        if (!DenialNotice.TryWrite(packet, notice, out var length)
            || !Returned.TryReserve(Message.DataHeaderSize, length, RoomBehind(length, least), inbound.Remote, out var index))
            return;
        ref var slot = ref Returned[index];
        notice[..length].CopyTo(Returned.Buffer.AsSpan(slot.Offset));
        if (_sealer.TryAdd(Returned.Buffer, slot.Offset, length, inbound.Tunnel, least, now, out slot.Length))
            slot.Offset -= Message.DataHeaderSize;
    }

    static int RoomBehind(int length, int least) => Math.Max(least - length, 0) + Message.DataTailroom;
}
