using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits;

/// <summary>
/// The 1:1 rewrite at an exit: every client has the same address inside (<see cref="AddressPair.Inner"/>), and outside the
/// address that the pool gave its session. Works in place, keeps ports, brings the checksums of the IPv4 header and of
/// TCP, UDP and ICMPv6 up to date by difference (RFC 1624), so a packet that came with a wrong checksum leaves with one.
/// The packet that an ICMP error quotes is rewritten too.
/// </summary>
/// <remarks>A packet that is refused is left as it was.</remarks>
public static class SourceRewrite
{
    /// <summary>False: not a whole packet.</summary>
    public static bool TryReadDestination(ReadOnlySpan<byte> packet, out IpAddress destination)
    {
        var whole = IpView.TryParse(packet, out var view);
        destination = whole ? view.Destination : default;
        return whole;
    }

    /// <summary>
    /// From the client to the Internet: source inner -> the session's pool address of the packet's family. False, drop:
    /// not a whole packet, a source other than the inner address, or an ICMP error about a packet that never went to
    /// this client.
    /// </summary>
    public static bool Outbound(Span<byte> packet, IpAddress v4, IpAddress v6) => IpView.TryParse(packet, out var view) && Outbound(packet, view, v4, v6);

    /// <inheritdoc cref="Outbound(Span{byte}, IpAddress, IpAddress)"/>
    /// <param name="view">Of this very packet.</param>
    public static bool Outbound(Span<byte> packet, in IpView view, IpAddress v4, IpAddress v6) =>
        view.Source == AddressPair.Inner.OfFamily(view.IsV4)
        && Rewrite(packet, view, view.Source, view.IsV4 ? v4 : v6, outbound: true);

    /// <summary>
    /// From the Internet to the client: destination -> inner. The caller found the session by the destination
    /// (<see cref="TryReadDestination"/>). False, drop: not a whole packet, or an ICMP error about a packet that this
    /// client never sent.
    /// </summary>
    public static bool Inbound(Span<byte> packet) =>
        IpView.TryParse(packet, out var view)
        && Rewrite(packet, view, view.Destination, AddressPair.Inner.OfFamily(view.IsV4), outbound: false);

    static bool Rewrite(Span<byte> packet, in IpView view, IpAddress before, IpAddress after, bool outbound)
    {
        var (v4, protocol, at, laterFragment) = (view.IsV4, view.Protocol, view.PayloadOffset, view.IsLaterFragment);
        // An IPv4-mapped address in an IPv6 header is no address of ours.
        if (view.IsSourceRouted || before.IsV4 != v4 || after.IsV4 != v4)
            return false;
        packet = packet[..view.Bytes.Length];
        var payload = packet[at..];
        var (sumBefore, sumAfter) = (Checksum.Sum(before), Checksum.Sum(after));

        if (!laterFragment)
        {
            if (!HasWholeHeader(payload, protocol))
                return false;
            if (protocol is IpProtocol.Icmp or IpProtocol.IcmpV6)
            {
                if (IcmpView.TryParse(payload, !v4, out var icmp) && icmp.IsError && !RewriteQuoted(payload, v4, before, after, outbound))
                    return false;
            }
            UpdateTransport(payload, protocol, sumBefore, sumAfter);
        }
        RewriteAddress(packet, v4, source: outbound, after, sumBefore, sumAfter);
        return true;
    }

    /// <summary>
    /// An ICMP error quotes the start of the packet that caused it; that one travelled the other way, so its other
    /// address is the client's. All that changes in it changes the checksum of the error around it.
    /// </summary>
    static bool RewriteQuoted(Span<byte> icmp, bool v4, IpAddress before, IpAddress after, bool outbound)
    {
        var quoted = icmp[IcmpView.HeaderLength..];
        var header = v4 ? Ipv4View.SmallestHeader : Ipv6View.FixedHeader;
        if (quoted.Length < header || quoted[0] >> 4 != (v4 ? 4 : 6))
            return false;
        // The quote is cut short, so the lengths in it say nothing.
        if (v4)
            header = (quoted[0] & 15) * 4;
        if (header < Ipv4View.SmallestHeader || header > quoted.Length)
            return false;
        var source = !outbound;
        if (IpAddress.Read(AddressField(quoted, v4, source)) != before)
            return false;

        var laterFragment = v4 && (BinaryPrimitives.ReadUInt16BigEndian(quoted[6..]) & 0x1fff) != 0;
        var protocol = (IpProtocol)quoted[v4 ? 9 : 6];
        var length = quoted.Length & ~1;
        var sum = Checksum.Sum(quoted[..length]);
        var (sumBefore, sumAfter) = (Checksum.Sum(before), Checksum.Sum(after));
        if (!laterFragment)
            UpdateTransport(quoted[header..], protocol, sumBefore, sumAfter);
        RewriteAddress(quoted, v4, source, after, sumBefore, sumAfter);
        UpdateChecksum(icmp.Slice(IcmpView.ChecksumOffset, 2), sum, Checksum.Sum(quoted[..length]));
        return true;
    }

    /// <summary>The checksums of transport headers cover the addresses by the pseudo-header; that of ICMP does not.</summary>
    static void UpdateTransport(Span<byte> payload, IpProtocol protocol, ushort before, ushort after)
    {
        var at = protocol switch
        {
            IpProtocol.Tcp => TcpView.ChecksumOffset,
            IpProtocol.Udp => UdpView.ChecksumOffset,
            IpProtocol.IcmpV6 => IcmpView.ChecksumOffset,
            _ => payload.Length,
        };
        if (payload.Length < at + 2)
            return;
        var field = payload.Slice(at, 2);
        if (protocol != IpProtocol.Udp)
        {
            UpdateChecksum(field, before, after);
            return;
        }
        // UDP: zero means that there is none, so a checksum that comes out as zero is sent as all ones (RFC 768).
        if (BinaryPrimitives.ReadUInt16BigEndian(field) == 0)
            return;
        UpdateChecksum(field, before, after);
        if (BinaryPrimitives.ReadUInt16BigEndian(field) == 0)
            BinaryPrimitives.WriteUInt16BigEndian(field, 0xffff);
    }

    static void RewriteAddress(Span<byte> packet, bool v4, bool source, IpAddress after, ushort sumBefore, ushort sumAfter)
    {
        after.Write(AddressField(packet, v4, source));
        if (v4)
            UpdateChecksum(packet.Slice(10, 2), sumBefore, sumAfter);
    }

    static Span<byte> AddressField(Span<byte> packet, bool v4, bool source) => (v4, source) switch
    {
        (true, true) => packet.Slice(12, 4),
        (true, false) => packet.Slice(16, 4),
        (false, true) => packet.Slice(8, 16),
        (false, false) => packet.Slice(24, 16),
    };

    static bool HasWholeHeader(ReadOnlySpan<byte> payload, IpProtocol protocol) => protocol switch
    {
        IpProtocol.Tcp => payload.Length >= TcpView.SmallestHeader,
        IpProtocol.Udp => payload.Length >= UdpView.HeaderLength,
        IpProtocol.Icmp or IpProtocol.IcmpV6 => payload.Length >= IcmpView.HeaderLength,
        _ => true,
    };

    static void UpdateChecksum(Span<byte> field, ushort before, ushort after) =>
        BinaryPrimitives.WriteUInt16BigEndian(field, Checksum.Update(BinaryPrimitives.ReadUInt16BigEndian(field), before, after));
}
