using System.Net;
using System.Net.Sockets;

namespace Macro.UserMode.Tests;

/// <summary>A UDP server on loopback that sends back what comes.</summary>
sealed class UdpEcho : IDisposable
{
    readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));

    internal UdpEcho() => _ = Serve();

    internal ushort Port => (ushort)((IPEndPoint)_socket.Client.LocalEndPoint!).Port;

    public void Dispose() => _socket.Dispose();

    async Task Serve()
    {
        try
        {
            while (true)
            {
                var datagram = await _socket.ReceiveAsync();
                await _socket.SendAsync(datagram.Buffer, datagram.RemoteEndPoint);
            }
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }
}
