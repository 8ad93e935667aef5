using System.Buffers.Binary;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>
/// A TCP segment as values (RFC 9293 3.1) over the payload in the caller's buffer. The checksum is the Stack's affair.
/// </summary>
public ref struct TcpSegment
{
    /// <summary>Header without options, and with all that there is room for.</summary>
    public const int MinHeader = 20, MaxHeader = 60;

    internal const uint TimestampPrefix = 0x0101080a, SackPrefix = 0x01010500;

    public ushort SourcePort;
    public ushort DestinationPort;
    public uint Sequence;
    public uint Acknowledgment;
    public TcpFlags Flags;

    /// <summary>As it stands in the header, not scaled.</summary>
    public ushort Window;

    /// <summary>Maximum segment size option; 0: none.</summary>
    public ushort Mss;

    /// <summary>Window scale option (RFC 7323 2), 0..14; null: none.</summary>
    public byte? WindowScale;

    public bool SackPermitted;
    public bool HasTimestamps;
    public uint TimestampValue;
    public uint TimestampEcho;

    /// <summary>Blocks of the SACK option (RFC 2018 3), 8 bytes each in network order: left edge, right edge.</summary>
    public ReadOnlySpan<byte> SackBlocks;

    public ReadOnlySpan<byte> Payload;

    /// <summary>Sequence numbers that it takes up: payload, SYN and FIN.</summary>
    public readonly int SequenceLength => Payload.Length + (Has(TcpFlags.Syn) ? 1 : 0) + (Has(TcpFlags.Fin) ? 1 : 0);

    public readonly bool Has(TcpFlags flag) => (Flags & flag) != 0;

    /// <summary>False when the header is not whole. Options that make no sense are passed over (RFC 9293 3.1, MUST-7).</summary>
    /// <param name="bytes">The payload of the IP packet.</param>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out TcpSegment segment)
    {
        segment = default;
        if (bytes.Length < MinHeader)
            return false;
        var header = (bytes[12] >> 4) * 4;
        if (header < MinHeader || header > bytes.Length)
            return false;
        segment.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        segment.DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        segment.Sequence = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        segment.Acknowledgment = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]);
        segment.Flags = (TcpFlags)bytes[13];
        segment.Window = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        segment.Payload = bytes[header..];
        // What everybody sends after the handshake.
        if (header == MinHeader + 12 && BinaryPrimitives.ReadUInt32BigEndian(bytes[MinHeader..]) == TimestampPrefix)
            segment.ReadTimestamps(bytes.Slice(MinHeader + 4, 8));
        else if (header > MinHeader)
            segment.ReadOptions(bytes[MinHeader..header]);
        return true;
    }

    /// <summary>Writes header, options and payload, the checksum zero. False when the room does not suffice.</summary>
    public readonly bool TryWrite(Span<byte> room, out int length)
    {
        length = 0;
        Span<byte> options = stackalloc byte[MaxHeader - MinHeader];
        if (!TryWriteOptions(options, out var optionsLength) || room.Length < MinHeader + optionsLength + Payload.Length)
            return false;
        options[..optionsLength].CopyTo(room[MinHeader..]);
        WriteHeader(room, SourcePort, DestinationPort, Sequence, Acknowledgment, Flags, Window, MinHeader + optionsLength);
        Payload.CopyTo(room[(MinHeader + optionsLength)..]);
        length = MinHeader + optionsLength + Payload.Length;
        return true;
    }

    /// <summary>
    /// The answer to a segment for which there is no connection (RFC 9293 3.10.7.1): a reset that its sender accepts.
    /// False when there is none, because the segment is a reset itself.
    /// </summary>
    public static bool TryMakeReset(in TcpSegment segment, out TcpSegment reset)
    {
        reset = new TcpSegment { SourcePort = segment.DestinationPort, DestinationPort = segment.SourcePort, Flags = TcpFlags.Reset };
        if (segment.Has(TcpFlags.Reset))
            return false;
        if (segment.Has(TcpFlags.Ack))
        {
            reset.Sequence = segment.Acknowledgment;
            return true;
        }
        reset.Acknowledgment = segment.Sequence + (uint)segment.SequenceLength;
        reset.Flags |= TcpFlags.Ack;
        return true;
    }

    internal static void WriteHeader(Span<byte> room, ushort source, ushort destination, uint sequence, uint acknowledgment, TcpFlags flags, ushort window, int length)
    {
        room = room[..MinHeader];
        BinaryPrimitives.WriteUInt32BigEndian(room, (uint)source << 16 | destination);
        BinaryPrimitives.WriteUInt32BigEndian(room[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(room[8..], acknowledgment);
        BinaryPrimitives.WriteUInt32BigEndian(room[12..], (uint)(length / 4) << 28 | (uint)flags << 16 | window);
        BinaryPrimitives.WriteUInt32BigEndian(room[16..], 0);
    }

    void ReadOptions(ReadOnlySpan<byte> options)
    {
        while (options.Length > 0)
        {
            var kind = options[0];
            if (kind == (byte)TcpOptionKind.End)
                return;
            if (kind == (byte)TcpOptionKind.NoOperation)
            {
                options = options[1..];
                continue;
            }
            if (options.Length < 2 || options[1] < 2 || options[1] > options.Length)
                return;
            Read((TcpOptionKind)kind, options[2..options[1]]);
            options = options[options[1]..];
        }
    }

    void Read(TcpOptionKind kind, ReadOnlySpan<byte> value)
    {
        switch (kind)
        {
            case TcpOptionKind.Mss when value.Length == 2 && Has(TcpFlags.Syn):
                Mss = BinaryPrimitives.ReadUInt16BigEndian(value);
                break;
            case TcpOptionKind.WindowScale when value.Length == 1 && Has(TcpFlags.Syn):
                // More than 14 counts as 14 (RFC 7323 2.3).
                WindowScale = Math.Min(value[0], (byte)14);
                break;
            case TcpOptionKind.SackPermitted when value.Length == 0 && Has(TcpFlags.Syn):
                SackPermitted = true;
                break;
            case TcpOptionKind.Sack when value.Length >= 8 && value.Length % 8 == 0:
                SackBlocks = value;
                break;
            case TcpOptionKind.Timestamps when value.Length == 8:
                ReadTimestamps(value);
                break;
            default:
                break;
        }
    }

    void ReadTimestamps(ReadOnlySpan<byte> value)
    {
        HasTimestamps = true;
        TimestampValue = BinaryPrimitives.ReadUInt32BigEndian(value);
        TimestampEcho = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
    }

    readonly bool TryWriteOptions(Span<byte> options, out int length)
    {
        length = 0;
        if (Mss != 0)
        {
            options[0] = (byte)TcpOptionKind.Mss;
            options[1] = 4;
            BinaryPrimitives.WriteUInt16BigEndian(options[2..], Mss);
            length = 4;
        }
        if (WindowScale is { } scale)
        {
            ReadOnlySpan<byte> option = [(byte)TcpOptionKind.NoOperation, (byte)TcpOptionKind.WindowScale, 3, scale];
            option.CopyTo(options[length..]);
            length += 4;
        }
        if (SackPermitted)
        {
            ReadOnlySpan<byte> option = [(byte)TcpOptionKind.NoOperation, (byte)TcpOptionKind.NoOperation, (byte)TcpOptionKind.SackPermitted, 2];
            option.CopyTo(options[length..]);
            length += 4;
        }
        if (HasTimestamps)
        {
            BinaryPrimitives.WriteUInt32BigEndian(options[length..], TimestampPrefix);
            BinaryPrimitives.WriteUInt32BigEndian(options[(length + 4)..], TimestampValue);
            BinaryPrimitives.WriteUInt32BigEndian(options[(length + 8)..], TimestampEcho);
            length += 12;
        }
        if (SackBlocks.IsEmpty)
            return true;
        if (SackBlocks.Length % 8 != 0 || length + 4 + SackBlocks.Length > options.Length)
            return false;
        ReadOnlySpan<byte> sack = [(byte)TcpOptionKind.NoOperation, (byte)TcpOptionKind.NoOperation, (byte)TcpOptionKind.Sack, (byte)(2 + SackBlocks.Length)];
        sack.CopyTo(options[length..]);
        SackBlocks.CopyTo(options[(length + 4)..]);
        length += 4 + SackBlocks.Length;
        return true;
    }

    enum TcpOptionKind : byte
    {
        End = 0,
        NoOperation = 1,
        Mss = 2,
        WindowScale = 3,
        SackPermitted = 4,
        Sack = 5,
        Timestamps = 8,
    }
}
