using System.Buffers.Binary;

namespace Macro.Core.Packets;

/// <summary>What IPv4 and IPv6 have in common, for code that treats both alike. Checked once; no accessor can fail.</summary>
public readonly ref struct IpView
{
    readonly ReadOnlySpan<byte> _bytes;
    readonly bool _v6RoutingHeader;

    IpView(Ipv4View packet)
    {
        _bytes = packet.Bytes;
        PayloadOffset = packet.HeaderLength;
        Protocol = packet.Protocol;
        FragmentOffset = packet.FragmentOffset;
        MoreFragments = packet.MoreFragments;
    }

    IpView(Ipv6View packet)
    {
        _bytes = packet.Bytes;
        PayloadOffset = packet.PayloadOffset;
        Protocol = packet.Protocol;
        FragmentOffset = packet.FragmentOffset;
        MoreFragments = packet.MoreFragments;
        _v6RoutingHeader = packet.HasRoutingHeader;
        HasExtensionsInFragment = packet.HasExtensionsInFragment;
    }

    /// <summary>False when the bytes are not one whole IPv4 or IPv6 packet.</summary>
    public static bool TryParse(ReadOnlySpan<byte> packet, out IpView view)
    {
        if (Ipv4View.TryParse(packet, out var v4))
        {
            view = new IpView(v4);
            return true;
        }
        if (Ipv6View.TryParse(packet, out var v6))
        {
            view = new IpView(v6);
            return true;
        }
        view = default;
        return false;
    }

    /// <summary>Where a packet goes, without a look at the rest of it: for routing, where the far end judges the packet.</summary>
    public static bool TryReadDestination(ReadOnlySpan<byte> packet, out IpAddress destination)
    {
        destination = default;
        if (packet.Length >= Ipv4View.SmallestHeader && packet[0] >> 4 == 4)
            destination = IpAddress.Read(packet.Slice(16, 4));
        else if (packet.Length >= Ipv6View.FixedHeader && packet[0] >> 4 == 6)
            destination = IpAddress.Read(packet.Slice(24, 16));
        else
            return false;
        return true;
    }

    /// <summary>Source address and the length that the header claims; false when that cannot be. As <see cref="TryReadDestination"/>.</summary>
    public static bool TryReadSource(ReadOnlySpan<byte> packet, out IpAddress source, out int length)
    {
        (source, length) = (default, 0);
        if (packet.Length >= Ipv4View.SmallestHeader && packet[0] >> 4 == 4)
        {
            length = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
            if (length < Ipv4View.SmallestHeader)
                return false;
            source = IpAddress.Read(packet.Slice(12, 4));
        }
        else if (packet.Length >= Ipv6View.FixedHeader && packet[0] >> 4 == 6)
        {
            length = Ipv6View.FixedHeader + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
            source = IpAddress.Read(packet.Slice(8, 16));
        }
        return length > 0 && length <= packet.Length;
    }

    /// <summary>The whole packet, without what lay behind it.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    public bool IsV4 => _bytes[0] >> 4 == 4;

    /// <summary>As the packet says, an IPv6 packet with an IPv4-mapped address included.</summary>
    public IpAddress Source => IsV4 ? IpAddress.Read(_bytes.Slice(12, 4)) : IpAddress.Read(_bytes.Slice(8, 16));

    public IpAddress Destination => IsV4 ? IpAddress.Read(_bytes.Slice(16, 4)) : IpAddress.Read(_bytes.Slice(24, 16));

    /// <summary>Differentiated services and ECN.</summary>
    public byte TrafficClass => IsV4 ? _bytes[1] : (byte)(BinaryPrimitives.ReadUInt16BigEndian(_bytes) >> 4);

    /// <summary>Both addresses as they lie in the header, 8 or 32 bytes: for the pseudo-header of checksums.</summary>
    public ReadOnlySpan<byte> Addresses => IsV4 ? _bytes.Slice(12, 8) : _bytes.Slice(8, 32);

    /// <summary>Of the header of an IPv4 packet; IPv6 has none.</summary>
    public bool HasRightChecksum => !IsV4 || Checksum.Fits(Checksum.Sum(_bytes[..((_bytes[0] & 15) * 4)]));

    /// <summary>The checksum of TCP, UDP or ICMPv6 over the pseudo-header and the whole payload is right.</summary>
    public bool HasRightPayloadChecksum => Checksum.Fits(Checksum.Sum(Payload, Checksum.PseudoHeader(Addresses, Protocol, Payload.Length)));

    /// <summary>Of the payload, behind all extension headers.</summary>
    public IpProtocol Protocol { get; }

    public int PayloadOffset { get; }

    public ReadOnlySpan<byte> Payload => _bytes[PayloadOffset..];

    /// <summary>Bytes; 0 for a whole packet and for a first fragment.</summary>
    public int FragmentOffset { get; }

    public bool MoreFragments { get; }

    public bool IsFragment => MoreFragments || FragmentOffset != 0;

    /// <summary>A fragment that does not begin with the transport header.</summary>
    public bool IsLaterFragment => FragmentOffset != 0;

    /// <summary>
    /// It goes elsewhere than its destination says: an IPv4 packet with a loose or strict source route (RFC 791 3.1), an IPv6 packet with a routing header.
    /// </summary>
    public bool IsSourceRouted => _v6RoutingHeader || (IsV4 && PayloadOffset > Ipv4View.SmallestHeader && HasSourceRoute(_bytes[Ipv4View.SmallestHeader..PayloadOffset]));

    /// <summary>See <see cref="Ipv6View.HasExtensionsInFragment"/>.</summary>
    public bool HasExtensionsInFragment { get; }

    static bool HasSourceRoute(ReadOnlySpan<byte> options)
    {
        while (options is [not 0, ..])
        {
            if (options[0] is 131 or 137)
                return true;
            var length = options[0] == 1 ? 1 : options.Length > 1 ? Math.Max((int)options[1], 2) : options.Length;
            options = options[Math.Min(length, options.Length)..];
        }
        return false;
    }
}
