using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits;

/// <summary>
/// What a client hears of a packet that the exit's policy denies, instead of waiting for an answer: ICMP "communication
/// administratively prohibited" (RFC 1812 5.2.7.1, RFC 4443 3.1) from the address of the exit's resolver.
/// </summary>
static class DenialNotice
{
    const byte UnreachableV4 = 3, ProhibitedV4 = 13, UnreachableV6 = 1, ProhibitedV6 = 1, TimeToLive = 64;

    /// <summary>Bytes of the quoted packet: its headers, and little else.</summary>
    const int MostQuoted = 128;

    /// <summary>Bytes of the longest notice.</summary>
    public const int MaxSize = Ipv6View.FixedHeader + IcmpView.HeaderLength + MostQuoted;

    /// <summary>
    /// Writes the notice about a packet as the client sent it. False: nobody is to be told, as of an ICMP message that is no
    /// echo request, a reset, a later fragment, or a multicast or broadcast (RFC 1122 3.2.2, RFC 4443 2.4 e).
    /// </summary>
    /// <param name="notice">At least <see cref="MaxSize"/> bytes.</param>
    public static bool TryWrite(ReadOnlySpan<byte> packet, Span<byte> notice, out int length)
    {
        length = 0;
        if (!IpView.TryParse(packet, out var about) || about.Source != AddressPair.Inner.OfFamily(about.IsV4) || !MayAnswer(about))
            return false;
        var v4 = about.IsV4;
        var at = IpHeader.Size(v4);
        var quoted = about.Bytes[..Math.Min(about.Bytes.Length, MostQuoted)];
        var header = new IpHeader(ExitResolver.Address.OfFamily(v4), about.Source, v4 ? IpProtocol.Icmp : IpProtocol.IcmpV6, TimeToLive);
        length = at + IcmpView.HeaderLength + quoted.Length;
        header.Write(notice[..length]);
        var message = notice[at..length];
        message[..IcmpView.HeaderLength].Clear();
        (message[0], message[1]) = v4 ? (UnreachableV4, ProhibitedV4) : (UnreachableV6, ProhibitedV6);
        quoted.CopyTo(message[IcmpView.HeaderLength..]);
        var pseudo = v4 ? (ushort)0 : Checksum.PseudoHeader(header.Source, header.Destination, IpProtocol.IcmpV6, message.Length);
        BinaryPrimitives.WriteUInt16BigEndian(message[IcmpView.ChecksumOffset..], Checksum.Finish(Checksum.Sum(message, pseudo)));
        return true;
    }

    /// <summary>Reads a notice. The exit alone can send one: it lets nothing in but UDP and TCP under its resolver's address.</summary>
    public static bool TryRead(ReadOnlySpan<byte> packet, out DeniedFlow denied)
    {
        denied = default;
        if (!IpView.TryParse(packet, out var notice) || !IsFromResolver(notice) || !IcmpView.TryParse(notice.Payload, !notice.IsV4, out var icmp)
            || (icmp.Type, icmp.Code) != (notice.IsV4 ? (UnreachableV4, ProhibitedV4) : (UnreachableV6, ProhibitedV6)))
            return false;
        var v4 = notice.IsV4;
        var quoted = icmp.Payload;
        // As the client sent it: without IPv6 extension headers, or it is not worth while.
        var header = v4 && quoted.Length > 0 ? (quoted[0] & 15) * 4 : Ipv6View.FixedHeader;
        if (quoted.Length < header + 4 || header < IpHeader.Size(v4) || quoted[0] >> 4 != (v4 ? 4 : 6))
            return false;
        var protocol = (IpProtocol)quoted[v4 ? 9 : 6];
        var port = protocol is IpProtocol.Tcp or IpProtocol.Udp ? BinaryPrimitives.ReadUInt16BigEndian(quoted[(header + 2)..]) : (ushort)0;
        denied = new DeniedFlow(protocol, IpAddress.Read(v4 ? quoted.Slice(16, 4) : quoted.Slice(24, 16)), port);
        return true;
    }

    public static bool IsFromResolver(in IpView packet) =>
        packet.Protocol is IpProtocol.Icmp or IpProtocol.IcmpV6 && packet.Source == ExitResolver.Address.OfFamily(packet.IsV4);

    static bool MayAnswer(in IpView about)
    {
        if (about.IsLaterFragment || IsForMany(about.Destination))
            return false;
        return about.Protocol switch
        {
            IpProtocol.Tcp => TcpView.TryParse(about.Payload, out var tcp) && (tcp.Flags & TcpFlags.Reset) == 0,
            IpProtocol.Udp => true,
            _ => IcmpView.TryParse(about.Payload, !about.IsV4, out var icmp) && icmp.IsEchoRequest,
        };
    }

    static bool IsForMany(IpAddress address) => address.IsMulticast || address == IpAddress.V4Broadcast;
}
