using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>IPv4 UDP packets for the simulated internet.</summary>
static class Packets
{
    public static readonly IpAddress Client = IpAddress.Parse("100.64.0.2");

    public static byte[] Udp(IpAddress from, IpAddress to, ushort fromPort, ushort toPort, ReadOnlySpan<byte> body)
    {
        var packet = new byte[28 + body.Length];
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        packet[8] = 64;
        packet[9] = 17;
        from.Write(packet.AsSpan(12, 4));
        to.Write(packet.AsSpan(16, 4));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(20), fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(22), toPort);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(24), (ushort)(8 + body.Length));
        body.CopyTo(packet.AsSpan(28));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Sum(packet.AsSpan(0, 20), 0));
        var pseudo = 17u + (uint)(8 + body.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(26), Sum(packet.AsSpan(12), pseudo));
        return packet;
    }

    public static IpAddress Source(byte[] packet) => IpAddress.Read(packet.AsSpan(12, 4));

    public static IpAddress Destination(byte[] packet) => IpAddress.Read(packet.AsSpan(16, 4));

    /// <summary>The same payload back to where it came from.</summary>
    public static byte[] Echo(byte[] packet) => Udp(
        Destination(packet), Source(packet),
        BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(22)), BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(20)),
        packet.AsSpan(28));

    static ushort Sum(ReadOnlySpan<byte> bytes, uint sum)
    {
        for (var i = 0; i < bytes.Length; i += 2)
            sum += (uint)(bytes[i] << 8) + (i + 1 < bytes.Length ? bytes[i + 1] : 0u);
        while (sum > 0xffff)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }
}
