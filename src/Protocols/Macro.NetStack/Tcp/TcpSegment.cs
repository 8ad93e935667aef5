using System.Buffers.Binary;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>
/// A TCP segment as values (RFC 9293 3.1) over the payload in the caller's buffer. The checksum is the Stack's affair.
/// </summary>
public ref struct TcpSegment
{
    /// <summary>Header with all options that there is room for.</summary>
    public const int MaxHeader = 60;

    public ushort SourcePort;
    public ushort DestinationPort;
    public uint Sequence;
    public uint Acknowledgment;
    public TcpFlags Flags;

    /// <summary>As it stands in the header, not scaled.</summary>
    public ushort Window;

    /// <summary>Maximum segment size option; 0: none.</summary>
    public ushort Mss;

    /// <summary>Window scale option (RFC 7323 2): 0..14; -1: none.</summary>
    public sbyte WindowScale;

    public bool SackPermitted;
    public bool HasTimestamps;
    public uint TimestampValue;
    public uint TimestampEcho;

    /// <summary>Blocks of the SACK option (RFC 2018 3), 8 bytes each in network order: left edge, right edge.</summary>
    public ReadOnlySpan<byte> SackBlocks;

    public ReadOnlySpan<byte> Payload;

    /// <summary>Sequence numbers that it takes up: payload, SYN and FIN.</summary>
    public readonly int SequenceLength =>
        Payload.Length + ((Flags & TcpFlags.Syn) != 0 ? 1 : 0) + ((Flags & TcpFlags.Fin) != 0 ? 1 : 0);

    /// <summary>False when the header is not whole. Options that make no sense are passed over (RFC 9293 3.1, MUST-7).</summary>
    /// <param name="bytes">The payload of the IP packet.</param>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out TcpSegment segment) => throw new NotSupportedException();

    /// <summary>Writes header, options and payload, the checksum zero. False when the room does not suffice.</summary>
    public readonly bool TryWrite(Span<byte> room, out int length) => throw new NotSupportedException();

    /// <summary>
    /// The answer to a segment for which there is no connection (RFC 9293 3.10.7.1): a reset that its sender accepts.
    /// False when there is none, because the segment is a reset itself.
    /// </summary>
    public static bool TryMakeReset(in TcpSegment segment, out TcpSegment reset) => throw new NotSupportedException();
}
