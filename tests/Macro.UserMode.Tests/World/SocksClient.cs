using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Macro.Core;

namespace Macro.UserMode.Tests;

/// <summary>SOCKS 5 by hand, so that tests see every byte.</summary>
static class SocksClient
{
    /// <summary>Greets and asks; returns the code of the answer.</summary>
    internal static byte Ask(this TcpClient client, byte command, string host, ushort port, string? user = null)
    {
        var stream = client.GetStream();
        client.Greet(user);
        stream.Write(Request(command, host, port));
        var answer = stream.Take(4);
        stream.Take(answer[3] == 4 ? 18 : 6);
        return answer[1];
    }

    internal static void Greet(this TcpClient client, string? user = null)
    {
        var stream = client.GetStream();
        if (user is null)
        {
            stream.Write([5, 1, 0]);
            Assert.Equal([5, 0], stream.Take(2));
            return;
        }
        stream.Write([5, 1, 2]);
        Assert.Equal([5, 2], stream.Take(2));
        var name = Encoding.UTF8.GetBytes(user);
        stream.Write([1, (byte)name.Length, .. name, 1, (byte)'x']);
        Assert.Equal([1, 0], stream.Take(2));
    }

    /// <summary>A socket that is joined to an association, which ends with the client.</summary>
    internal static UdpClient Associate(this TcpClient client)
    {
        client.Greet();
        client.GetStream().Write(Request(3, "0.0.0.0", 0));
        var answer = client.GetStream().Take(10);
        Assert.Equal(0, answer[1]);
        var udp = new UdpClient { Client = { ReceiveTimeout = 10_000 } };
        udp.Connect(new IPAddress(answer[4..8]), answer[8] << 8 | answer[9]);
        return udp;
    }

    /// <summary>Sends a payload through an association; returns the datagram that comes next.</summary>
    internal static byte[] Exchange(this UdpClient udp, string host, ushort port, params byte[] payload)
    {
        udp.Send([0, 0, 0, .. Request(0, host, port)[3..], .. payload]);
        return udp.Receive();
    }

    internal static byte[] Receive(this UdpClient udp)
    {
        IPEndPoint? from = null;
        return udp.Receive(ref from);
    }

    internal static byte[] Request(byte command, string host, ushort port)
    {
        byte[] address;
        if (IpAddress.TryParse(host, out var ip))
        {
            var bytes = new byte[ip.Size];
            ip.Write(bytes);
            address = [ip.IsV4 ? (byte)1 : (byte)4, .. bytes];
        }
        else
            address = [3, (byte)host.Length, .. Encoding.ASCII.GetBytes(host)];
        var number = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(number, port);
        return [5, command, 0, .. address, .. number];
    }

    internal static byte[] Take(this NetworkStream stream, int count)
    {
        var bytes = new byte[count];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
