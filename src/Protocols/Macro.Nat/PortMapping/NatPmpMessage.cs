using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>NAT Port Mapping Protocol (RFC 6886): version 0, IPv4 only, integers big-endian. A response as a value.</summary>
public readonly record struct NatPmpMessage
{
    public const byte Version = 0;
    public const int ErrorSize = 8, AddressSize = 12, MapSize = 16;

    const byte Response = 0x80;

    public required NatPmpOpcode Opcode { get; init; }

    public NatPmpResult Result { get; init; }

    /// <summary>Seconds since the gateway last lost its state.</summary>
    public uint Epoch { get; init; }

    /// <summary>Of <see cref="NatPmpOpcode.ExternalAddress"/>.</summary>
    public IpAddress External { get; init; }

    public ushort InternalPort { get; init; }

    public ushort ExternalPort { get; init; }

    /// <summary>Seconds.</summary>
    public uint Lifetime { get; init; }

    /// <summary>A success must have its opcode's length; an error needs no more than its code and the epoch.</summary>
    public static bool TryParse(ReadOnlySpan<byte> datagram, out NatPmpMessage message)
    {
        message = default;
        if (datagram.Length is < ErrorSize or > MapSize || datagram[0] != Version || (datagram[1] & Response) == 0)
            return false;
        var header = new NatPmpMessage
        {
            Opcode = (NatPmpOpcode)(datagram[1] & 0x7f),
            Result = (NatPmpResult)BinaryPrimitives.ReadUInt16BigEndian(datagram[2..]),
            Epoch = BinaryPrimitives.ReadUInt32BigEndian(datagram[4..]),
        };
        if (header.Result != NatPmpResult.Success)
        {
            message = header;
            return true;
        }
        if (header.Opcode == NatPmpOpcode.ExternalAddress && datagram.Length == AddressSize)
        {
            message = header with { External = IpAddress.Read(datagram[8..]) };
            return true;
        }
        if (header.Opcode != NatPmpOpcode.MapUdp || datagram.Length != MapSize)
            return false;
        message = header with
        {
            InternalPort = BinaryPrimitives.ReadUInt16BigEndian(datagram[8..]),
            ExternalPort = BinaryPrimitives.ReadUInt16BigEndian(datagram[10..]),
            Lifetime = BinaryPrimitives.ReadUInt32BigEndian(datagram[12..]),
        };
        return true;
    }

    /// <summary>Asks for the gateway's outside address.</summary>
    public static int WriteExternalAddress(Span<byte> room)
    {
        room[..2].Clear();
        return 2;
    }

    /// <param name="lifetime">Seconds; 0 removes, and then the wish must be 0 too.</param>
    public static int WriteMap(Span<byte> room, ushort internalPort, ushort wish, uint lifetime)
    {
        var request = room[..12];
        request.Clear();
        request[1] = (byte)NatPmpOpcode.MapUdp;
        BinaryPrimitives.WriteUInt16BigEndian(request[4..], internalPort);
        BinaryPrimitives.WriteUInt16BigEndian(request[6..], wish);
        BinaryPrimitives.WriteUInt32BigEndian(request[8..], lifetime);
        return request.Length;
    }
}

public enum NatPmpOpcode : byte
{
    ExternalAddress = 0,
    MapUdp = 1,
}

/// <summary>RFC 6886 3.5.</summary>
public enum NatPmpResult : ushort
{
    Success = 0,
    UnsupportedVersion = 1,
    NotAuthorized = 2,
    NetworkFailure = 3,
    OutOfResources = 4,
    UnsupportedOpcode = 5,
}
