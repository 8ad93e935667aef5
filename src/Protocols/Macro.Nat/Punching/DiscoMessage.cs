using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Nat;

public enum DiscoType : byte
{
    /// <summary>Do my datagrams reach you?</summary>
    Ping = 1,

    /// <summary>They do, and came from there.</summary>
    Pong = 2,
}

/// <summary>
/// A disco message: 64 bytes on the WireGuard socket, whatever it says, so that an answer is never larger than its question.
/// Magic 8, type u8, role u8, zero 2, number u32, attempt u64, observed endpoint 18 (address, IPv4 mapped, then port, both
/// in network order), zero 6, MAC 16. The rest is little-endian. See docs/protocol/disco.md.
/// </summary>
/// <param name="Number">Of the ping; the pong has that of its ping.</param>
/// <param name="Observed">Pong: where the ping came from. Ping: none.</param>
public readonly record struct DiscoMessage(DiscoType Type, uint Number, Endpoint Observed)
{
    public const int Size = 64;

    const int TypeAt = 8, RoleAt = 9, NumberAt = 12, AttemptAt = 16, AddressAt = 24, PortAt = 40, MacAt = 48;

    /// <summary>0x8d keeps it apart from WireGuard (1..4), STUN (below 0x40) and KRPC (0x64).</summary>
    public static ReadOnlySpan<byte> Magic => [0x8d, (byte)'m', (byte)'a', (byte)'c', (byte)'r', (byte)'o', 1, 0];

    /// <summary>Looks at length and magic only: enough to tell disco from everything else at the port.</summary>
    public static bool IsDisco(ReadOnlySpan<byte> datagram) => datagram.Length == Size && datagram.StartsWith(Magic);

    /// <summary>The attempt that a datagram claims to belong to. Only after <see cref="IsDisco"/>.</summary>
    public static ulong ReadAttempt(ReadOnlySpan<byte> datagram) => BinaryPrimitives.ReadUInt64LittleEndian(datagram[AttemptAt..]);

    internal void Write(Span<byte> datagram, byte role, ulong attempt, ReadOnlySpan<byte> key)
    {
        datagram[..Size].Clear();
        Magic.CopyTo(datagram);
        (datagram[TypeAt], datagram[RoleAt]) = ((byte)Type, role);
        BinaryPrimitives.WriteUInt32LittleEndian(datagram[NumberAt..], Number);
        BinaryPrimitives.WriteUInt64LittleEndian(datagram[AttemptAt..], attempt);
        Observed.Address.WriteMapped(datagram[AddressAt..]);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[PortAt..], Observed.Port);
        Blake2s.Mac(datagram[MacAt..], key, datagram[..MacAt]);
    }

    /// <summary>False for what the peer of this attempt did not write: another role, another attempt, a wrong MAC.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> datagram, byte role, ulong attempt, ReadOnlySpan<byte> key, out DiscoMessage message)
    {
        message = default;
        if (!IsDisco(datagram) || datagram[RoleAt] != role || ReadAttempt(datagram) != attempt
            || datagram[TypeAt] is not ((byte)DiscoType.Ping or (byte)DiscoType.Pong))
            return false;
        Span<byte> mac = stackalloc byte[Blake2s.MacSize];
        Blake2s.Mac(mac, key, datagram[..MacAt]);
        if (!System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(mac, datagram[MacAt..]))
            return false;
        message = new DiscoMessage(
            (DiscoType)datagram[TypeAt],
            BinaryPrimitives.ReadUInt32LittleEndian(datagram[NumberAt..]),
            new Endpoint(IpAddress.Read(datagram.Slice(AddressAt, 16)), BinaryPrimitives.ReadUInt16BigEndian(datagram[PortAt..])));
        return true;
    }
}
