using System.Diagnostics.CodeAnalysis;
using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>
/// A WireGuard interface as wg(8) knows it: peers with allowed IPs and endpoints behind one UDP port. A pure composite of
/// <see cref="Tunnel"/>s, owned by one thread. Packets go by the pump threads' <see cref="Sealer"/> and <see cref="Opener"/>;
/// what these cannot do comes back to the owner through an <see cref="IDeviceSink"/>. After every verb the owner sends what
/// <see cref="TryTakeTransmit"/> gives, and calls <see cref="HandleTimeout"/> at <see cref="NextTimeout"/>.
/// </summary>
public sealed partial class Device : IDisposable
{
    /// <summary>Free bytes that a packet from the TUN needs before and behind it, to be sealed where it lies.</summary>
    public const int Headroom = Message.DataHeaderSize, Tailroom = Message.DataTailroom;

    static readonly TimeSpan s_loadMemory = TimeSpan.FromSeconds(1);

    readonly IRandom _random;
    readonly Dictionary<PublicKey, Peer> _peers = [];
    readonly Deadlines<Peer> _deadlines = new();
    readonly Queue<Transmit> _transmits = new();
    readonly Queue<DeviceEvent> _events = new();
    readonly byte[] _buffer = new byte[ushort.MaxValue];
    HandshakeGate? _gate;
    Instant _loadedUntil;
    bool _up = true;

    public Device(IRandom random, int mtu = 1420)
    {
        _random = random;
        Mtu = mtu;
    }

    public IndexTable Indices { get; } = new();

    public AllowedIps AllowedIps { get; } = new();

    public IReadOnlyCollection<Peer> Peers => _peers.Values;

    /// <summary>Null until set; owned.</summary>
    public PrivateKey? PrivateKey { get; private set; }

    /// <summary>The port that is bound or wanted; the shell writes back which one it got.</summary>
    public ushort ListenPort { get; set; }

    /// <summary>0 is none.</summary>
    public uint FirewallMark { get; private set; }

    /// <summary>Inner MTU in bytes, up to which packets are padded.</summary>
    public int Mtu { get; private set; }

    /// <summary>When <see cref="HandleTimeout"/> wants to be called.</summary>
    public Instant NextTimeout => _deadlines.Next;

    /// <summary>An initiation, response or cookie reply that came from <paramref name="source"/>.</summary>
    /// <param name="underLoad">More handshakes wait than can be answered soon: sources must prove their address by a cookie. Holds for one second on.</param>
    public void HandleHandshake(ReadOnlySpan<byte> datagram, Endpoint source, bool underLoad, Instant now)
    {
        if (_gate is null || !Message.TryReadType(datagram, out var type))
            return;
        if (underLoad)
            _loadedUntil = now + s_loadMemory;
        if (type is MessageType.Initiation or MessageType.Response)
        {
            Span<byte> reply = stackalloc byte[Message.CookieReplySize];
            var verdict = _gate.Check(datagram, source, now < _loadedUntil, now, reply, out var length);
            if (verdict == GateVerdict.ReplyCookie)
                _transmits.Enqueue(new Transmit(reply[..length].ToArray(), source));
            if (verdict != GateVerdict.Accept)
                return;
        }
        if (type == MessageType.Initiation)
            HandleInitiation(datagram, source, now);
        else if (Message.TryReadReceiver(datagram, out var index) && Indices.TryFind(index, out var tunnel, out _) && tunnel?.Context is Peer peer)
            Take(peer, tunnel.Decapsulate(datagram, _buffer, now), source, now);
    }

    /// <summary>A packet that the fast path could not seal: it is staged, and a handshake begins.</summary>
    public void HandlePacket(Peer peer, ReadOnlySpan<byte> packet, Instant now)
    {
        ArgumentNullException.ThrowIfNull(peer);
        if (peer.Tunnel is { } tunnel)
            Take(peer, tunnel.Encapsulate(packet, _buffer, now), default, now);
    }

    /// <summary>The fast path asked for a look at this peer's timers.</summary>
    public void HandleActivity(Peer peer, Instant now)
    {
        ArgumentNullException.ThrowIfNull(peer);
        peer.Tunnel?.HandleActivity(now);
        Drain(peer, now);
    }

    /// <summary>Runs the timers that are due.</summary>
    public void HandleTimeout(Instant now)
    {
        while (_deadlines.TryTakeDue(now, out var peer))
            Drain(peer, now);
    }

    /// <summary>The next datagram to send.</summary>
    public bool TryTakeTransmit(out Transmit transmit) => _transmits.TryDequeue(out transmit);

    /// <summary>What happened since the last call, oldest first.</summary>
    public bool TryTakeEvent(out DeviceEvent happened) => _events.TryDequeue(out happened);

    public bool TryFindPeer(PublicKey key, [NotNullWhen(true)] out Peer? peer) => _peers.TryGetValue(key, out peer);

    public void Dispose()
    {
        foreach (var peer in _peers.Values)
        {
            peer.Replace(null);
            peer.PresharedKey?.Dispose();
        }
        _peers.Clear();
        _gate?.Dispose();
        PrivateKey?.Dispose();
    }

    void HandleInitiation(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (!_gate!.TryReadInitiation(datagram, now, out var initiation))
            return;
        using (initiation)
        {
            if (_peers.TryGetValue(initiation.Remote, out var peer) && peer.Tunnel is { } tunnel)
                Take(peer, tunnel.AcceptInitiation(initiation, _buffer, now), source, now);
        }
    }

    void Take(Peer peer, TunnelOutput output, Endpoint source, Instant now)
    {
        if (output.Authenticated)
            peer.Endpoint = source;
        if (output.Kind == TunnelOutputKind.ToNetwork)
            Transmit(peer, output.Length);
        Drain(peer, now);
    }

    void Drain(Peer peer, Instant now)
    {
        if (peer.Tunnel is not { } tunnel)
        {
            _deadlines.Remove(peer);
            return;
        }
        while (tunnel.NextTimeout <= now)
        {
            var output = tunnel.HandleTimeout(_buffer, now);
            if (output.Kind == TunnelOutputKind.ToNetwork)
                Transmit(peer, output.Length);
        }
        while (tunnel.TryTakeEvent(out var happened))
            Emit(KindOf(happened.Kind), peer);
        _deadlines.Set(peer, tunnel.NextTimeout);
    }

    void Transmit(Peer peer, int length)
    {
        if (!peer.Endpoint.IsNone)
            _transmits.Enqueue(new Transmit(_buffer.AsSpan(0, length).ToArray(), peer.Endpoint));
    }

    void Emit(DeviceEventKind kind, Peer? peer = null)
    {
        if (_events.Count == 1024)
            _events.Dequeue();
        _events.Enqueue(new DeviceEvent(kind, peer));
    }

    static DeviceEventKind KindOf(TunnelEventKind kind) => kind switch
    {
        TunnelEventKind.SessionEstablished => DeviceEventKind.SessionEstablished,
        TunnelEventKind.HandshakeFailed => DeviceEventKind.HandshakeFailed,
        TunnelEventKind.KeysErased => DeviceEventKind.KeysErased,
    };
}
