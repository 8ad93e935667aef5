using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Dht;

namespace Macro.DhtPeer;

/// <summary>The loop: datagrams, timeouts and commands, one after the other in one thread.</summary>
sealed class Peer : IDisposable
{
    readonly List<Socket> _sockets = [];
    readonly Socket _bell = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    readonly Outbox _outbox = new();
    readonly DhtNode _node;
    readonly Commands _commands;
    readonly long _wall = DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks - Stopwatch.GetElapsedTime(0).Ticks;
    readonly byte[] _buffer = new byte[65536];

    public Peer(DhtOptions options, IEnumerable<Endpoint> listen)
    {
        foreach (var endpoint in listen)
        {
            var socket = new Socket(endpoint.Address.IsV4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(endpoint.Address.ToSystem(), endpoint.Port));
            _sockets.Add(socket);
        }
        _node = new DhtNode(options, new SystemChance(), _outbox, Now);
        _commands = new Commands(_node);
    }

    Instant Now => new(_wall + Stopwatch.GetElapsedTime(0).Ticks);

    public void Run()
    {
        // The other thread only hands lines over, and rings.
        _bell.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _bell.Connect(_bell.LocalEndPoint!);
        new Thread(() => _commands.ReadLines(() => _bell.Send([0]))) { IsBackground = true }.Start();
        while (!_commands.Ended)
        {
            _commands.Start(Now);
            if (_node.NextTimeout <= Now)
                _node.HandleTimeout(Now);
            Transmit();
            while (_node.TryTakeEvent(out var happened))
                _commands.Report(happened);
            var wait = (_node.NextTimeout - Now).TotalMicroseconds;
            var ready = new List<Socket>(_sockets) { _bell };
            Socket.Select(ready, null, null, (int)Math.Clamp(wait, 0, 1e6));
            if (ready.Remove(_bell))
                _bell.Receive(_buffer);
            foreach (var socket in ready)
                Receive(socket);
        }
    }

    void Receive(Socket socket)
    {
        EndPoint from = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        for (var i = 0; i < 64 && socket.Available > 0; i++)
        {
            int length;
            try
            {
                length = socket.ReceiveFrom(_buffer, ref from);
            }
            catch (SocketException)
            {
                // The echo of a datagram that reached nobody.
                continue;
            }
            var source = (IPEndPoint)from;
            _node.Receive(_buffer.AsSpan(0, length), new Endpoint(IpAddress.FromSystem(source.Address), (ushort)source.Port), Now);
            Transmit();
        }
    }

    void Transmit()
    {
        for (var i = 0; i < _outbox.Batch.Count; i++)
        {
            var to = _outbox.Batch[i].Remote;
            var family = to.Address.IsV4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
            try
            {
                _sockets.Find(socket => socket.AddressFamily == family)?.SendTo(_outbox.Batch.Bytes(i), new IPEndPoint(to.Address.ToSystem(), to.Port));
            }
            catch (SocketException)
            {
                // Lost, as the network may lose it.
            }
        }
        _outbox.Batch.Clear();
    }

    public void Dispose()
    {
        _sockets.ForEach(socket => socket.Dispose());
        _bell.Dispose();
    }

    sealed class SystemChance : IRandom
    {
        public void Fill(Span<byte> bytes) => RandomNumberGenerator.Fill(bytes);
    }
}
