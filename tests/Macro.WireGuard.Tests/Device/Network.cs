using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.WireGuard.Tests.Devices;

/// <summary>A device with its pumps and its owner thread folded into one, behind one address.</summary>
sealed class Host : IDeviceSink
{
    const int Slots = 16;

    readonly Network _network;
    readonly PacketBatch _fromTun = new(1 << 16, Slots), _received = new(1 << 16, Slots);
    readonly PacketBatch _toUdp, _toTun;
    readonly Sealer _sealer;
    readonly Opener _opener;
    readonly Queue<Action> _owner = new();

    public Host(Network network, Endpoint endpoint)
    {
        (_network, Endpoint) = (network, endpoint);
        Key = PrivateKey.Generate(network.Random);
        PublicKey = Key.PublicKey;
        Device = new Device(network.Random);
        Device.SetPrivateKey(Key, network.Now);
        (_toUdp, _toTun) = (new PacketBatch(_fromTun, Slots), new PacketBatch(_received, Slots));
        (_sealer, _opener) = (new Sealer(Device, this, Slots), new Opener(Device, this, Slots));
    }

    public Endpoint Endpoint { get; set; }
    public PrivateKey Key { get; }
    public PublicKey PublicKey { get; }
    public Device Device { get; }
    public bool UnderLoad { get; set; }
    public List<byte[]> Delivered { get; } = [];
    public List<byte[]> Sent { get; } = [];
    public Ecn OuterEcn { get; set; }

    public Peer Know(Host other, params string[] allowed)
    {
        var peer = Device.AddOrGetPeer(other.PublicKey, _network.Now);
        foreach (var prefix in allowed)
            Device.Allow(peer, Prefix.Parse(prefix));
        return peer;
    }

    public void Send(params byte[][] packets)
    {
        _fromTun.Clear();
        foreach (var packet in packets)
            Assert.True(_fromTun.TryCopy(packet, default, Device.Headroom, Device.Tailroom));
        _sealer.HandlePackets(_fromTun, _toUdp, _network.Now);
        for (var i = 0; i < _toUdp.Count; i++)
            Carry(_toUdp.Bytes(i), _toUdp[i].Remote);
        Settle();
    }

    public void Receive(byte[] datagram, Endpoint source)
    {
        _received.Clear();
        _received.TryCopy(datagram, source);
        _received[0].Ecn = OuterEcn;
        _opener.HandleDatagrams(_received, _toTun, _network.Now);
        for (var i = 0; i < _toTun.Count; i++)
            Delivered.Add(_toTun.Bytes(i).ToArray());
        Settle();
    }

    public void Settle()
    {
        while (_owner.TryDequeue(out var work))
            work();
        Device.HandleTimeout(_network.Now);
        while (Device.TryTakeTransmit(out var transmit))
            Carry(transmit.Datagram.Span, transmit.Remote);
    }

    public void HandleHandshake(ReadOnlySpan<byte> datagram, Endpoint source)
    {
        var copy = datagram.ToArray();
        _owner.Enqueue(() => Device.HandleHandshake(copy, source, UnderLoad, _network.Now));
    }

    public void HandlePacket(Peer peer, ReadOnlySpan<byte> packet)
    {
        var copy = packet.ToArray();
        _owner.Enqueue(() => Device.HandlePacket(peer, copy, _network.Now));
    }

    public void HandleActivity(Peer peer) => _owner.Enqueue(() => Device.HandleActivity(peer, _network.Now));

    void Carry(ReadOnlySpan<byte> datagram, Endpoint remote)
    {
        Sent.Add(datagram.ToArray());
        _network.Carry(datagram.ToArray(), Endpoint, remote);
    }
}

/// <summary>Hosts by address in virtual time; every datagram takes 10 ms.</summary>
sealed class Network
{
    readonly List<Host> _hosts = [];
    readonly Queue<(Instant At, byte[] Datagram, Endpoint From, Endpoint To)> _flying = new();

    public IRandom Random { get; } = new SeededRandom(7);
    public Instant Now { get; private set; } = Pair.Start;

    public Host Add(string endpoint)
    {
        var host = new Host(this, Endpoint.Parse(endpoint));
        _hosts.Add(host);
        return host;
    }

    public void Carry(byte[] datagram, Endpoint from, Endpoint to) => _flying.Enqueue((Now + Pair.Latency, datagram, from, to));

    public void Run(double seconds)
    {
        var until = Now + TimeSpan.FromSeconds(seconds);
        while (true)
        {
            var next = _hosts.Select(host => host.Device.NextTimeout).Min();
            if (_flying.TryPeek(out var first))
                next = Instant.Min(next, first.At);
            if (next > until)
                break;
            Now = Instant.Max(Now, next);
            while (_flying.TryPeek(out var flight) && flight.At <= Now)
            {
                _flying.Dequeue();
                _hosts.Find(host => host.Endpoint == flight.To)?.Receive(flight.Datagram, flight.From);
            }
            foreach (var host in _hosts)
                host.Settle();
        }
        Now = until;
    }

    /// <summary>An IPv4 or IPv6 packet with nothing but addresses and a body.</summary>
    public static byte[] Packet(string source, string destination, int body = 20, byte ecn = 0)
    {
        var (from, to) = (IpAddress.Parse(source), IpAddress.Parse(destination));
        var header = from.IsV4 ? 20 : 40;
        var packet = new byte[header + body];
        if (from.IsV4)
        {
            packet[0] = 0x45;
            packet[1] = ecn;
            packet[2] = (byte)(packet.Length >> 8);
            packet[3] = (byte)packet.Length;
            from.Write(packet.AsSpan(12));
            to.Write(packet.AsSpan(16));
            var sum = Enumerable.Range(0, 10).Sum(i => (packet[2 * i] << 8) | packet[(2 * i) + 1]);
            sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
            (packet[10], packet[11]) = ((byte)(sum >> 8), (byte)sum);
        }
        else
        {
            packet[0] = 0x60;
            packet[1] = (byte)(ecn << 4);
            (packet[4], packet[5]) = ((byte)(body >> 8), (byte)body);
            from.Write(packet.AsSpan(8));
            to.Write(packet.AsSpan(24));
        }
        return packet;
    }
}
