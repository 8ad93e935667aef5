using System.Buffers.Binary;
using System.Net;

namespace Macro.Core;

/// <summary>
/// An IPv4 or IPv6 address as a value of 16 bytes. IPv4 is held as IPv4-mapped IPv6 (::ffff:a.b.c.d), so both families
/// compare, hash and store alike, and a mapped address that arrives from outside *is* the IPv4 address.
/// </summary>
public readonly record struct IpAddress(UInt128 Bits) : IComparable<IpAddress>
{
    static readonly UInt128 MappedPrefix = (UInt128)0xffff << 32;

    public static readonly IpAddress V4Any = FromV4(0);
    public static readonly IpAddress V6Any = new(0);
    public static readonly IpAddress V4Loopback = FromV4(0x7f000001);
    public static readonly IpAddress V4Broadcast = FromV4(uint.MaxValue);
    public static readonly IpAddress V6Loopback = new(1);

    public bool IsV4 => Bits >> 32 == 0xffff;
    public bool IsV6 => !IsV4;

    /// <summary>True for 0.0.0.0 and for ::.</summary>
    public bool IsAny => Bits == 0 || Bits == MappedPrefix;

    /// <summary>True in 224.0.0.0/4 and in ff00::/8.</summary>
    public bool IsMulticast => IsV4 ? V4Bits >> 28 == 14 : Bits >> 120 == 0xff;

    /// <summary>Bytes on the wire: 4 or 16.</summary>
    public int Size => IsV4 ? 4 : 16;

    /// <summary>The IPv4 address as a host-order number; meaningful only when <see cref="IsV4"/>.</summary>
    public uint V4Bits => (uint)Bits;

    public static IpAddress FromV4(uint hostOrder) => new(MappedPrefix | hostOrder);

    /// <summary>Reads 4 or 16 bytes in network order.</summary>
    public static IpAddress Read(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        4 => FromV4(BinaryPrimitives.ReadUInt32BigEndian(bytes)),
        16 => new(BinaryPrimitives.ReadUInt128BigEndian(bytes)),
        _ => throw new ArgumentException("An address has 4 or 16 bytes.", nameof(bytes)),
    };

    /// <summary>Writes <see cref="Size"/> bytes in network order.</summary>
    public void Write(Span<byte> bytes)
    {
        if (IsV4)
            BinaryPrimitives.WriteUInt32BigEndian(bytes, V4Bits);
        else
            BinaryPrimitives.WriteUInt128BigEndian(bytes, Bits);
    }

    /// <summary>Writes all 16 bytes, an IPv4 address in its mapped form.</summary>
    public void WriteMapped(Span<byte> sixteen) => BinaryPrimitives.WriteUInt128BigEndian(sixteen, Bits);

    public static IpAddress Parse(string text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is not an IP address.");

    /// <summary>Dotted quad or RFC 4291 text. Short forms ("127.1"), zone ids and brackets are refused.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out IpAddress address)
    {
        address = default;
        if (text.IsEmpty || text.ContainsAny('%', '[', ']'))
            return false;
        if (!text.Contains(':') && text.Count('.') != 3)
            return false;
        if (!IPAddress.TryParse(text, out var parsed))
            return false;
        // The platform reads a leading zero as octal; nobody who writes 010.0.0.1 means 8.0.0.1.
        if (!text.Contains(':') && HasLeadingZero(text))
            return false;
        address = FromSystem(parsed);
        return true;
    }

    public static IpAddress FromSystem(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        return Read(bytes[..length]);
    }

    public IPAddress ToSystem()
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes);
        return new IPAddress(bytes[..Size]);
    }

    public int CompareTo(IpAddress other) => Bits.CompareTo(other.Bits);

    public override string ToString() => ToSystem().ToString();

    static bool HasLeadingZero(ReadOnlySpan<char> text)
    {
        foreach (var part in text.Split('.'))
            if (text[part] is ['0', _, ..])
                return true;
        return false;
    }
}
