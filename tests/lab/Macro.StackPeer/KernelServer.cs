using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Macro.StackPeer;

/// <summary>The far end of every measurement: the kernel's TCP through ordinary sockets.</summary>
static class KernelServer
{
    const int BlockSize = 256 << 10;

    public static void Run(ushort port)
    {
        using var listener = KernelClient.NewSocket();
        listener.Bind(new IPEndPoint(IPAddress.Any, port));
        listener.Listen(16384);
        while (true)
            _ = ServeAsync(listener.Accept());
    }

    static async Task ServeAsync(Socket socket)
    {
        // An end that gave up is not the server's affair.
        try
        {
            using (socket)
            {
                await Task.Yield();
                var request = new byte[Protocol.RequestSize];
                for (var got = 0; got < request.Length;)
                {
                    var count = await socket.ReceiveAsync(request.AsMemory(got)).ConfigureAwait(false);
                    if (count == 0)
                        return;
                    got += count;
                }
                switch ((char)request[0])
                {
                    case Protocol.Up:
                        Take(socket, Protocol.Time(request));
                        break;
                    case Protocol.Down:
                        Give(socket);
                        break;
                    default:
                        await EchoAsync(socket).ConfigureAwait(false);
                        break;
                }
            }
        }
        catch (SocketException)
        {
        }
    }

    static void Take(Socket socket, TimeSpan time)
    {
        var answer = new byte[Protocol.CountSize];
        BinaryPrimitives.WriteInt64BigEndian(answer, KernelClient.Count(socket, time));
        socket.Send(answer);
        // What is still under way would else be answered with a reset, which may overtake the count.
        var block = new byte[BlockSize];
        while (socket.Receive(block) > 0)
        {
        }
    }

    static void Give(Socket socket)
    {
        var block = new byte[BlockSize];
        while (true)
            socket.Send(block);
    }

    static async Task EchoAsync(Socket socket)
    {
        var block = new byte[4096];
        while (await socket.ReceiveAsync(block.AsMemory()).ConfigureAwait(false) is > 0 and var count)
            for (var sent = 0; sent < count;)
                sent += await socket.SendAsync(block.AsMemory(sent, count - sent)).ConfigureAwait(false);
    }
}

/// <summary>The near end when two kernels are measured.</summary>
static class KernelClient
{
    public static double Run(IPEndPoint server, char way, TimeSpan time)
    {
        using var socket = NewSocket();
        socket.Connect(server);
        socket.Send(Protocol.Request(way, time));
        if (way == Protocol.Down)
            return Protocol.Megabits(Count(socket, time), time);
        var block = new byte[256 << 10];
        while (!socket.Poll(0, SelectMode.SelectRead))
            socket.Send(block);
        var answer = new byte[Protocol.CountSize];
        socket.Receive(answer);
        return Protocol.Megabits(BinaryPrimitives.ReadInt64BigEndian(answer), time);
    }

    /// <summary>A socket with CUBIC, whatever the machine's default; those that it accepts inherit it.</summary>
    public static Socket NewSocket()
    {
        const int level = 6, congestionControl = 13;
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.SetRawSocketOption(level, congestionControl, "cubic"u8);
        return socket;
    }

    /// <summary>Bytes that arrive within a time.</summary>
    public static long Count(Socket socket, TimeSpan time)
    {
        var block = new byte[256 << 10];
        var clock = Stopwatch.StartNew();
        long bytes = 0;
        while (true)
        {
            var left = time - clock.Elapsed;
            if (left <= TimeSpan.Zero || !socket.Poll(left, SelectMode.SelectRead))
                return bytes;
            var count = socket.Receive(block);
            if (count == 0)
                return bytes;
            bytes += count;
        }
    }
}
