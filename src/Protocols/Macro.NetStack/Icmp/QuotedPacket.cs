using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>The packet that an ICMP error quotes, cut short as it may be: enough of it to find who sent it.</summary>
readonly ref struct QuotedPacket
{
    QuotedPacket(IpProtocol protocol, Endpoint source, Endpoint destination, uint sequence, int length)
    {
        Protocol = protocol;
        Source = source;
        Destination = destination;
        SequenceNumber = sequence;
        Length = length;
    }

    /// <summary>TCP, UDP or ICMP of the packet's family.</summary>
    public IpProtocol Protocol { get; }

    /// <summary>We, if it is ours. The port is 0 for ICMP.</summary>
    public Endpoint Source { get; }

    public Endpoint Destination { get; }

    /// <summary>Of TCP.</summary>
    public uint SequenceNumber { get; }

    /// <summary>Bytes of the whole packet, by its header.</summary>
    public int Length { get; }

    /// <summary>False when the transport header is not there: quotes have at least 8 bytes of it (RFC 792).</summary>
    public static bool TryParse(ReadOnlySpan<byte> quote, bool v4, out QuotedPacket packet)
    {
        packet = default;
        var header = v4 ? Ipv4View.SmallestHeader : Ipv6View.FixedHeader;
        if (quote.Length < header + 8 || quote[0] >> 4 != (v4 ? 4 : 6))
            return false;
        var protocol = (IpProtocol)quote[v4 ? 9 : 6];
        var (source, destination) = v4
            ? (IpAddress.Read(quote.Slice(12, 4)), IpAddress.Read(quote.Slice(16, 4)))
            : (IpAddress.Read(quote.Slice(8, 16)), IpAddress.Read(quote.Slice(24, 16)));
        var length = v4 ? BinaryPrimitives.ReadUInt16BigEndian(quote[2..]) : header + BinaryPrimitives.ReadUInt16BigEndian(quote[4..]);
        // What we send has no options, and no extension header but that of a first fragment.
        if (v4 && (quote[0] != 0x45 || (BinaryPrimitives.ReadUInt16BigEndian(quote[6..]) & 0x1fff) != 0))
            return false;
        if (protocol == IpProtocol.Fragment && !v4)
        {
            if (quote.Length < header + Ipv6View.FragmentHeader + 8 || (BinaryPrimitives.ReadUInt16BigEndian(quote[(header + 2)..]) & ~7) != 0)
                return false;
            protocol = (IpProtocol)quote[header];
            header += Ipv6View.FragmentHeader;
        }
        if (source.IsV4 != v4 || destination.IsV4 != v4)
            return false;
        var transport = quote[header..];
        switch (protocol)
        {
            case IpProtocol.Tcp or IpProtocol.Udp:
                packet = new QuotedPacket(protocol,
                    new Endpoint(source, BinaryPrimitives.ReadUInt16BigEndian(transport)),
                    new Endpoint(destination, BinaryPrimitives.ReadUInt16BigEndian(transport[2..])),
                    protocol == IpProtocol.Tcp ? BinaryPrimitives.ReadUInt32BigEndian(transport[4..]) : 0, length);
                return true;
            case IpProtocol.Icmp or IpProtocol.IcmpV6:
                packet = new QuotedPacket(protocol, new Endpoint(source, 0), new Endpoint(destination, 0), 0, length);
                return true;
            default:
                return false;
        }
    }
}
