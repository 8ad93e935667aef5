using System.Buffers.Binary;

namespace Macro.Core.Packets;

/// <summary>An ICMP or ICMPv6 message (RFC 792, RFC 4443) in the caller's buffer. Checked once; no accessor can fail.</summary>
public readonly ref struct IcmpView
{
    public const int HeaderLength = 8, ChecksumOffset = 2;

    readonly ReadOnlySpan<byte> _bytes;
    readonly bool _v6;

    IcmpView(ReadOnlySpan<byte> bytes, bool v6)
    {
        _bytes = bytes;
        _v6 = v6;
    }

    /// <param name="payload">The payload of the IP packet.</param>
    /// <param name="v6">ICMPv6, whose types are numbered otherwise.</param>
    public static bool TryParse(ReadOnlySpan<byte> payload, bool v6, out IcmpView view)
    {
        view = default;
        if (payload.Length < HeaderLength)
            return false;
        view = new IcmpView(payload, v6);
        return true;
    }

    public byte Type => _bytes[0];
    public byte Code => _bytes[1];
    public ushort StatedChecksum => BinaryPrimitives.ReadUInt16BigEndian(_bytes[ChecksumOffset..]);
    public bool IsEchoRequest => Type == (_v6 ? 128 : 8);
    public bool IsEchoReply => Type == (_v6 ? 129 : 0);

    /// <summary>An error message: unreachable, too big, time exceeded, parameter problem.</summary>
    public bool IsError => _v6 ? Type is >= 1 and <= 4 : Type is 3 or 11 or 12;

    /// <summary>Of an echo request or reply.</summary>
    public ushort Identifier => BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]);

    public ushort SequenceNumber => BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]);

    /// <summary>Of an error: the start of the packet that caused it. Of an echo: its data.</summary>
    public ReadOnlySpan<byte> Payload => _bytes[HeaderLength..];
}
