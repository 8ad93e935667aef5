using System.Buffers.Binary;

namespace Macro.Core.Packets;

/// <summary>The control bits of a TCP segment (RFC 9293 3.1).</summary>
[Flags]
public enum TcpFlags : byte
{
    None = 0,
    Fin = 1,
    Syn = 2,
    Reset = 4,
    Push = 8,
    Ack = 16,
    Urgent = 32,
    EcnEcho = 64,
    CongestionReduced = 128,
}

/// <summary>A TCP segment (RFC 9293) in the caller's buffer. Checked once; no accessor can fail.</summary>
public readonly ref struct TcpView
{
    public const int SmallestHeader = 20, ChecksumOffset = 16;

    readonly ReadOnlySpan<byte> _bytes;

    TcpView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <param name="payload">The payload of the IP packet.</param>
    public static bool TryParse(ReadOnlySpan<byte> payload, out TcpView view)
    {
        view = default;
        if (payload.Length < SmallestHeader)
            return false;
        var header = (payload[12] >> 4) * 4;
        if (header < SmallestHeader || header > payload.Length)
            return false;
        view = new TcpView(payload);
        return true;
    }

    public ReadOnlySpan<byte> Bytes => _bytes;
    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_bytes);
    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);
    public uint SequenceNumber => BinaryPrimitives.ReadUInt32BigEndian(_bytes[4..]);
    public uint AcknowledgmentNumber => BinaryPrimitives.ReadUInt32BigEndian(_bytes[8..]);
    public int HeaderLength => (_bytes[12] >> 4) * 4;
    public TcpFlags Flags => (TcpFlags)_bytes[13];
    public ushort Window => BinaryPrimitives.ReadUInt16BigEndian(_bytes[14..]);
    public ushort StatedChecksum => BinaryPrimitives.ReadUInt16BigEndian(_bytes[ChecksumOffset..]);
    public ReadOnlySpan<byte> Options => _bytes[SmallestHeader..HeaderLength];
    public ReadOnlySpan<byte> Payload => _bytes[HeaderLength..];
}
