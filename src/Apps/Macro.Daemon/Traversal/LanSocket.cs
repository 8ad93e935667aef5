using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Macro.Core;

namespace Macro.Daemon.Traversal;

/// <summary>Sockets that speak with the gateway only: on its network card, and beside the client's routes.</summary>
/// <param name="card">Name of the network card; null: any.</param>
/// <param name="mark">Of the node's own packets; 0 without the right to set it.</param>
sealed class LanSocket(string? card, uint mark)
{
    const int SolSocket = 1, SoMark = 36, SoBindToDevice = 25;

    /// <exception cref="SocketException">The address is not this machine's any more, or the port is taken.</exception>
    public Socket Datagrams(IpAddress own, ushort port = 0)
    {
        var socket = Open(own, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (port != 0)
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            // Multicast must not leave the network.
            if (own.IsV4)
                socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastTimeToLive, 1);
            socket.Bind(new IPEndPoint(own.ToSystem(), port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public Socket Stream(IpAddress own) => Open(own, SocketType.Stream, ProtocolType.Tcp);

    Socket Open(IpAddress own, SocketType type, ProtocolType protocol)
    {
        var socket = new Socket(own.IsV4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6, type, protocol);
        Span<byte> value = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(value, mark);
        if (mark != 0)
            socket.SetRawSocketOption(SolSocket, SoMark, value);
        if (card is not null)
            socket.SetRawSocketOption(SolSocket, SoBindToDevice, Encoding.ASCII.GetBytes(card));
        return socket;
    }

    /// <summary>Reads datagrams until the socket is disposed.</summary>
    public static async Task ReceiveAsync(Socket socket, Action<byte[], Endpoint> received)
    {
        var buffer = new byte[2048];
        var from = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (true)
        {
            try
            {
                var result = await socket.ReceiveFromAsync(buffer, from);
                var source = (IPEndPoint)result.RemoteEndPoint;
                received(buffer[..result.ReceivedBytes], new Endpoint(IpAddress.FromSystem(source.Address), (ushort)source.Port));
            }
            catch (SocketException e) when (e.SocketErrorCode is not (SocketError.OperationAborted or SocketError.Interrupted or SocketError.NotSocket))
            {
                // Nobody was there for one of ours: the network says so, and nothing is lost.
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    /// <summary>Sends what is in a batch for this socket's family, and leaves the rest to others.</summary>
    public static void Send(Socket socket, PacketBatch batch)
    {
        for (var i = 0; i < batch.Count; i++)
        {
            var to = batch[i].Remote;
            if (to.Address.IsV4 != (socket.AddressFamily == AddressFamily.InterNetwork))
                continue;
            try
            {
                socket.SendTo(batch.Bytes(i), new IPEndPoint(to.Address.ToSystem(), to.Port));
            }
            catch (SocketException)
            {
                // Lost, as the network may lose it.
            }
        }
    }
}
