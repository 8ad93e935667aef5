using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>
/// Port Control Protocol, version 2 (RFC 6887 7 and 11): requests of MAP and ANNOUNCE, and what comes back. Addresses are 16
/// bytes, IPv4 in its mapped form; integers big-endian.
/// </summary>
public readonly record struct PcpMessage
{
    public const byte Version = 2;
    public const ushort ServerPort = 5351;

    /// <summary>Where gateways announce, by multicast to 224.0.0.1 and ff02::1, that they began anew.</summary>
    public const ushort ClientPort = 5350;

    public const int HeaderSize = 24;
    public const int MapSize = HeaderSize + 36;
    public const int NonceSize = 12;

    /// <summary>Bytes of the longest message.</summary>
    public const int MaxSize = 1100;

    const byte Response = 0x80;
    const byte Udp = 17;

    public required PcpOpcode Opcode { get; init; }

    /// <summary>0 is success.</summary>
    public PcpResult Result { get; init; }

    /// <summary>Of the mapping, or of the error, in seconds.</summary>
    public uint Lifetime { get; init; }

    /// <summary>Seconds since the gateway last lost its state.</summary>
    public uint Epoch { get; init; }

    /// <summary>Of MAP: 12 bytes as a number.</summary>
    public UInt128 Nonce { get; init; }

    public ushort InternalPort { get; init; }

    public Endpoint External { get; init; }

    /// <summary>A response of version 2 of one of our opcodes, about UDP. Options behind it are passed over.</summary>
    public static bool TryParse(ReadOnlySpan<byte> datagram, out PcpMessage message)
    {
        message = default;
        if (datagram.Length is < HeaderSize or > MaxSize || datagram.Length % 4 != 0
            || datagram[0] != Version || (datagram[1] & Response) == 0)
            return false;
        var header = new PcpMessage
        {
            Opcode = (PcpOpcode)(datagram[1] & 0x7f),
            Result = (PcpResult)datagram[3],
            Lifetime = BinaryPrimitives.ReadUInt32BigEndian(datagram[4..]),
            Epoch = BinaryPrimitives.ReadUInt32BigEndian(datagram[8..]),
        };
        if (header.Opcode == PcpOpcode.Announce)
        {
            message = header;
            return true;
        }
        if (header.Opcode != PcpOpcode.Map || datagram.Length < MapSize || datagram[36] != Udp)
            return false;
        message = header with
        {
            Nonce = ReadNonce(datagram[HeaderSize..]),
            InternalPort = BinaryPrimitives.ReadUInt16BigEndian(datagram[40..]),
            External = new Endpoint(IpAddress.Read(datagram.Slice(44, 16)), BinaryPrimitives.ReadUInt16BigEndian(datagram[42..])),
        };
        return true;
    }

    /// <param name="lifetime">Seconds; 0 removes.</param>
    /// <param name="wish">The outside endpoint wished for: what was granted before, else our own port at any address.</param>
    /// <param name="room">At least <see cref="MapSize"/> bytes.</param>
    /// <returns>Bytes written.</returns>
    public static int WriteMap(Span<byte> room, IpAddress own, uint lifetime, UInt128 nonce, ushort internalPort, Endpoint wish)
    {
        var request = room[..MapSize];
        WriteHeader(request, PcpOpcode.Map, own, lifetime);
        Span<byte> wide = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(wide, nonce);
        wide[4..].CopyTo(request[HeaderSize..]);
        request[36] = Udp;
        BinaryPrimitives.WriteUInt16BigEndian(request[40..], internalPort);
        BinaryPrimitives.WriteUInt16BigEndian(request[42..], wish.Port);
        wish.Address.WriteMapped(request[44..]);
        return MapSize;
    }

    /// <summary>Asks for a sign of life, and so for the epoch.</summary>
    public static int WriteAnnounce(Span<byte> room, IpAddress own)
    {
        WriteHeader(room[..HeaderSize], PcpOpcode.Announce, own, 0);
        return HeaderSize;
    }

    static void WriteHeader(Span<byte> request, PcpOpcode opcode, IpAddress own, uint lifetime)
    {
        request.Clear();
        request[0] = Version;
        request[1] = (byte)opcode;
        BinaryPrimitives.WriteUInt32BigEndian(request[4..], lifetime);
        own.WriteMapped(request[8..]);
    }

    static UInt128 ReadNonce(ReadOnlySpan<byte> twelve) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(twelve), BinaryPrimitives.ReadUInt64BigEndian(twelve[4..]));
}

public enum PcpOpcode : byte
{
    Announce = 0,
    Map = 1,
}

/// <summary>RFC 6887 7.4.</summary>
public enum PcpResult : byte
{
    Success = 0,
    UnsupportedVersion = 1,
    NotAuthorized = 2,
    MalformedRequest = 3,
    UnsupportedOpcode = 4,
    UnsupportedOption = 5,
    MalformedOption = 6,
    NetworkFailure = 7,
    NoResources = 8,
    UnsupportedProtocol = 9,
    UserExceededQuota = 10,
    CannotProvideExternal = 11,
    AddressMismatch = 12,
    ExcessiveRemotePeers = 13,
}
