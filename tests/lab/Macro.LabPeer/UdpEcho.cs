using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Macro.LabPeer;

/// <summary>UDP echo, both sides. A datagram opens with its number (4 bytes), the rest is a pattern made from it.</summary>
static class UdpEcho
{
    const int InFlight = 16;

    public static async Task ServeAsync(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp) { DualMode = true };
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        var buffer = new byte[65536];
        while (true)
        {
            var received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.IPv6Any, 0)).ConfigureAwait(false);
            await socket.SendToAsync(buffer.AsMemory(0, received.ReceivedBytes), received.RemoteEndPoint).ConfigureAwait(false);
        }
    }

    /// <summary>Sends the datagrams in small windows and counts intact answers. Returns 0 when every one came back.</summary>
    public static async Task<int> AskAsync(IPEndPoint server, int count, int size)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server).ConfigureAwait(false);
        var answered = new HashSet<uint>();
        var buffer = new byte[65536];
        for (var first = 0; first < count; first += InFlight)
        {
            var last = Math.Min(first + InFlight, count);
            for (var i = first; i < last; i++)
                await socket.SendAsync(Datagram((uint)i, size)).ConfigureAwait(false);
            await CollectAsync(socket, buffer, answered, last, size).ConfigureAwait(false);
        }

        Console.WriteLine($$"""{"sent":{{count}},"received":{{answered.Count}}}""");
        return answered.Count == count ? 0 : 1;
    }

    static async Task CollectAsync(Socket socket, byte[] buffer, HashSet<uint> answered, int wanted, int size)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            while (answered.Count < wanted)
            {
                var length = await socket.ReceiveAsync(buffer, patience.Token).ConfigureAwait(false);
                var number = length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(buffer) : uint.MaxValue;
                if (buffer.AsSpan(0, length).SequenceEqual(Datagram(number, size)))
                    answered.Add(number);
            }
        }
        catch (OperationCanceledException)
        {
            // What is still missing is lost; the count tells.
        }
    }

    static byte[] Datagram(uint number, int size)
    {
        var datagram = new byte[Math.Max(4, size)];
        for (var i = 4; i < datagram.Length; i++)
            datagram[i] = (byte)(number + i * 7);
        BinaryPrimitives.WriteUInt32LittleEndian(datagram, number);
        return datagram;
    }
}
