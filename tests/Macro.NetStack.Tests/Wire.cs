using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

/// <summary>Packets made by hand, with a checksum of their own making.</summary>
static class Wire
{
    public static readonly IpAddress ServerV4 = IpAddress.Parse("10.0.0.1"), ServerV6 = IpAddress.Parse("2001:db8::1");
    public static readonly IpAddress ClientV4 = IpAddress.Parse("10.0.0.2"), ClientV6 = IpAddress.Parse("2001:db8::2");

    public static Stack NewStack(StackOptions? options = null) =>
        new(options ?? new StackOptions { Addresses = [ServerV4, ServerV6] }, new TcpMemory(64 << 20), new SeededRandom(1));

    public static Stack NewExit(StackOptions? options = null) => NewStack(options ?? new StackOptions());

    public static IpAddress Server(bool v4) => v4 ? ServerV4 : ServerV6;

    public static IpAddress Client(bool v4) => v4 ? ClientV4 : ClientV6;

    public static byte[] Ip(IpAddress from, IpAddress to, IpProtocol protocol, ReadOnlySpan<byte> payload, ushort fragment = 0x4000, ushort id = 0, byte tos = 0)
    {
        if (!from.IsV4)
            return Ip6(from, to, (byte)protocol, payload, tos);
        var packet = new byte[20 + payload.Length];
        packet[0] = 0x45;
        packet[1] = tos;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), id);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), fragment);
        packet[8] = 64;
        packet[9] = (byte)protocol;
        from.Write(packet.AsSpan(12));
        to.Write(packet.AsSpan(16));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Sum(packet.AsSpan(0, 20)));
        payload.CopyTo(packet.AsSpan(20));
        return packet;
    }

    public static byte[] Ip6(IpAddress from, IpAddress to, byte next, ReadOnlySpan<byte> payload, byte tos = 0)
    {
        var packet = new byte[40 + payload.Length];
        packet[0] = (byte)(0x60 | tos >> 4);
        packet[1] = (byte)(tos << 4);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)payload.Length);
        packet[6] = next;
        packet[7] = 64;
        from.Write(packet.AsSpan(8));
        to.Write(packet.AsSpan(24));
        payload.CopyTo(packet.AsSpan(40));
        return packet;
    }

    public static byte[] Udp(Endpoint from, Endpoint to, ReadOnlySpan<byte> payload) => Ip(from.Address, to.Address, IpProtocol.Udp, UdpDatagram(from, to, payload));

    public static byte[] UdpDatagram(Endpoint from, Endpoint to, ReadOnlySpan<byte> payload)
    {
        var datagram = new byte[8 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, from.Port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), to.Port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        payload.CopyTo(datagram.AsSpan(8));
        Seal(datagram, 6, from.Address, to.Address, IpProtocol.Udp);
        return datagram;
    }

    public static byte[] Tcp(Endpoint from, Endpoint to, TcpFlags flags, uint sequence, uint acknowledgment = 0, ReadOnlySpan<byte> payload = default, byte tos = 0)
    {
        var segment = new byte[20 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(segment, from.Port);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), to.Port);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(8), acknowledgment);
        segment[12] = 0x50;
        segment[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), 65535);
        payload.CopyTo(segment.AsSpan(20));
        Seal(segment, 16, from.Address, to.Address, IpProtocol.Tcp);
        return Ip(from.Address, to.Address, IpProtocol.Tcp, segment, tos: tos);
    }

    public static byte[] Icmp(IpAddress from, IpAddress to, byte type, byte code, uint rest, ReadOnlySpan<byte> body)
    {
        var message = new byte[8 + body.Length];
        message[0] = type;
        message[1] = code;
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), rest);
        body.CopyTo(message.AsSpan(8));
        if (from.IsV4)
            BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Sum(message));
        else
            Seal(message, 2, from, to, IpProtocol.IcmpV6);
        return Ip(from, to, from.IsV4 ? IpProtocol.Icmp : IpProtocol.IcmpV6, message);
    }

    public static byte[] Echo(bool v4, ReadOnlySpan<byte> data, ushort id = 7, ushort sequence = 1) =>
        Icmp(Client(v4), Server(v4), (byte)(v4 ? 8 : 128), 0, (uint)id << 16 | sequence, data);

    /// <summary>One fragment of a payload, or its rest.</summary>
    public static byte[] Fragment(bool v4, IpProtocol protocol, ReadOnlySpan<byte> payload, int offset, int length, uint id, bool? more = null)
    {
        length = Math.Min(length, payload.Length - offset);
        var hasMore = more ?? offset + length < payload.Length;
        var part = payload.Slice(offset, length);
        if (v4)
            return Ip(ClientV4, ServerV4, protocol, part, (ushort)(offset / 8 | (hasMore ? 0x2000 : 0)), (ushort)id);
        var body = new byte[8 + part.Length];
        body[0] = (byte)protocol;
        BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(2), (ushort)(offset | (hasMore ? 1 : 0)));
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(4), id);
        part.CopyTo(body.AsSpan(8));
        return Ip6(ClientV6, ServerV6, 44, body);
    }

    public static List<byte[]> Drain(Stack stack, Instant now = default)
    {
        var packets = new List<byte[]>();
        var room = new byte[stack.Options.Mtu];
        while (stack.TryTransmit(room, now, out var length))
            packets.Add(room[..length]);
        return packets;
    }

    public static IpView Parse(ReadOnlySpan<byte> packet)
    {
        Assert.True(IpView.TryParse(packet, out var ip));
        return ip;
    }

    public static byte[] Numbers(int count)
    {
        var bytes = new byte[count];
        new SeededRandom(5).Fill(bytes);
        return bytes;
    }

    /// <summary>Every checksum that there is in a packet fits.</summary>
    public static void AssertSound(byte[] packet)
    {
        Assert.True(IpView.TryParse(packet, out var ip));
        Assert.Equal(packet.Length, ip.Bytes.Length);
        if (ip.IsV4)
            Assert.Equal(0, Sum(packet.AsSpan(0, 20)));
        if (ip.IsFragment)
            return;
        var sum = ip.Protocol == IpProtocol.Icmp ? 0u : Pseudo(ip.Source, ip.Destination, ip.Protocol, ip.Payload.Length);
        Assert.Equal(0, Sum(ip.Payload, sum));
    }

    static void Seal(Span<byte> payload, int at, IpAddress from, IpAddress to, IpProtocol protocol) =>
        BinaryPrimitives.WriteUInt16BigEndian(payload[at..], Sum(payload, Pseudo(from, to, protocol, payload.Length)));

    static uint Pseudo(IpAddress from, IpAddress to, IpProtocol protocol, int length)
    {
        Span<byte> addresses = stackalloc byte[32];
        from.Write(addresses);
        to.Write(addresses[from.Size..]);
        return (ushort)~Sum(addresses[..(2 * from.Size)]) + (uint)protocol + (uint)length;
    }

    static ushort Sum(ReadOnlySpan<byte> bytes, uint sum = 0)
    {
        for (var i = 0; i < bytes.Length; i += 2)
            sum += (uint)(bytes[i] << 8) + (i + 1 < bytes.Length ? bytes[i + 1] : 0u);
        while (sum > 0xffff)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }
}

/// <summary>Keeps what it gets.</summary>
sealed class UdpInbox : IUdpHandler
{
    public List<(Endpoint Local, Endpoint Remote, byte[] Payload)> Received { get; } = [];
    public List<(Endpoint Local, Endpoint Remote, IcmpError Error)> Errors { get; } = [];
    public IcmpReason Answer { get; set; }

    public IcmpReason Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
    {
        Received.Add((local, remote, payload.ToArray()));
        return Answer;
    }

    public void HandleError(Endpoint local, Endpoint remote, IcmpError error) => Errors.Add((local, remote, error));
}
