using System.Net;
using System.Net.Sockets;
using Macro.Core;
using Macro.Linux;
using Macro.Nat.PortMapping;

namespace Macro.Daemon.Traversal;

/// <summary>
/// The datagram sockets toward one gateway: one for each family, from which it is asked, and one at port 5350, where it
/// announces by multicast that it began anew.
/// </summary>
sealed class GatewaySockets : IDisposable
{
    readonly List<Socket> _asking = [], _listening = [];

    /// <param name="received">Called on any thread.</param>
    /// <exception cref="SocketException">An address is not this machine's any more.</exception>
    public GatewaySockets(DefaultGateway? v4, DefaultGateway? v6, uint mark, Action<byte[], Endpoint> received)
    {
        try
        {
            foreach (var gateway in new[] { v4, v6 }.OfType<DefaultGateway>())
            {
                var sockets = new LanSocket(gateway.Interface, mark);
                _asking.Add(sockets.Datagrams(gateway.Own));
                TryListen(sockets, gateway.Own.IsV4);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
        foreach (var socket in _asking.Concat(_listening))
            _ = LanSocket.ReceiveAsync(socket, received);
    }

    public void Send(PacketBatch batch)
    {
        foreach (var socket in _asking)
            LanSocket.Send(socket, batch);
    }

    /// <summary>Every host is in these groups. Where another program has the port, a restart shows at the next renewal.</summary>
    void TryListen(LanSocket sockets, bool v4)
    {
        try
        {
            var socket = sockets.Datagrams(v4 ? IpAddress.V4Any : IpAddress.V6Any, PcpMessage.ClientPort);
            _listening.Add(socket);
        }
        catch (SocketException)
        {
            // As said above.
        }
    }

    public void Dispose()
    {
        foreach (var socket in _asking.Concat(_listening))
            socket.Dispose();
    }
}
