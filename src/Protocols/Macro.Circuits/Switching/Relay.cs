using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// What a node does for others, as a state machine of one owner thread: answers handshakes of anonymous clients, opens
/// channels, switches handshake messages, hands out exit leases. Data messages take the fast path (<see cref="DatagramPlane"/>)
/// over the tables that this class keeps.
/// </summary>
public sealed partial class Relay
{
    /// <summary>An initiation proves little: whoever does not go on within this time is forgotten.</summary>
    internal static readonly TimeSpan Unproven = TimeSpan.FromSeconds(15);

    /// <summary>Packets that find no room wait until those before them have left; that happens when all that is due is done.</summary>
    static readonly TimeSpan s_leastPause = TimeSpan.FromMilliseconds(1);

    /// <summary>Clients probe every 25 s: one that is silent for so long is gone.</summary>
    static readonly TimeSpan s_silent = TimeSpan.FromSeconds(180);

    /// <summary>Nobody is there to be covered who was not heard for so long.</summary>
    static readonly TimeSpan s_coverless = TimeSpan.FromSeconds(45);

    readonly IndexTable _indices;
    readonly SwitchTable _switches;
    readonly IRandom _random;
    readonly SignatureChecks _checks;
    readonly Outbox _outbox;
    readonly Dictionary<PublicKey, Inbound> _inbounds = [];
    readonly Deadlines<Inbound> _deadlines = new();
    readonly HandshakeLoad _load = new();
    readonly Introducer _introducer = new();
    readonly WaitingExtends _waiting = new();
    readonly ReorderMemory _reorder = new();
    readonly byte[] _buffer = new byte[2048];
    readonly byte[] _frame = new byte[2048];
    ListenKey[] _keys = [];

    sealed record ListenKey(PrivateKey Key, HandshakeGate Gate);

    public Relay(IndexTable indices, SwitchTable switches, IHopVerifier verifier, Outbox outbox, IRandom random)
    {
        (_indices, _switches, _checks, _outbox, _random) = (indices, switches, new SignatureChecks(verifier), outbox, random);
        _indices.IsTakenElsewhere = _switches.Uses;
    }

    public RelayOptions Options { get; private set; } = new();

    /// <summary>The exit's addresses; null while this node is no exit.</summary>
    public ExitLeases? Leases { get; private set; }

    /// <summary>How nodes behind NATs are reached that are not registered here; null: not at all.</summary>
    public INeighbours? Neighbours { get; set; }

    /// <summary>Who answers questions about the directory of relays; null: nobody here.</summary>
    public IDirectoryService? Directory { get; set; }

    public RelayCounters Counters { get; } = new();

    /// <summary>IP packets for the internet, ready to go, for which others were waited for in vain. The shell takes them after each step; null: there never were any.</summary>
    public PacketBatch? Released { get; private set; }

    public int Sessions => _inbounds.Count;

    /// <summary>Nodes behind NATs that are reached through this one.</summary>
    public int Registrations => _introducer.Registrations;

    /// <summary>Where they are reached now. For tests.</summary>
    internal IEnumerable<Endpoint> RegisteredEndpoints => _introducer.Endpoints;

    public Instant NextTimeout => _deadlines.Next;

    /// <summary>
    /// The relay keys that clients may address, the one in use first. The relay owns them: a key that is no longer among
    /// them is wiped, and no handshake under it succeeds any more.
    /// </summary>
    public void SetKeys(IReadOnlyList<PrivateKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var old = _keys;
        _keys = [.. keys.Select(key => Array.Find(old, k => k.Key.PublicKey == key.PublicKey) ?? new ListenKey(key, new HandshakeGate(key, _random)))];
        foreach (var gone in old.Except(_keys))
        {
            gone.Gate.Dispose();
            gone.Key.Dispose();
        }
        foreach (var copy in keys.Except(_keys.Select(k => k.Key)))
            copy.Dispose();
    }

    /// <summary>The private part of a relay key that clients may address now; null when it is none. Owned by the relay.</summary>
    public PrivateKey? FindKey(PublicKey key) => Array.Find(_keys, k => k.Key.PublicKey == key)?.Key;

