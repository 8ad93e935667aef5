using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Macro.LabPeer;

/// <summary>UDP echo, both sides. A datagram opens with its number (4 bytes), the rest is a pattern made from it.</summary>
static class UdpEcho
{
    const int InFlight = 16;

    /// <param name="local">The IPv6 wildcard means both families.</param>
    public static async Task ServeAsync(IPEndPoint local)
    {
        using var socket = new Socket(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        if (local.AddressFamily == AddressFamily.InterNetworkV6)
            socket.DualMode = true;
        socket.Bind(local);
        var buffer = new byte[65536];
        while (true)
        {
            var received = await socket.ReceiveFromAsync(buffer, local).ConfigureAwait(false);
            await socket.SendToAsync(buffer.AsMemory(0, received.ReceivedBytes), received.RemoteEndPoint).ConfigureAwait(false);
        }
    }

    /// <summary>Asks an echo directly. Returns 0 when every datagram came back.</summary>
    public static async Task<int> AskAsync(IPEndPoint server, int count, int size)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server).ConfigureAwait(false);
        var buffer = new byte[65536];
        return Conclude(count, await ExchangeAsync(
            async datagram => await socket.SendAsync(datagram).ConfigureAwait(false),
            async cancel => buffer[..await socket.ReceiveAsync(buffer, cancel).ConfigureAwait(false)], count, size).ConfigureAwait(false));
    }

    /// <summary>Asks an echo through a SOCKS5 proxy.</summary>
    public static async Task<int> AskThroughAsync(IPEndPoint proxy, IPEndPoint server, int count, int size)
    {
        using var udp = await SocksUdp.OpenAsync(proxy, server).ConfigureAwait(false);
        return Conclude(count, await ExchangeAsync(udp.SendAsync, udp.ReceiveAsync, count, size).ConfigureAwait(false));
    }

    /// <summary>Sends the datagrams in small windows and counts intact answers.</summary>
    public static async Task<int> ExchangeAsync(Func<ReadOnlyMemory<byte>, Task> send, Func<CancellationToken, Task<byte[]>> receive, int count, int size)
    {
        var answered = new HashSet<uint>();
        for (var first = 0; first < count; first += InFlight)
        {
            var last = Math.Min(first + InFlight, count);
            for (var i = first; i < last; i++)
                await send(Datagram((uint)i, size)).ConfigureAwait(false);
            await CollectAsync(receive, answered, last, size).ConfigureAwait(false);
        }
        return answered.Count;
    }

    static int Conclude(int count, int answered)
    {
        Console.WriteLine($$"""{"sent":{{count}},"received":{{answered}}}""");
        return answered == count ? 0 : 1;
    }

    static async Task CollectAsync(Func<CancellationToken, Task<byte[]>> receive, HashSet<uint> answered, int wanted, int size)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            while (answered.Count < wanted)
            {
                var datagram = await receive(patience.Token).ConfigureAwait(false);
                var number = datagram.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(datagram) : uint.MaxValue;
                if (datagram.AsSpan().SequenceEqual(Datagram(number, size)))
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
