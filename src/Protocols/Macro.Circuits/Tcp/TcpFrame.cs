using System.Buffers.Binary;
using Macro.WireGuard;

namespace Macro.Circuits;

public enum TcpFrameVerdict
{
    Ok,

    /// <summary>More bytes must come first.</summary>
    Incomplete,

    /// <summary>No message of ours: the stream has no beginning of the next one, and the connection is of no use any more.</summary>
    Broken,
}

/// <summary>
/// WireGuard messages in a stream of bytes: the length (u16, little-endian, without itself), then the message.
/// docs/protocol/tcp.md.
/// </summary>
public static class TcpFrame
{
    public const int HeaderSize = 2;

    /// <summary>What a session's payload may grow to on the wire. Nothing longer is sent or taken.</summary>
    public const int MaxMessage = CircuitMtu.Datagram;

    /// <summary>The first message of a stream.</summary>
    /// <param name="size">Bytes of it with its header; 0 unless Ok.</param>
    public static TcpFrameVerdict TryRead(ReadOnlySpan<byte> stream, out ReadOnlySpan<byte> message, out int size)
    {
        message = default;
        size = 0;
        if (stream.Length < HeaderSize)
            return TcpFrameVerdict.Incomplete;
        var length = BinaryPrimitives.ReadUInt16LittleEndian(stream);
        if (length is < Message.DataOverhead or > MaxMessage)
            return TcpFrameVerdict.Broken;
        if (stream.Length < HeaderSize + length)
            return TcpFrameVerdict.Incomplete;
        if (!Message.TryReadType(stream.Slice(HeaderSize, length), out _))
            return TcpFrameVerdict.Broken;
        message = stream.Slice(HeaderSize, length);
        size = HeaderSize + length;
        return TcpFrameVerdict.Ok;
    }

    /// <summary>False when the room is too small, or this is no message for a stream; then nothing is written.</summary>
    public static bool TryWrite(ReadOnlySpan<byte> message, Span<byte> room, out int size)
    {
        size = 0;
        if (message.Length > MaxMessage || room.Length < HeaderSize + message.Length || !Message.TryReadType(message, out _))
            return false;
        BinaryPrimitives.WriteUInt16LittleEndian(room, (ushort)message.Length);
        message.CopyTo(room[HeaderSize..]);
        size = HeaderSize + message.Length;
        return true;
    }
}
