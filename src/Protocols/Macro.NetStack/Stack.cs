using System.Diagnostics.CodeAnalysis;
using Macro.Core;
using Macro.Core.Packets;

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
    /// <summary>Bytes of ICMP and resets that wait.</summary>
    const int MostControlBytes = 1 << 16;

    readonly AddressRules _addresses;
    readonly PathMtus _paths;
    readonly Reassembly _reassembly;
    readonly PacketSender _control, _datagrams;
    readonly IcmpSender _icmpSender;
    readonly IcmpHost _icmp;
    readonly UdpPorts _udp;
    readonly TcpHost _tcp;
    bool _datagramsNext;

    /// <param name="memory">Of TCP; stacks under one lock may share it.</param>
    public Stack(StackOptions options, TcpMemory memory, IRandom random)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Mtu, 1280, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Mtu, ushort.MaxValue, nameof(options));
        Options = options;
        _addresses = new AddressRules(options.Addresses, options.FarLoopback);
        _paths = new PathMtus(options.Mtu, options.MaxPathMtus);
        _reassembly = new Reassembly(options, Counters);
        _control = new PacketSender(MostControlBytes, _paths, random);
        _datagrams = new PacketSender(options.MaxDatagramBytes, _paths, random);
        _icmpSender = new IcmpSender(options, _addresses, _control, Counters);
        _udp = new UdpPorts(options, _addresses, _datagrams, Counters, random);
        _tcp = new TcpHost(options, _addresses, _paths, _icmpSender, _control, memory, Counters, random);
        _icmp = new IcmpHost(_addresses, _paths, _icmpSender, _tcp, _udp, Counters);
    }

    public StackOptions Options { get; }

    public StackCounters Counters { get; } = new();

    /// <summary>TCP connections in any state.</summary>
    public int ConnectionCount => _tcp.Count;

    /// <summary>Incoming connections whose handshake is not over.</summary>
    public int HalfOpenCount => _tcp.HalfOpenCount;

    /// <summary>Datagrams are queued faster than they are taken: read no more from outside until they are.</summary>
    public bool IsBusyWithDatagrams => _datagrams.IsBusy;

    /// <summary>Something may wait for <see cref="TryTransmit"/>.</summary>
    public bool HasOutput => _tcp.HasOutput || !_control.IsEmpty || !_datagrams.IsEmpty;

    /// <summary>When to call <see cref="HandleTimeout"/>; <see cref="Instant.Never"/> when nothing waits.</summary>
    public Instant NextTimeout => Instant.Min(_tcp.NextTimeout, _reassembly.NextTimeout);

    /// <summary>One IP packet. Its bytes may be changed.</summary>
    public void Receive(Span<byte> packet, Instant now)
    {
        Counters.ReceivedPackets++;
        Counters.ReceivedBytes += packet.Length;
        if (!IpView.TryParse(packet, out var ip))
            Counters.Malformed++;
        else if (!ip.HasRightChecksum)
            Counters.BadChecksum++;
        else if (!_addresses.Accepts(ip))
            Counters.BadAddress++;
        else if (!ip.IsFragment)
            Dispatch(ip, now);
        else if (_reassembly.TryAdd(ip.Bytes, now, out var whole))
        {
            // Only now are the headers behind the fragment header known.
            if (IpView.TryParse(whole, out ip) && !ip.IsFragment && !ip.IsSourceRouted)
                Dispatch(ip, now);
            else
                Counters.Malformed++;
        }
    }

    /// <summary>
    /// The next IP packet, its checksums complete. <paramref name="room"/> has at least <see cref="StackOptions.Mtu"/> bytes.
    /// False: nothing more to send now.
    /// </summary>
    public bool TryTransmit(Span<byte> room, Instant now, out int length)
    {
        // Datagrams and segments by turns: neither keeps the other waiting.
        _datagramsNext = !_datagramsNext;
        var sent = _control.TryTransmit(room, now, out length)
            || (_datagramsNext && _datagrams.TryTransmit(room, now, out length))
            || _tcp.TryTransmit(room, now, out length)
            || _datagrams.TryTransmit(room, now, out length)
            // A connection that came to rest may have left a word behind.
            || _control.TryTransmit(room, now, out length);
        if (sent)
        {
            Counters.SentPackets++;
            Counters.SentBytes += length;
        }
        return sent;
    }

    public void HandleTimeout(Instant now)
    {
        _tcp.HandleTimeout(now);
        while (_reassembly.TryTakeExpired(now, out var beginning))
            if (IpView.TryParse(beginning, out var ip))
                _icmpSender.TrySendError(IcmpReason.ReassemblyTimeExceeded, ip, now);
    }

    /// <summary>
    /// A connection that came, was established, became readable or writable, ended or failed since it was taken last.
    /// One that has just come has the <see cref="TcpConnection.Context"/> that its listener was given.
    /// </summary>
    public bool TryTakeReady([NotNullWhen(true)] out TcpConnection? connection) => _tcp.TryTakeReady(out connection);

    /// <summary>
    /// Opens a connection from a random free port (RFC 6056 3.3.1). Null: too many connections, no memory, or no address
    /// of that family.
    /// </summary>
    public TcpConnection? Connect(Endpoint remote, object? context, Instant now) => _tcp.Connect(remote, context, now);

    /// <summary>Gives every connection up, also those whose owners have let go of them: all buffers are free after it.</summary>
    public void AbortAll() => _tcp.AbortAll();

    /// <summary>
    /// Takes connections to one endpoint. They turn up in <see cref="TryTakeReady"/> with <paramref name="context"/> and wait
    /// for <see cref="TcpConnection.AcceptIncoming"/> or <see cref="TcpConnection.RejectIncoming"/>.
    /// </summary>
    public void Listen(Endpoint local, object context) => _tcp.Listen(local, context);

    public void Unlisten(Endpoint local) => _tcp.Unlisten(local);

    /// <summary>Takes connections to every endpoint that has no listener of its own.</summary>
    public void ListenAny(object context) => _tcp.AnyListener = context;

    /// <summary>Gives the datagrams to one endpoint to a handler. False: taken, or not an address of the stack.</summary>
    public bool TryBind(Endpoint local, IUdpHandler handler) => _udp.TryBind(local, handler);

    /// <summary>Binds a random free port of the stack's own address. False: none is free, or no address of that family.</summary>
    public bool TryBind(bool v4, IUdpHandler handler, out Endpoint local) => _udp.TryBind(v4, handler, out local);

    /// <summary>Gives the datagrams to every endpoint that has no handler of its own to this one.</summary>
    public void BindAny(IUdpHandler handler) => _udp.Any = handler;

    public void Unbind(Endpoint local) => _udp.Unbind(local);

    /// <summary>
    /// Queues a datagram; one that is larger than the path takes goes in fragments. False, dropped: too large for UDP,
    /// families that differ, or the queue is full.
    /// </summary>
    public bool TrySend(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload) => _udp.TrySend(local, remote, payload);

    /// <summary>Whoever answers echo requests to addresses that are not the stack's own. Null: nobody.</summary>
    public IEchoHandler? EchoHandler { get => _icmp.EchoHandler; set => _icmp.EchoHandler = value; }

    /// <summary>Queues the answer to an echo request: source and destination are those of the answer.</summary>
    public bool TrySendEchoReply(Echo reply, ReadOnlySpan<byte> data) => _icmp.TrySendEchoReply(reply, data);

    /// <summary>Tells the sender of a datagram or echo request that came in earlier what became of it outside.</summary>
    /// <param name="error">The reporter becomes the source of the message; one of another family: the destination of the datagram.</param>
    /// <param name="source">Who sent the datagram, and hears of it.</param>
    /// <param name="destination">Where it was to go.</param>
    /// <param name="payload">As much of it as is known.</param>
    public bool TrySendError(IcmpError error, Endpoint source, Endpoint destination, ReadOnlySpan<byte> payload, Instant now) =>
        _icmp.TrySendError(error, source, destination, payload, now);

    /// <summary>As <see cref="TrySendError(IcmpError, Endpoint, Endpoint, ReadOnlySpan{byte}, Instant)"/>, of an echo request.</summary>
    public bool TrySendError(IcmpError error, Echo request, ReadOnlySpan<byte> data, Instant now) => _icmp.TrySendError(error, request, data, now);

    void Dispatch(in IpView ip, Instant now)
    {
        if (!ExtensionHeaders.AreUnderstood(ip))
        {
            Counters.UnknownProtocol++;
            return;
        }
        switch (ip.Protocol)
        {
            case IpProtocol.Tcp:
                _tcp.Receive(ip, now);
                break;
            case IpProtocol.Udp:
                ReceiveDatagram(ip, now);
                break;
            case IpProtocol.Icmp when ip.IsV4:
            case IpProtocol.IcmpV6 when !ip.IsV4:
                _icmp.Receive(ip, now);
                break;
            case IpProtocol.NoNextHeader when !ip.IsV4:
                break;
            case var _:
                Counters.UnknownProtocol++;
                _icmpSender.TrySendError(IcmpReason.ProtocolUnreachable, ip, now);
                break;
        }
    }

    void ReceiveDatagram(in IpView ip, Instant now)
    {
        if (!UdpView.TryParse(ip.Payload, out var datagram) || datagram.DestinationPort == 0)
            Counters.Malformed++;
        // IPv4 allows none; IPv6 does not (RFC 8200 8.1).
        else if (datagram.StatedChecksum == 0 ? !ip.IsV4 : !IsRight(ip, datagram))
            Counters.BadChecksum++;
        else if (_udp.Receive(ip, datagram, now) is not IcmpReason.None and var reason)
            _icmpSender.TrySendError(reason, ip, now);
    }

    /// <summary>The checksum covers the datagram, which may be shorter than the payload of the packet.</summary>
    static bool IsRight(in IpView ip, in UdpView datagram) =>
        Checksum.Fits(Checksum.Sum(datagram.Bytes, Checksum.PseudoHeader(ip.Addresses, IpProtocol.Udp, datagram.Bytes.Length)));
}
