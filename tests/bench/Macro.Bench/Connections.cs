using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Macro.Bench;

/// <summary>How many connections come up in a second: each is made, closed by the server, and closed.</summary>
static class Connections
{
    /// <summary>Accepts and closes.</summary>
    public static void Serve(int port)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, port));
        listener.Listen(4096);
        while (true)
            listener.Accept().Dispose();
    }

    /// <summary>So many at a time, for so long; prints how many there were in a second.</summary>
    public static void Run(string target, int atOnce, double seconds)
    {
        var endpoint = IPEndPoint.Parse(target);
        var done = 0;
        var failed = 0;
        var clock = Stopwatch.StartNew();
        var threads = Enumerable.Range(0, atOnce).Select(_ => new Thread(Connect)).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        Program.Report("connections", done / clock.Elapsed.TotalSeconds);
        Program.Report("failed", failed);

        void Connect()
        {
            var room = new byte[1];
            while (clock.Elapsed.TotalSeconds < seconds)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 5000 };
                try
                {
                    socket.Connect(endpoint);
                    _ = socket.Receive(room);
                    Interlocked.Increment(ref done);
                }
                catch (SocketException)
                {
                    Interlocked.Increment(ref failed);
                }
            }
        }
    }
}
