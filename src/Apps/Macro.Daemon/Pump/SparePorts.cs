using System.Collections.Concurrent;
using Macro.Circuits;
using Macro.Core;
using Macro.Engine;
using Macro.Linux;
using Macro.Pump;
using Macro.WireGuard;

namespace Macro.Daemon.Pump;

/// <summary>
/// Sockets beside the node's port: opened with the first datagram that a punch wants sent by one, read by one thread, closed
/// when the node no longer needs them. What is sent to an endpoint that only one of them reaches leaves by that one. The
/// owner thread changes them; any thread sends.
/// </summary>
sealed class SparePorts(Node node, UdpOptions options, IPlaneOwner owner, Action<SpareSocket, ReadOnlySpan<byte>, Endpoint> post, Action<UdpPort, DatagramPlane> deliver)
    : IDisposable
{
    /// <summary>A birthday takes 255.</summary>
    const int Most = 1024;

    readonly Dictionary<SpareSocket, UdpPort> _ports = [];
    readonly ConcurrentDictionary<UdpPort, SpareSocket> _names = new();
    readonly PacketBatch _one = new(2048, 1);
    UdpPortSet? _set;
    PumpThread? _reader;
    volatile Dictionary<Endpoint, UdpPort>? _routes;

    /// <summary>Sends what the node has for its spare sockets, and closes those that it needs no more.</summary>
    public void Flush()
    {
        while (node.TryTakeSpare(out var datagram))
        {
            if (Open(datagram.Socket) is not { } port)
                continue;
            _one.Clear();
            _one.TryCopy(datagram.Bytes, datagram.To);
            port.Send(_one);
        }
        if (_ports.Count > 0)
            Sweep();
    }

    /// <summary>Sends by the node's port, but for endpoints that a spare socket reaches.</summary>
    public void Send(UdpPort port, PacketBatch batch)
    {
        if (_routes is not { } routes)
        {
            port.Send(batch);
            return;
        }
        PacketSlot[] slots = batch.Slots.ToArray();
        foreach (var group in slots.GroupBy(slot => routes.GetValueOrDefault(slot.Remote, port)))
        {
            batch.Clear();
            foreach (var slot in group)
                batch.TryAdd(slot.Offset, slot.Length, slot.Remote, slot.Ecn);
            group.Key.Send(batch);
        }
    }

    public void Dispose()
    {
        _set?.Dispose();
        _reader?.Join();
        foreach (var port in _ports.Values)
            port.Dispose();
        _set?.Release();
    }

    UdpPort? Open(SpareSocket socket)
    {
        if (_ports.TryGetValue(socket, out var port))
            return port;
        if (_ports.Count == Most)
            return null;
        try
        {
            port = UdpPort.Bind(0, options);
        }
        catch (LinuxException)
        {
            // No more descriptors: a punch does with fewer.
            return null;
        }
        _set ??= new UdpPortSet();
        _names[port] = socket;
        _ports[socket] = port;
        _set.TryAdd(port);
        _reader ??= new PumpThread("udp spare", Read);
        return port;
    }

    void Sweep()
    {
        Dictionary<Endpoint, UdpPort>? routes = null;
        var closed = false;
        foreach (var (socket, port) in _ports)
        {
            if (node.NeedsSpare(socket, out var carries))
            {
                if (!carries.IsNone)
                    (routes ??= [])[carries] = port;
                continue;
            }
            _ports.Remove(socket);
            _names.TryRemove(port, out _);
            port.Dispose();
            closed = true;
        }
        _routes = routes;
        if (closed)
            _set?.Sweep();
    }

    void Read()
    {
        var received = new PacketBatch(PumpThread.ReceiveBytes, PumpThread.MostDatagrams);
        var inbox = new Inbox(owner, post);
        var plane = new DatagramPlane(received, node.Indices, node.Switches, inbox);
        while (_set!.Receive(received, out var port))
        {
            if (!_names.TryGetValue(port, out inbox.Socket))
                continue;
            deliver(port, plane);
        }
    }

    /// <summary>As the node's port, but for what is no WireGuard: that bears the socket's name.</summary>
    sealed class Inbox(IPlaneOwner owner, Action<SpareSocket, ReadOnlySpan<byte>, Endpoint> post) : IPlaneOwner
    {
        public SpareSocket Socket;

        public void PostHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Circuits.Hop? via) => owner.PostHandshake(datagram, source, via);

        public void PostOther(ReadOnlySpan<byte> datagram, Endpoint source) => post(Socket, datagram, source);

        public void PostPayload(Tunnel tunnel, ReadOnlySpan<byte> payload, Endpoint source) => owner.PostPayload(tunnel, payload, source);

        public void PostActivity(Tunnel tunnel) => owner.PostActivity(tunnel);
    }
}