    /// <summary>
    /// From now on this node does this for others. Sessions that use what is no more there end: an address that another
    /// pool gave out must never meet one of the new pool.
    /// </summary>
    /// <param name="leases">The exit's addresses; null when it is no exit.</param>
    public void Configure(RelayOptions options, ExitLeases? leases, Instant now)
    {
        ArgumentNullException.ThrowIfNull(options);
        foreach (var inbound in _inbounds.Values.ToArray())
        {
            var losesExit = inbound.Lease is not null && (!options.IsExit || leases != Leases);
            var losesRelay = inbound.Channels.Length > 0 && !options.IsRelay;
            if (options.PresharedKey != Options.PresharedKey || losesExit || losesRelay || !(options.IsRelay || options.IsExit))
                Remove(inbound, now);
        }
        (Options, Leases) = (options, leases);
        _checks.Forget();
        _early.Begin(now);
    }

    /// <summary>
    /// A handshake message (types 1 to 3) from the network, an initiation of a client or what a next hop answers to one; or data that no session
    /// here has, which may be early.
    /// </summary>
    public void HandleDatagram(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (!Message.TryReadType(datagram, out var type))
            Counters.Malformed++;
        else if (type == MessageType.Initiation)
            HandleInitiation(datagram, source, now);
        else if (type == MessageType.Data)
            HandleEarly(datagram, source, now);
        else if (Message.TryReadReceiver(datagram, out var index) && _switches.TryFind(source, index, out var channel))
            SwitchBack(channel!, index, datagram, now);
        else
            Counters.Unknown++;
    }

    /// <summary>An opened payload of a client's session that the fast path does not handle itself.</summary>
    /// <param name="source">Where it came from.</param>
    public void HandlePayload(Inbound inbound, ReadOnlySpan<byte> payload, Instant now, Endpoint source = default)
    {
        if (!IsServed(inbound))
            return;
        if (!Frame.TryRead(payload, out var frame))
        {
            // A first IP packet without a request: a plain WireGuard client that uses this node as its exit.
            if (payload.Length > 0 && payload[0] >> 4 is 4 or 6 && inbound.Lease is null)
                OpenLease(inbound, now);
            return;
        }
        var body = payload.Slice(Frame.HeaderSize, frame.Length);
        if (frame.Type == FrameType.Control)
            Pad(inbound, frame, payload.Length);
        if (frame.Type == FrameType.Forward)
            SwitchInitiation(inbound, frame.Channel, body, now);
        else if (frame.Type == FrameType.Control)
            HandleControl(inbound, frame.Channel, body, source, now);
    }

    static void Pad(Inbound inbound, Frame frame, int size)
    {
        if ((frame.Flags & Frame.ConstantSize) != 0)
            inbound.Tunnel.Pad(Math.Min(size, CircuitMtu.Payload), Frame.Cover);
    }

    /// <summary>The fast path says that a timer of this session may need setting.</summary>
    public void HandleActivity(Inbound inbound, Instant now)
    {
        if (!IsServed(inbound))
            return;
        inbound.Tunnel.HandleActivity(now);
        Drive(inbound, now);
        if (inbound.TryTakeChallenge(_random, out var unproven, out var token))
            SendFrame(inbound, FrameType.Control, 0, ControlCodec.Encode(new PathChallenge { Token = token }), unproven, now);
    }

    public void HandleTimeout(Instant now)
    {
        while (_deadlines.TryTakeDue(now, out var inbound))
            Drive(inbound, now);
    }

    /// <summary>Ends every session and says so: the node stops serving, and who uses it need not wait for silence.</summary>
    public void CloseAll(Instant now)
    {
        var farewell = ControlCodec.Encode(new Close { Channel = 0 });
        foreach (var inbound in _inbounds.Values.ToArray())
        {
            if (inbound.UnderstandsControl)
                SendFrame(inbound, FrameType.Control, 0, farewell, inbound.Remote, now);
            Remove(inbound, now);
        }
    }

