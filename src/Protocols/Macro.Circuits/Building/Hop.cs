using System.Diagnostics.CodeAnalysis;
using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// One hop of a client's circuit: a WireGuard tunnel under a key made for this hop alone, so that no two hops, and no two
/// circuits, can be linked by it. The owner thread drives it; pump threads read its links and seal with its sessions.
/// </summary>
public sealed class Hop
{
    static readonly TimeSpan s_patienceBehindNat = TimeSpan.FromSeconds(3.5);

    readonly IndexTable _indices;
    readonly IRandom _random;
    readonly Queue<byte[]> _held = new(0);
    PrivateKey _key;
    volatile Circuit _circuit;
    volatile DirectWay? _direct;
    volatile Way _remote;
    volatile PathMeter? _meter;
    volatile Resequencer? _order;

    internal Hop(Circuit circuit, int index, HopTarget target, bool isConstantSize, IndexTable indices, IRandom random)
    {
        PadTo = isConstantSize ? CircuitMtu.Constant(index) : 0;
        (_circuit, Index, Target, _indices, _random) = (circuit, index, target, indices, random);
        _remote = new Way(target.Endpoint);
        Health = new HopHealth { Patience = target.Endpoint.IsNone ? s_patienceBehindNat : default };
        Tunnel = MakeTunnel(out _key);
        // Numbers are the client's choice; drawn at random they say nothing about the order of circuits.
        do
            NextChannel = random.NextUInt32();
        while (NextChannel == 0);
    }

    /// <summary>The circuit that it is a hop of now: it changes when the circuit goes on by another path.</summary>
    public Circuit Circuit { get => _circuit; internal set => _circuit = value; }

    /// <summary>0 = entry.</summary>
    public int Index { get; }

    public HopTarget Target { get; }

    /// <summary>Payload of every message in its session, in bytes, when that is constant; else 0.</summary>
    public int PadTo { get; }

    /// <summary>The hop pads what it sends, as far as has been seen: its last answer had the size that was asked for.</summary>
    public bool IsPadding { get; internal set; }

    /// <summary>Where datagrams go to it while it is the entry; a <see cref="TcpEndpoint"/> where it is reached so. Any thread reads it.</summary>
    public Endpoint Remote { get => _remote.Endpoint; internal set => _remote = new Way(value); }

    public Tunnel Tunnel { get; private set; }

    /// <summary>The key by which this hop, and nobody else, knows the client.</summary>
    public PublicKey PublicKey => _key.PublicKey;

    /// <summary>Channel number, on this hop, that leads to the next one.</summary>
    public uint NextChannel { get; }

    public Hop? Previous => Index == 0 ? null : Circuit.Hops[Index - 1];

    /// <summary>Behind the last relay of a path stands the exit of the circuit that it is a path of.</summary>
    public Hop? Next => Circuit is var circuit && circuit.Hops is var hops && Index + 1 < hops.Length ? hops[Index + 1] : circuit.PathOf?.Exit;

    /// <summary>How the client reaches this hop without the one before it; null: it does not. The owner thread sets it.</summary>
    public DirectWay? Direct { get => _direct; set => _direct = value; }

    /// <summary>
    /// Messages of this hop are taken by the ways that lead to it, and by no other. Those of an exit may be several: the path in use and
    /// the others, or where it may be met directly that as well. The other end changes between them half a round trip after this one.
    /// </summary>
    /// <param name="via">The hop inside whose session they came; null: from the network.</param>
    public bool IsReachedBy(Hop? via) =>
        Previous == via || (Next is null && (via is null ? Circuit.MayBypass : Circuit.IsLedToBy(via)));

    public HopHealth Health { get; }

    /// <summary>Of the last relay of a path: how the exit's session does by it; null while it has no other.</summary>
    internal PathMeter? Meter { get => _meter; set => _meter = value; }

    /// <summary>Of an exit that may send by several paths: puts in order what comes from it. Set once.</summary>
    internal Resequencer? Order { get => _order; set => _order = value; }

    /// <summary>What it handed over in the next hop's name and was not the next hop's.</summary>
    public Forgeries Forgeries { get; } = new();

    internal Requests Requests { get; } = new();

    /// <summary>Handshakes started with a fresh key, this one included.</summary>
    internal int Attempts { get; private set; } = 1;

    /// <summary>It takes early data, and some goes behind its handshake: <see cref="Circuit.GoesEarly"/>.</summary>
    internal bool IsEarly { get; set; }

    /// <summary>The next hop was named in early data behind its handshake: it could choose whom to serve before it answered.</summary>
    public bool KnowsNext { get; internal set; }

    /// <summary>What is sent to it goes as early data.</summary>
    internal bool AwaitsSession => IsEarly && Tunnel.Sending is null;

    /// <summary>Seals for it, in its session; or while that does not stand yet, as early data.</summary>
    internal TunnelOutput Seal(ReadOnlySpan<byte> frame, Span<byte> buffer, Instant now) =>
        AwaitsSession ? Tunnel.EncapsulateEarly(frame, buffer, now) : Tunnel.Encapsulate(frame, buffer, now);

    /// <summary>An answer to early data overtook the response by which it can be opened. Only a few are kept.</summary>
    internal void Hold(ReadOnlySpan<byte> datagram)
    {
        if (IsEarly && _held.Count < EarlyKey.MostMessages && datagram.Length <= CircuitMtu.Datagram)
            _held.Enqueue(datagram.ToArray());
    }

    internal bool TryTakeHeld([NotNullWhen(true)] out byte[]? datagram) => _held.TryDequeue(out datagram);

    /// <summary>
    /// Starts over with a fresh key and index. WireGuard alone would wait five seconds before it repeats an initiation:
    /// too long for a person who waits for a circuit.
    /// </summary>
    internal void Restart()
    {
        Attempts++;
        Renew();
    }

    /// <summary>Forgets a handshake that went out with one before it, in vain.</summary>
    internal void Renew()
    {
        Dispose();
        var before = Tunnel;
        Tunnel = MakeTunnel(out _key);
        Tunnel.TakeCookie(before);
        IsEarly = false;
        Requests.Forget();
        _held.Clear();
    }

    internal void Dispose()
    {
        Tunnel.Dispose();
        _key.Dispose();
    }

    Tunnel MakeTunnel(out PrivateKey key)
    {
        key = PrivateKey.Generate(_random);
        var options = new TunnelOptions { PrivateKey = key, Remote = Target.RelayKey, PresharedKey = Target.PresharedKey, Mtu = CircuitMtu.Payload, PadTo = PadTo, Keepalive = PadTo > 0 ? Frame.Cover : default };
        return new Tunnel(options, _indices, _random) { Context = this };
    }

    /// <summary>In one reference: pump threads read it while it changes.</summary>
    sealed class Way(Endpoint endpoint) { public readonly Endpoint Endpoint = endpoint; }
}
