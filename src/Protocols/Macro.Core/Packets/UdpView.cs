using System.Buffers.Binary;

namespace Macro.Core.Packets;

/// <summary>A UDP datagram (RFC 768) in the caller's buffer. Checked once; no accessor can fail.</summary>
public readonly ref struct UdpView
{
    public const int HeaderLength = 8, ChecksumOffset = 6;

    readonly ReadOnlySpan<byte> _bytes;

    UdpView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <param name="payload">The payload of the IP packet. Bytes behind the UDP length are cut off.</param>
    public static bool TryParse(ReadOnlySpan<byte> payload, out UdpView view)
    {
        view = default;
        if (payload.Length < HeaderLength)
            return false;
        int length = BinaryPrimitives.ReadUInt16BigEndian(payload[4..]);
        if (length < HeaderLength || length > payload.Length)
            return false;
        view = new UdpView(payload[..length]);
        return true;
    }

    /// <summary>For a first fragment, whose datagram is longer than what is there: at least 8 bytes.</summary>
    public static ushort DestinationPortOf(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt16BigEndian(header[2..HeaderLength]);

    public ReadOnlySpan<byte> Bytes => _bytes;
    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_bytes);
    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    /// <summary>Zero: the sender made none (IPv4 only).</summary>
    public ushort StatedChecksum => BinaryPrimitives.ReadUInt16BigEndian(_bytes[ChecksumOffset..]);

    public ReadOnlySpan<byte> Payload => _bytes[HeaderLength..];
}