    void HandleInitiation(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        // Half full is load, too: whoever fills the table shall at least show where he is, and keep to his rate.
        var underLoad = _load.Note(now) | 2 * _inbounds.Count > Options.MaxSessions;
        foreach (var (key, gate) in _keys)
        {
            switch (gate.Check(datagram, source, underLoad, now, _buffer, out var replyLength))
            {
                case GateVerdict.ReplyCookie:
                    _outbox.Send(_buffer.AsSpan(0, replyLength), source);
                    Counters.Cookies++;
                    return;
                case GateVerdict.Accept:
                    if (!gate.TryReadInitiation(datagram, now, out var initiation))
                        Counters.Forged++;
                    else
                        using (initiation)
                            Accept(key, initiation, source, now);
                    return;
                case GateVerdict.RateLimited:
                    Counters.RateLimited++;
                    return;
                case var _:
                    continue;
            }
        }
        // Not for any of our keys: silence.
        Counters.Unknown++;
    }

    void Accept(PrivateKey key, ReceivedInitiation initiation, Endpoint source, Instant now)
    {
        if (!_inbounds.TryGetValue(initiation.Remote, out var inbound))
        {
            if (!(Options.IsRelay || Options.IsExit) || _inbounds.Count >= Options.MaxSessions)
            {
                Counters.Refused++;
                return;
            }
            var options = new TunnelOptions { PrivateKey = key, Remote = initiation.Remote, PresharedKey = Options.PresharedKey, MayInitiate = false, Mtu = Options.Mtu, StagedPackets = 4 };
            inbound = new Inbound(new Tunnel(options, _indices, _random), source, key.PublicKey) { Expires = now + Unproven };
            _inbounds[initiation.Remote] = inbound;
        }
        // A client that comes again takes the long way.
        var early = inbound.Tunnel.Activity.LastReceived == default && _early.IsFresh(initiation, now)
            ? initiation.DeriveEarlyKey(Options.PresharedKey)
            : null;
        var output = inbound.Tunnel.AcceptInitiation(initiation, _buffer, now);
        if (output.Kind == TunnelOutputKind.ToNetwork)
        {
            TakeEvents(inbound);
            inbound.RespondedTo(source);
            _outbox.Send(_buffer.AsSpan(0, output.Length), source);
            Counters.Handshakes++;
            if (early is not null)
                _early.Expect(inbound, early);
        }
        else
            early?.Dispose();
        Drive(inbound, now);
    }

    /// <summary>Client to next hop: the one place where a channel learns a receiver index.</summary>
    void SwitchInitiation(Inbound inbound, uint number, ReadOnlySpan<byte> message, Instant now)
    {
        if (!Message.TryReadType(message, out var type) || type != MessageType.Initiation || !Message.TryReadSender(message, out var index))
            Counters.Unroutable++;
        else if (inbound.FindChannel(number) is not { } channel)
            Counters.Unroutable += _waiting.TryHold(inbound, number, message) ? 0 : 1;
        else if (channel.NextHop.IsNone)
            Counters.Unroutable++;
        else if (!channel.MayInitiate(now) || !inbound.MayInitiate(now))
            Counters.RateLimited++;
        else if (TryBind(channel, index))
            _outbox.Send(message, channel.NextHop);
        else
            Answer(inbound, number, new StatusAnswer(ControlType.Bind) { Status = ControlStatus.Busy }, now);
    }

    /// <summary>Next hop to client, handshake messages: the answer that opens the channel.</summary>
    void SwitchBack(Channel channel, uint index, ReadOnlySpan<byte> message, Instant now)
    {
        channel.Open(index);
        SendFrame(channel.Owner, FrameType.Forward, channel.Number, message, channel.Owner.Remote, now);
    }

    /// <summary>False when the index is one of our own sessions', or another channel has it.</summary>
    bool TryBind(Channel channel, uint index) => !_indices.TryFind(index, out _, out _) && _switches.TryBind(channel, index);

