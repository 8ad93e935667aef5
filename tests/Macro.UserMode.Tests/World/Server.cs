using System.Net;
using System.Net.Sockets;

namespace Macro.UserMode.Tests;

/// <summary>A TCP server on loopback that gives each connection to a function on a thread of the pool.</summary>
sealed class Server : IDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly Func<Socket, Task> _serve;

    internal Server(Func<Socket, Task> serve)
    {
        _serve = serve;
        _listener.Start(1024);
        Port = (ushort)((IPEndPoint)_listener.LocalEndpoint).Port;
        _ = Accept();
    }

    /// <summary>Known also when it is closed.</summary>
    internal ushort Port { get; }

    public void Dispose() => _listener.Dispose();

    /// <summary>Sends back what comes, and ends when the other side does.</summary>
    internal static Server Echo() => new(async socket =>
    {
        var buffer = new byte[65536];
        int count;
        while ((count = await socket.ReceiveAsync(buffer)) > 0)
            for (var sent = 0; sent < count;)
                sent += await socket.SendAsync(buffer.AsMemory(sent, count - sent));
        socket.Shutdown(SocketShutdown.Send);
    });

    async Task Accept()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                _ = Serve(socket);
            }
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    async Task Serve(Socket socket)
    {
        await Task.Yield();
        using (socket)
        {
            try
            {
                socket.NoDelay = true;
                await _serve(socket);
            }
            catch (SocketException)
            {
                // The client's doing: what it means the test sees at its own end.
            }
        }
    }
}
