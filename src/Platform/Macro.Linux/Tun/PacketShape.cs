using System.Buffers.Binary;
using Macro.Core.Packets;

namespace Macro.Linux;

/// <summary>What decides whether two packets may be joined: a TCP segment with data and no special flags, or a UDP datagram.</summary>
struct PacketShape
{
    const byte AcknowledgeAndPush = 0x18;
    const byte Acknowledge = 0x10;

    internal bool V6;
    internal bool IsTcp;

    /// <summary>Where TCP or UDP begins.</summary>
    internal int Transport;

    /// <summary>Bytes of all headers.</summary>
    internal int Header;

    /// <summary>Bytes behind the headers, at least one.</summary>
    internal int Payload;

    internal uint Sequence;
    internal byte Flags;

    internal readonly IpProtocol Protocol => IsTcp ? IpProtocol.Tcp : IpProtocol.Udp;

    /// <summary>Both addresses as they lie in the header.</summary>
    internal readonly ReadOnlySpan<byte> Addresses(ReadOnlySpan<byte> packet) => V6 ? packet.Slice(8, 32) : packet.Slice(12, 8);

    /// <summary>False for everything that must pass alone: options, fragments, extension headers, SYN, FIN, RST, URG, ECE, CWR.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> packet, out PacketShape shape)
    {
        shape = default;
        if (packet.Length < 28)
            return false;
        IpProtocol protocol;
        if (packet[0] == 0x45)
        {
            var fragment = BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0xbfff;
            if (fragment != 0 || BinaryPrimitives.ReadUInt16BigEndian(packet[2..]) != packet.Length)
                return false;
            protocol = (IpProtocol)packet[9];
            shape.Transport = 20;
        }
        else
        {
            if (packet[0] >> 4 != 6 || packet.Length < 48 || BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) != packet.Length - 40)
                return false;
            protocol = (IpProtocol)packet[6];
            shape.V6 = true;
            shape.Transport = 40;
        }
        var transport = packet[shape.Transport..];
        return protocol switch
        {
            IpProtocol.Tcp => TryReadTcp(transport, ref shape),
            IpProtocol.Udp => TryReadUdp(transport, ref shape),
            _ => false,
        };
    }

    /// <summary>Equal in all that the joined packet states once.</summary>
    internal readonly bool IsSameFlow(ReadOnlySpan<byte> packet, in PacketShape other, ReadOnlySpan<byte> first)
    {
        if (V6 != other.V6 || IsTcp != other.IsTcp || Header != other.Header)
            return false;
        var sameNetwork = V6
            ? packet[..4].SequenceEqual(first[..4]) && packet.Slice(7, 33).SequenceEqual(first.Slice(7, 33))
            : packet[1] == first[1] && packet[6] == first[6] && packet[8] == first[8] && packet.Slice(12, 8).SequenceEqual(first.Slice(12, 8));
        if (!sameNetwork || !packet.Slice(Transport, 4).SequenceEqual(first.Slice(Transport, 4)))
            return false;
        // TCP: acknowledgement, window and options.
        return !IsTcp
            || (packet.Slice(Transport + 8, 4).SequenceEqual(first.Slice(Transport + 8, 4))
                && packet.Slice(Transport + 14, 2).SequenceEqual(first.Slice(Transport + 14, 2))
                && packet[(Transport + 20)..Header].SequenceEqual(first[(Transport + 20)..Header]));
    }

    /// <summary>A broken packet must arrive broken: joining would give it a fresh, right checksum.</summary>
    internal readonly bool HasValidChecksums(ReadOnlySpan<byte> packet)
    {
        if (!V6 && !Checksum.Fits(Checksum.Sum(packet[..20])))
            return false;
        var transport = packet[Transport..];
        return Checksum.Fits(Checksum.Sum(transport, Checksum.PseudoHeader(Addresses(packet), Protocol, transport.Length)));
    }

    static bool TryReadTcp(ReadOnlySpan<byte> transport, ref PacketShape shape)
    {
        if (transport.Length < 20)
            return false;
        var header = (transport[12] >> 4) * 4;
        shape.IsTcp = true;
        shape.Flags = transport[13];
        shape.Header = shape.Transport + header;
        shape.Payload = transport.Length - header;
        shape.Sequence = BinaryPrimitives.ReadUInt32BigEndian(transport[4..]);
        return header >= 20 && shape.Payload > 0 && (shape.Flags & ~AcknowledgeAndPush) == 0 && (shape.Flags & Acknowledge) != 0;
    }

    static bool TryReadUdp(ReadOnlySpan<byte> transport, ref PacketShape shape)
    {
        shape.Header = shape.Transport + 8;
        shape.Payload = transport.Length - 8;
        var hasChecksum = BinaryPrimitives.ReadUInt16BigEndian(transport[6..]) != 0;
        return shape.Payload > 0 && hasChecksum && BinaryPrimitives.ReadUInt16BigEndian(transport[4..]) == transport.Length;
    }
}
