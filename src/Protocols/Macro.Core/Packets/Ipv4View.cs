using System.Buffers.Binary;

namespace Macro.Core.Packets;

/// <summary>
/// An IPv4 packet (RFC 791) in the caller's buffer. <see cref="TryParse"/> checks all lengths once; after that no
/// accessor can fail. The header checksum is not checked here (<see cref="HasRightChecksum"/>).
/// </summary>
public readonly ref struct Ipv4View
{
    public const int SmallestHeader = 20;

    readonly ReadOnlySpan<byte> _bytes;

    Ipv4View(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>Bytes behind the total length (padding) are cut off. False when a length does not fit or the version is not 4.</summary>
    public static bool TryParse(ReadOnlySpan<byte> packet, out Ipv4View view)
    {
        view = default;
        if (packet.Length < SmallestHeader || packet[0] >> 4 != 4)
            return false;
        var header = (packet[0] & 15) * 4;
        int total = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (header < SmallestHeader || total < header || total > packet.Length)
            return false;
        view = new Ipv4View(packet[..total]);
        return true;
    }

    /// <summary>The whole packet.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    public int HeaderLength => (_bytes[0] & 15) * 4;
    public byte TrafficClass => _bytes[1];
    public ushort Identification => BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]);
    public bool DontFragment => (_bytes[6] & 0x40) != 0;
    public bool MoreFragments => (_bytes[6] & 0x20) != 0;

    /// <summary>Bytes, a multiple of 8.</summary>
    public int FragmentOffset => (BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]) & 0x1fff) * 8;

    public byte TimeToLive => _bytes[8];
    public IpProtocol Protocol => (IpProtocol)_bytes[9];
    public IpAddress Source => IpAddress.Read(_bytes.Slice(12, 4));
    public IpAddress Destination => IpAddress.Read(_bytes.Slice(16, 4));
    public ReadOnlySpan<byte> Options => _bytes[SmallestHeader..HeaderLength];
    public ReadOnlySpan<byte> Payload => _bytes[HeaderLength..];
    public bool HasRightChecksum => Checksum.Fits(Checksum.Sum(_bytes[..HeaderLength]));
}