    bool OpenLease(Inbound inbound, Instant now)
    {
        if (inbound.Lease is not null)
            return true;
        if (!Options.IsExit || Leases?.TryRent(inbound, now) is not { } lease)
            return false;
        inbound.SetLease(lease);
        return true;
    }

    void Answer(Inbound inbound, uint request, ControlAnswer answer, Instant now) =>
        SendFrame(inbound, FrameType.Control, request, ControlCodec.Encode(answer), inbound.Remote, now);

    void SendFrame(Inbound inbound, FrameType type, uint channel, ReadOnlySpan<byte> body, Endpoint to, Instant now)
    {
        var output = inbound.Tunnel.Encapsulate(Frame.Wrap(_frame, type, channel, body), _buffer, now);
        if (output.Kind == TunnelOutputKind.ToNetwork && inbound.MayAnswer(output.Length))
        {
            inbound.Paths?.NoteSent(to, output.Length);
            _outbox.Send(_buffer.AsSpan(0, output.Length), to);
        }
        Schedule(inbound, now);
    }

    void Drive(Inbound inbound, Instant now)
    {
        TakeEvents(inbound);
        while (inbound.Tunnel.HandleTimeout(_buffer, now) is { Kind: TunnelOutputKind.ToNetwork } output)
        {
            TakeEvents(inbound);
            _outbox.Send(_buffer.AsSpan(0, output.Length), inbound.Remote);
        }
        TakeEvents(inbound);
        if (inbound.Order is { } order && order.NextTimeout <= now)
            order.Release(Released ??= ReorderMemory.MakeBatch(), now);
        SendCover(inbound, now);
        if (inbound.IsProven)
            inbound.Expires = inbound.Tunnel.Activity.LastReceived + s_silent;
        if (now >= inbound.Expires)
            Remove(inbound, now);
        else
            Schedule(inbound, now);
    }

    void SendCover(Inbound inbound, Instant now)
    {
        if (inbound.Cover?.TrySend(inbound.Tunnel.Activity.LastSent, now) != true)
            return;
        // Clients probe more often: this one is gone.
        if (now - inbound.Tunnel.Activity.LastReceived > s_coverless)
            inbound.Cover = null;
        else if (inbound.Tunnel.KeepAlive(_buffer, now) is { Kind: TunnelOutputKind.ToNetwork } output)
            _outbox.Send(_buffer.AsSpan(0, output.Length), inbound.Remote);
    }

    void TakeEvents(Inbound inbound)
    {
        while (inbound.Tunnel.TryTakeEvent(out var happened))
        {
            if (happened.Kind != TunnelEventKind.SessionEstablished)
                continue;
            inbound.IsProven = true;
            inbound.HandleConfirmed();
            _early.Forget(inbound);
        }
    }

    void Schedule(Inbound inbound, Instant now)
    {
        if (IsServed(inbound))
            _deadlines.Set(inbound, Instant.Min(
                Instant.Min(inbound.Cover?.NextTimeout ?? Instant.Never, inbound.Order is { } order ? Instant.Max(order.NextTimeout, now + s_leastPause) : Instant.Never),
                Instant.Min(inbound.Tunnel.NextTimeout, inbound.Expires)));
    }

    /// <summary>False for a session that ended while something of it was still on its way to the owner thread.</summary>
    bool IsServed(Inbound inbound) => _inbounds.GetValueOrDefault(inbound.Tunnel.Remote) == inbound;

    void Remove(Channel channel)
    {
        _switches.UnbindAll(channel);
        channel.Owner.Remove(channel);
        if (channel.Reached is { } reached)
            reached.Channels--;
    }

    void Remove(Inbound inbound, Instant now)
    {
        foreach (var channel in inbound.Channels)
            Remove(channel);
        _introducer.Forget(inbound);
        _waiting.Forget(inbound);
        _early.Forget(inbound);
        if (inbound.Lease is { } lease)
        {
            inbound.SetLease(null);
            Leases?.Return(lease, now);
        }
        inbound.Order?.Dispose();
        _deadlines.Remove(inbound);
        _inbounds.Remove(inbound.Tunnel.Remote);
        inbound.Tunnel.Dispose();
    }
}
