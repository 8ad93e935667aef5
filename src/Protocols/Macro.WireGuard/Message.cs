using System.Buffers.Binary;

namespace Macro.WireGuard;

/// <summary>First byte of every message; three zero bytes follow it (whitepaper 5.4).</summary>
public enum MessageType : byte
{
    Initiation = 1,
    Response = 2,
    CookieReply = 3,
    Data = 4,
}

/// <summary>Sizes and offsets of the four messages on the wire, in bytes (whitepaper 5.4.2 to 5.4.7). Numbers are little-endian.</summary>
public static class Message
{
    public const int InitiationSize = 148, ResponseSize = 92, CookieReplySize = 64;

    /// <summary>Type, receiver index, counter: what precedes the sealed packet.</summary>
    public const int DataHeaderSize = 16;

    public const int TagSize = 16;

    /// <summary>What a data message adds to the padded packet; also the size of a keepalive.</summary>
    public const int DataOverhead = DataHeaderSize + TagSize;

    /// <summary>Packets are padded to a multiple of this, never beyond the MTU.</summary>
    public const int PaddingMultiple = 16;

    /// <summary>Most bytes that a sealed packet may need behind the packet: padding and tag.</summary>
    public const int DataTailroom = PaddingMultiple - 1 + TagSize;

    internal const int SenderOffset = 4;
    internal const int InitiationEphemeral = 8, InitiationStatic = 40, InitiationTimestamp = 88, InitiationMac1 = 116, InitiationMac2 = 132;
    internal const int ResponseReceiver = 8, ResponseEphemeral = 12, ResponseEmpty = 44, ResponseMac1 = 60, ResponseMac2 = 76;
    internal const int CookieReceiver = 4, CookieNonce = 8, CookieSealed = 32;
    internal const int DataReceiver = 4, DataCounter = 8;
    internal const int KeySize = 32, SealedKeySize = 48, SealedTimestampSize = 28, MacSize = 16;

    /// <summary>True for a datagram that is a WireGuard message by type, reserved bytes and size; nothing is authenticated yet.</summary>
    public static bool TryReadType(ReadOnlySpan<byte> datagram, out MessageType type)
    {
        type = default;
        if (datagram.Length < DataOverhead)
            return false;
        var first = BinaryPrimitives.ReadUInt32LittleEndian(datagram);
        type = (MessageType)first;
        return first switch
        {
            1 => datagram.Length == InitiationSize,
            2 => datagram.Length == ResponseSize,
            3 => datagram.Length == CookieReplySize,
            4 => true,
            _ => false,
        };
    }

    /// <summary>The index that the sender of an initiation or a response chose for itself.</summary>
    public static bool TryReadSender(ReadOnlySpan<byte> datagram, out uint index)
    {
        var has = TryReadType(datagram, out var type) && type is MessageType.Initiation or MessageType.Response;
        index = has ? BinaryPrimitives.ReadUInt32LittleEndian(datagram[SenderOffset..]) : 0;
        return has;
    }

    /// <summary>The index of the receiver of a response, cookie reply or data message.</summary>
    public static bool TryReadReceiver(ReadOnlySpan<byte> datagram, out uint index)
    {
        index = 0;
        if (!TryReadType(datagram, out var type) || type == MessageType.Initiation)
            return false;
        index = BinaryPrimitives.ReadUInt32LittleEndian(datagram[(type == MessageType.Response ? ResponseReceiver : DataReceiver)..]);
        return true;
    }

    /// <summary>The counter of a data message (its nonce).</summary>
    public static ulong ReadCounter(ReadOnlySpan<byte> data) => BinaryPrimitives.ReadUInt64LittleEndian(data[DataCounter..]);

    internal static void WriteData(Span<byte> header, uint receiver, ulong counter)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)MessageType.Data);
        BinaryPrimitives.WriteUInt32LittleEndian(header[DataReceiver..], receiver);
        BinaryPrimitives.WriteUInt64LittleEndian(header[DataCounter..], counter);
    }

    /// <summary>Length of a packet after padding: up to a multiple of 16, but not beyond the MTU (whitepaper 5.4.6).</summary>
    public static int PaddedLength(int length, int mtu) =>
        Math.Min((length + PaddingMultiple - 1) & -PaddingMultiple, Math.Max(length, mtu));
}
