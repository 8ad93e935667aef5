using System.Net;
using System.Net.Sockets;

namespace Macro.UserMode.Tests;

[Collection(nameof(Alone))]
public sealed class AllocationTests
{
    /// <summary>Two splices, two loops, two stacks: tens of thousands of packets and of socket calls, on every thread.</summary>
    [Fact]
    public void Passing_bytes_allocates_nothing()
    {
        const int size = 8 << 20, rounds = 8;
        using var world = new TestWorld(window: 256 << 10);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var client = world.Connect();
        Assert.Equal(0, client.Ask(1, "198.51.100.7", (ushort)((IPEndPoint)listener.LocalEndPoint!).Port));
        using var server = listener.Accept();
        var echo = new Thread(() => Echo(server)) { IsBackground = true };
        var sender = new Thread(() => Send(client.Client, rounds * size)) { IsBackground = true };
        echo.Start();
        sender.Start();
        var buffer = new byte[65536];

        // While buffers grow and methods are compiled there are allocations; then there is a round without.
        var least = long.MaxValue;
        for (var round = 0; round < rounds; round++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            Receive(client.Client, buffer, size);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.InRange(least, 0, 1024);
        sender.Join();
        client.Client.Shutdown(SocketShutdown.Send);
        echo.Join();
    }

    static void Echo(Socket socket)
    {
        var buffer = new byte[65536];
        int count;
        while ((count = socket.Receive(buffer)) > 0)
            for (var sent = 0; sent < count;)
                sent += socket.Send(buffer, sent, count - sent, SocketFlags.None);
    }

    static void Send(Socket socket, int size)
    {
        var block = new byte[65536];
        for (var left = size; left > 0; left -= block.Length)
            for (var sent = 0; sent < block.Length;)
                sent += socket.Send(block, sent, block.Length - sent, SocketFlags.None);
    }

    static void Receive(Socket socket, byte[] buffer, int size)
    {
        for (var left = size; left > 0;)
            left -= socket.Receive(buffer, 0, Math.Min(left, buffer.Length), SocketFlags.None);
    }
}
