using System.Buffers.Binary;

namespace Macro.Core.Packets;

/// <summary>
/// An IPv6 packet (RFC 8200) in the caller's buffer. <see cref="TryParse"/> checks all lengths and walks the extension
/// headers once; after that no accessor can fail.
/// </summary>
public readonly ref struct Ipv6View
{
    public const int FixedHeader = 40, FragmentHeader = 8;

    /// <summary>More extension headers than any honest sender uses; a packet with more is refused.</summary>
    const int MostExtensions = 8;

    readonly ReadOnlySpan<byte> _bytes;
    readonly ushort _fragment;
    readonly int _fragmentAt;

    Ipv6View(ReadOnlySpan<byte> bytes, int payloadOffset, IpProtocol protocol, int fragmentAt, ushort fragment, bool hasRouting, bool hasExtensionsInFragment)
    {
        _bytes = bytes;
        PayloadOffset = payloadOffset;
        Protocol = protocol;
        _fragmentAt = fragmentAt;
        _fragment = fragment;
        HasRoutingHeader = hasRouting;
        HasExtensionsInFragment = hasExtensionsInFragment;
    }

    /// <summary>
    /// Bytes behind the payload length are cut off. False when a length does not fit, the version is not 6, or the
    /// extension headers are out of order, doubled where they must not be, or too many. No jumbograms.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> packet, out Ipv6View view)
    {
        view = default;
        if (packet.Length < FixedHeader || packet[0] >> 4 != 6)
            return false;
        var total = FixedHeader + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (total > packet.Length)
            return false;
        packet = packet[..total];

        var next = (IpProtocol)packet[6];
        var at = FixedHeader;
        var fragmentAt = 0;
        var hasRouting = false;
        var hasExtensionsInFragment = false;
        ushort fragment = 0;
        for (var extensions = 0; ; extensions++)
        {
            // Behind the header of a later fragment lies the middle of something: nothing there to walk.
            if (!IsExtension(next) || fragment >> 3 != 0)
            {
                view = new Ipv6View(packet, at, next, fragmentAt, fragment, hasRouting, hasExtensionsInFragment);
                return true;
            }
            if (extensions == MostExtensions || packet.Length - at < 8)
                return false;
            if ((next == IpProtocol.HopByHop && at != FixedHeader) || (next == IpProtocol.Fragment && fragmentAt != 0))
                return false;
            var length = next switch
            {
                IpProtocol.Fragment => FragmentHeader,
                IpProtocol.Authentication => 4 * (packet[at + 1] + 2),
                _ => 8 * (packet[at + 1] + 1),
            };
            if (length < 8 || packet.Length - at < length)
                return false;
            hasExtensionsInFragment |= fragmentAt != 0;
            if (next == IpProtocol.Fragment)
            {
                fragmentAt = at;
                fragment = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]);
            }
            hasRouting |= next == IpProtocol.Routing;
            next = (IpProtocol)packet[at];
            at += length;
        }
    }

    /// <summary>The whole packet.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Bytes before <see cref="Payload"/>: the fixed header and the extension headers.</summary>
    public int PayloadOffset { get; }

    /// <summary>The protocol of <see cref="Payload"/>: the first header that is no extension header, or in a later fragment what it says.</summary>
    public IpProtocol Protocol { get; }

    /// <summary>Has a fragment header, even one that says "all in one piece" (RFC 6946).</summary>
    public bool IsFragment => _fragmentAt != 0;

    public bool HasRoutingHeader { get; }

    /// <summary>Extension headers stand behind the fragment header, so that the transport header begins later than the fragmented part.</summary>
    public bool HasExtensionsInFragment { get; }

    public byte TrafficClass => (byte)(BinaryPrimitives.ReadUInt16BigEndian(_bytes) >> 4);
    public uint FlowLabel => BinaryPrimitives.ReadUInt32BigEndian(_bytes) & 0xfffff;
    public byte HopLimit => _bytes[7];
    public bool MoreFragments => (_fragment & 1) != 0;

    /// <summary>Bytes, a multiple of 8.</summary>
    public int FragmentOffset => _fragment & ~7;

    /// <summary>Of a fragment: the same for all fragments of a packet.</summary>
    public uint FragmentIdentification => BinaryPrimitives.ReadUInt32BigEndian(_bytes[(_fragmentAt + 4)..]);

    /// <summary>Of a fragment: what <see cref="FragmentedPart"/> of the first one begins with, maybe an extension header.</summary>
    public IpProtocol FragmentProtocol => (IpProtocol)_bytes[_fragmentAt];

    /// <summary>Of a fragment: all behind the fragment header.</summary>
    public ReadOnlySpan<byte> FragmentedPart => _bytes[(_fragmentAt + FragmentHeader)..];

    public IpAddress Source => IpAddress.Read(_bytes.Slice(8, 16));
    public IpAddress Destination => IpAddress.Read(_bytes.Slice(24, 16));
    public ReadOnlySpan<byte> Payload => _bytes[PayloadOffset..];

    static bool IsExtension(IpProtocol protocol) =>
        protocol is IpProtocol.HopByHop or IpProtocol.Routing or IpProtocol.Fragment or IpProtocol.Authentication or IpProtocol.DestinationOptions;
}
