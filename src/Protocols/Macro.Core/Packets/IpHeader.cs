using System.Buffers.Binary;

namespace Macro.Core.Packets;

/// <summary>What is to stand in the IP header of a packet that leaves: the value beside <see cref="IpView"/>.</summary>
/// <param name="Source">Of the same family as the destination.</param>
/// <param name="TrafficClass">Differentiated services and ECN.</param>
public readonly record struct IpHeader(IpAddress Source, IpAddress Destination, IpProtocol Protocol, byte TimeToLive, byte TrafficClass = 0)
{
    /// <summary>Bytes of the header, without options or extension headers.</summary>
    public static int Size(bool v4) => v4 ? Ipv4View.SmallestHeader : Ipv6View.FixedHeader;

    /// <summary>
    /// Writes the header of a whole packet at its start; the length of <paramref name="packet"/> is the packet's. An IPv4
    /// packet must not be fragmented, and as one that never will be it has identification 0 (RFC 6864 4.1).
    /// </summary>
    public void Write(Span<byte> packet)
    {
        if (Source.IsV4)
            WriteV4(packet, 0, 0x4000);
        else
            WriteV6(packet, Protocol);
    }

    /// <summary>Bytes before the payload of a fragment.</summary>
    public static int FragmentSize(bool v4) => v4 ? Ipv4View.SmallestHeader : Ipv6View.FixedHeader + Ipv6View.FragmentHeader;

    /// <summary>Writes the headers of a fragment (RFC 791 3.2, RFC 8200 4.5).</summary>
    /// <param name="packet">The fragment, whose payload begins at <see cref="FragmentSize"/>.</param>
    /// <param name="identification">The same for all fragments of a packet; IPv4 takes the low half.</param>
    /// <param name="offset">Bytes, a multiple of 8.</param>
    /// <param name="more">Others follow.</param>
    public void WriteFragment(Span<byte> packet, uint identification, int offset, bool more)
    {
        if (Source.IsV4)
        {
            WriteV4(packet, (ushort)identification, (ushort)(offset / 8 | (more ? 0x2000 : 0)));
            return;
        }
        WriteV6(packet, IpProtocol.Fragment);
        var fragment = packet.Slice(Ipv6View.FixedHeader, Ipv6View.FragmentHeader);
        fragment[0] = (byte)Protocol;
        fragment[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(fragment[2..], (ushort)(offset | (more ? 1 : 0)));
        BinaryPrimitives.WriteUInt32BigEndian(fragment[4..], identification);
    }

    void WriteV4(Span<byte> packet, ushort identification, ushort flagsAndOffset)
    {
        var header = packet[..Ipv4View.SmallestHeader];
        header[0] = 0x45;
        header[1] = TrafficClass;
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], identification);
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], flagsAndOffset);
        header[8] = TimeToLive;
        header[9] = (byte)Protocol;
        header[10] = 0;
        header[11] = 0;
        Source.Write(header[12..]);
        Destination.Write(header[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], Checksum.Finish(Checksum.Sum(header)));
    }

    void WriteV6(Span<byte> packet, IpProtocol next)
    {
        var header = packet[..Ipv6View.FixedHeader];
        BinaryPrimitives.WriteUInt32BigEndian(header, 0x60000000 | (uint)TrafficClass << 20);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(packet.Length - Ipv6View.FixedHeader));
        header[6] = (byte)next;
        header[7] = TimeToLive;
        Source.Write(header[8..]);
        Destination.Write(header[24..]);
    }
}
