using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Macro.LabPeer;

/// <summary>
/// Sends datagrams that no honest peer would: random bytes of random length, and captured messages with flipped bits,
/// another length, another type or other reserved bytes. The same seed sends the same datagrams.
/// </summary>
static class Garbage
{
    const int LargestDatagram = 1472;

    public static async Task<int> ThrowAsync(IPEndPoint target, int count, int seed, int perSecond, string capture)
    {
        var messages = Capture.UdpPayloads(capture);
        var random = new Random(seed);
        using var socket = new Socket(target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(target).ConfigureAwait(false);
        var buffer = new byte[LargestDatagram];
        var clock = Stopwatch.StartNew();
        int randomCount = 0, mutatedCount = 0;
        for (var i = 0; i < count; i++)
        {
            // A batch of a hundred, then up to the time of the next: the kernel's queue at the target never overflows.
            if (i % 100 == 0 && clock.Elapsed.TotalSeconds is var now && i / (double)perSecond is var due && due > now)
                await Task.Delay(TimeSpan.FromSeconds(due - now)).ConfigureAwait(false);
            var mutate = messages.Count > 0 && random.Next(2) == 0;
            var length = mutate ? Mutate(messages[random.Next(messages.Count)], buffer, random) : Random(buffer, random);
            if (mutate)
                mutatedCount++;
            else
                randomCount++;
            try
            {
                socket.Send(buffer.AsSpan(0, length));
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
            {
                await Console.Error.WriteLineAsync($"After {i} datagrams nobody listens any more.").ConfigureAwait(false);
                return 1;
            }
        }

        Console.WriteLine($$"""{"random":{{randomCount}},"mutated":{{mutatedCount}},"templates":{{messages.Count}},"seconds":{{clock.Elapsed.TotalSeconds:F1}}}""");
        return messages.Count > 0 ? 0 : 1;
    }

    static int Random(byte[] buffer, Random random)
    {
        var length = random.Next(LargestDatagram + 1);
        random.NextBytes(buffer.AsSpan(0, length));
        // Every second one looks like WireGuard, so that it gets past the first test.
        if (length >= 4 && random.Next(2) == 0)
            BinaryPrimitives.WriteUInt32LittleEndian(buffer, (uint)random.Next(1, 5));
        return length;
    }

    static int Mutate(byte[] message, byte[] buffer, Random random)
    {
        var length = Math.Min(message.Length, LargestDatagram);
        message.AsSpan(0, length).CopyTo(buffer);
        switch (random.Next(5))
        {
            case 0:
                for (var flips = random.Next(1, 9); flips > 0; flips--)
                    buffer[random.Next(length)] ^= (byte)(1 << random.Next(8));
                return length;
            case 1:
                return random.Next(length);
            case 2:
                var longer = random.Next(length, LargestDatagram + 1);
                random.NextBytes(buffer.AsSpan(length, longer - length));
                return longer;
            case 3:
                buffer[0] = (byte)random.Next(256);
                return length;
            default:
                buffer[random.Next(1, 4)] = (byte)random.Next(1, 256);
                return length;
        }
    }
}
