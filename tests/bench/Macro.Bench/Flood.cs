using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Macro.Core;
using Macro.Crypto;
using Macro.Linux;
using Macro.Simulation;
using Macro.WireGuard;

namespace Macro.Bench;

/// <summary>Initiations over a socket at a steady rate, made beforehand.</summary>
static class Flood
{
    /// <summary>The peers of <see cref="Run"/> as lines of wg(8)'s configuration.</summary>
    public static void PrintPeers(int count)
    {
        var random = new SeededRandom(7);
        for (var i = 0; i < count; i++)
            Console.WriteLine($"[Peer]\nPublicKey = {PrivateKey.Generate(random).PublicKey}");
    }

    /// <summary>One valid initiation of each of the peers; reports how many were answered.</summary>
    public static void Run(string target, string key, int rate, int count)
    {
        var random = new SeededRandom(7);
        var keys = Enumerable.Range(0, count).Select(_ => PrivateKey.Generate(random)).ToArray();
        var initiations = Initiations(keys, key);
        using var socket = Connect(target);
        var answers = 0;
        var reader = new Thread(() => answers = CountResponses(socket));
        reader.Start();
        Send(socket, initiations, rate, count);
        reader.Join();
        Program.Report("answered", answers);
    }

    /// <summary>Initiations with a valid MAC1 from clients that the target does not know.</summary>
    public static void RunStrangers(string target, string key, int rate, int seconds)
    {
        var keys = Enumerable.Range(0, 1000).Select(_ => PrivateKey.Generate(SystemRandom.Shared)).ToArray();
        var initiations = Initiations(keys, key);
        using var socket = Connect(target);
        Console.WriteLine("ready");
        var began = Stopwatch.GetTimestamp();
        Send(socket, initiations, rate, rate * seconds);
        Program.Report("sent per second", rate * seconds / Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    static byte[][] Initiations(PrivateKey[] keys, string responder)
    {
        if (!PublicKey.TryParseBase64(responder, out var remote))
            throw new ArgumentException("Not a key.", nameof(responder));
        var now = new Instant(DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks);
        return [.. keys.Select(key => new Initiator(key, remote, SystemRandom.Shared).Initiate(now))];
    }

    static Socket Connect(string target)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 1000, ReceiveBufferSize = 1 << 22 };
        socket.Connect(IPEndPoint.Parse(target));
        return socket;
    }

    /// <summary>In portions of a millisecond, as a burst would only measure the target's socket buffer.</summary>
    static void Send(Socket socket, byte[][] datagrams, int rate, int count)
    {
        var began = Stopwatch.GetTimestamp();
        for (var sent = 0; sent < count; Thread.Sleep(1))
            for (var due = Math.Min(count, (int)(Stopwatch.GetElapsedTime(began).TotalSeconds * rate)); sent < due; sent++)
                socket.Send(datagrams[sent % datagrams.Length]);
    }

    /// <summary>Until none came for a second.</summary>
    static int CountResponses(Socket socket)
    {
        var buffer = new byte[2048];
        var count = 0;
        try
        {
            while (true)
                count += socket.Receive(buffer) == Message.ResponseSize ? 1 : 0;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            return count;
        }
    }
}
