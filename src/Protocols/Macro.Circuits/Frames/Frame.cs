using System.Buffers.Binary;

namespace Macro.Circuits;

/// <summary>What a frame carries. The low nibble space 4 and 6 stays free: a payload that starts so is an IP packet.</summary>
public enum FrameType : byte
{
    /// <summary>One WireGuard message to or from a channel's next hop.</summary>
    Forward = 1,

    /// <summary>A control message (<see cref="ControlMessage"/>); the channel field is the request id.</summary>
    Control = 2,

    /// <summary>Cover traffic, or a keepalive of constant size: to be ignored.</summary>
    Cover = 3,
}

/// <summary>
/// The frame header in front of everything inside a session that is not an IP packet, 8 bytes, little-endian:
/// type u8 (high nibble 0), flags u8, length u16 of the payload that follows, channel u32. Padding of the session lies
/// behind the payload. Documented in docs/protocol/frames.md.
/// </summary>
public readonly record struct Frame(FrameType Type, byte Flags, ushort Length, uint Channel)
{
    public const int HeaderSize = 8;

    /// <summary>Flag bit 0: a relay on the way is congested (ECN of a leg that is wrapped).</summary>
    public const byte CongestionExperienced = 1;

    /// <summary>
    /// Flag bit 3, of a client's Control frames: whatever is sealed for this session from now on is to be padded to the size of
    /// the payload that this frame came in.
    /// </summary>
    public const byte ConstantSize = 8;

    /// <summary>What keepalives of sessions of constant size carry: a Cover frame without a payload.</summary>
    public static ReadOnlyMemory<byte> Cover { get; } = MakeCover();

    /// <summary>Writes the 8 header bytes.</summary>
    public void Write(Span<byte> header)
    {
        header[0] = (byte)Type;
        header[1] = Flags;
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Channel);
    }

    /// <summary>Lays header and payload into <paramref name="buffer"/> and returns that part of it.</summary>
    public static ReadOnlySpan<byte> Wrap(Span<byte> buffer, FrameType type, uint channel, ReadOnlySpan<byte> payload, byte flags = 0)
    {
        new Frame(type, flags, (ushort)payload.Length, channel).Write(buffer);
        payload.CopyTo(buffer[HeaderSize..]);
        return buffer[..(HeaderSize + payload.Length)];
    }

    /// <summary>
    /// Reads a header. False when the payload is not a frame, its type is unknown, or it claims more bytes than are there.
    /// Frames longer than they claim are fine: sessions pad.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> plaintext, out Frame frame)
    {
        frame = default;
        if (plaintext.Length < HeaderSize || plaintext[0] is < (byte)FrameType.Forward or > (byte)FrameType.Cover)
            return false;
        frame = new Frame(
            (FrameType)plaintext[0],
            plaintext[1],
            BinaryPrimitives.ReadUInt16LittleEndian(plaintext[2..]),
            BinaryPrimitives.ReadUInt32LittleEndian(plaintext[4..]));
        return plaintext.Length - HeaderSize >= frame.Length;
    }

    static byte[] MakeCover()
    {
        var frame = new byte[HeaderSize];
        new Frame(FrameType.Cover, 0, 0, 0).Write(frame);
        return frame;
    }
}
