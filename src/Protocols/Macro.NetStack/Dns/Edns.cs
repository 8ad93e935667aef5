using System.Buffers.Binary;

namespace Macro.NetStack.Dns;

/// <summary>
/// What an OPT record says besides its options (RFC 6891 6.1.2, 6.1.3). Options are between neighbours, so none is ever
/// passed on: client subnet (RFC 7871) would tell where the client is, a cookie (RFC 7873) who it is.
/// </summary>
/// <param name="UdpSize">Largest datagram that the sender takes, bytes.</param>
/// <param name="UpperResponseCode">The upper 8 bits of the response code.</param>
/// <param name="Version">0.</param>
/// <param name="DnssecOk">The sender wants DNSSEC records (RFC 3225).</param>
public readonly record struct Edns(ushort UdpSize, byte UpperResponseCode, byte Version, bool DnssecOk)
{
    /// <summary>Bytes of an OPT record without options.</summary>
    public const int Length = 11;

    /// <summary>What this end takes in a datagram: fits every path without fragments (DNS Flag Day 2020).</summary>
    public const ushort OwnUdpSize = 1232;

    const ushort ExtendedErrorOption = 15;
    const ushort PaddingOption = 12;

    internal static Edns Read(ReadOnlySpan<byte> opt) => new(
        BinaryPrimitives.ReadUInt16BigEndian(opt[3..]), opt[5], opt[6], (opt[7] & 0x80) != 0);

    internal static bool AreOptions(ReadOnlySpan<byte> data)
    {
        while (data.Length >= 4)
        {
            var end = 4 + MessageView.ReadUInt16(data, 2);
            if (end > data.Length)
                return false;
            data = data[end..];
        }
        return data.IsEmpty;
    }

    /// <summary>Writes an OPT record; returns its length.</summary>
    /// <param name="error">An extended error (RFC 8914), or none.</param>
    internal static int Write(Span<byte> room, bool dnssecOk, int upperResponseCode = 0, ExtendedError error = ExtendedError.None)
    {
        var opt = room[..LengthWith(error)];
        opt.Clear();
        opt[2] = (byte)RecordType.Opt;
        BinaryPrimitives.WriteUInt16BigEndian(opt[3..], OwnUdpSize);
        opt[5] = (byte)upperResponseCode;
        opt[7] = (byte)(dnssecOk ? 0x80 : 0);
        if (error != ExtendedError.None)
        {
            opt[10] = 6;
            BinaryPrimitives.WriteUInt16BigEndian(opt[11..], ExtendedErrorOption);
            opt[14] = 2;
            BinaryPrimitives.WriteUInt16BigEndian(opt[15..], (ushort)error);
        }
        return opt.Length;
    }

    internal static int LengthWith(ExtendedError error) => error == ExtendedError.None ? Length : Length + 6;

    /// <summary>
    /// Writes an OPT record that pads the message to a multiple of <paramref name="block"/> bytes (RFC 7830, RFC 8467),
    /// for queries within TLS. Returns its length.
    /// </summary>
    internal static int WritePadded(Span<byte> room, bool dnssecOk, int messageLength, int block)
    {
        Write(room, dnssecOk);
        var unpadded = messageLength + Length + 4;
        var padding = (block - unpadded % block) % block;
        room.Slice(Length, 4 + padding).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(room[9..], (ushort)(4 + padding));
        room[Length + 1] = (byte)PaddingOption;
        BinaryPrimitives.WriteUInt16BigEndian(room[(Length + 2)..], (ushort)padding);
        return Length + 4 + padding;
    }
}

/// <summary>Extended DNS errors (RFC 8914) that this resolver tells; none is -1, as 0 is "other".</summary>
public enum ExtendedError
{
    None = -1,
    StaleAnswer = 3,
    Blocked = 15,
    NotReady = 14,
    StaleNoSuchName = 19,
    NoReachableAuthority = 22,
    NetworkError = 23,
}
