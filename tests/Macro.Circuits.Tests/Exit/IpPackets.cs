using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits.Tests.Exit;

/// <summary>Whole IP packets with checksums computed from scratch, apart from the code under test.</summary>
static class IpPackets
{
    public static byte[] Tcp(string source, string destination, ushort port, params byte[] data) => Tcp(IpAddress.Parse(source), IpAddress.Parse(destination), port, data);

    public static byte[] Udp(string source, string destination, ushort port, params byte[] data) => Udp(IpAddress.Parse(source), IpAddress.Parse(destination), port, data);

    public static byte[] Tcp(IpAddress source, IpAddress destination, ushort port, byte[] data) =>
        Ip(source, destination, IpProtocol.Tcp, WithChecksum(source, destination, IpProtocol.Tcp, 16,
            [0x9c, 0x40, (byte)(port >> 8), (byte)port, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0, .. data]));

    public static byte[] Udp(IpAddress source, IpAddress destination, ushort port, byte[] data)
    {
        var length = 8 + data.Length;
        return Ip(source, destination, IpProtocol.Udp, WithChecksum(source, destination, IpProtocol.Udp, 6,
            [0x9c, 0x40, (byte)(port >> 8), (byte)port, (byte)(length >> 8), (byte)length, 0, 0, .. data]));
    }

    public static byte[] Icmp(IpAddress source, IpAddress destination, byte type, byte[] rest)
    {
        var protocol = source.IsV4 ? IpProtocol.Icmp : IpProtocol.IcmpV6;
        return Ip(source, destination, protocol, WithChecksum(source, destination, protocol, 2, [type, 0, 0, 0, .. rest]));
    }

    public static byte[] Ip(IpAddress source, IpAddress destination, IpProtocol protocol, byte[] payload, int fragmentOffset = 0, bool more = false)
    {
        if (!source.IsV4)
        {
            byte[] rest = fragmentOffset == 0 && !more ? payload : [(byte)protocol, 0, (byte)(fragmentOffset >> 8), (byte)(fragmentOffset | (more ? 1 : 0)), 1, 2, 3, 4, .. payload];
            var next = rest == payload ? protocol : IpProtocol.Fragment;
            return [0x60, 0, 0, 0, (byte)(rest.Length >> 8), (byte)rest.Length, (byte)next, 64, .. Bytes(source), .. Bytes(destination), .. rest];
        }
        var total = 20 + payload.Length;
        var fragment = fragmentOffset / 8 | (more ? 0x2000 : 0);
        byte[] packet = [0x45, 0, (byte)(total >> 8), (byte)total, 0x12, 0x34, (byte)(fragment >> 8), (byte)fragment, 64, (byte)protocol, 0, 0, .. Bytes(source), .. Bytes(destination), .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), (ushort)~Sum(packet.AsSpan(..20)));
        return packet;
    }

    /// <summary>One's complement sum, word by word.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        long sum = 0;
        for (var i = 0; i < bytes.Length; i++)
            sum += (i & 1) == 0 ? bytes[i] << 8 : bytes[i];
        while (sum > 0xffff)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)sum;
    }

    static byte[] WithChecksum(IpAddress source, IpAddress destination, IpProtocol protocol, int at, byte[] segment)
    {
        byte[] pseudo = protocol == IpProtocol.Icmp ? [] : [.. Bytes(source), .. Bytes(destination), 0, (byte)protocol, (byte)(segment.Length >> 8), (byte)segment.Length];
        var checksum = (ushort)~Sum([.. pseudo, .. segment]);
        if (protocol == IpProtocol.Udp && checksum == 0)
            checksum = 0xffff;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(at), checksum);
        return segment;
    }

    static byte[] Bytes(IpAddress address) => address.ToSystem().GetAddressBytes();
}
