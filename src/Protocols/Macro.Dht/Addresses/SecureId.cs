using System.Numerics;
using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// Node ids bound to addresses (BEP 42): the first 21 bits are those of CRC-32C over the masked address and three bits of
/// the id's last byte. IPv4 counts with 4 bytes, IPv6 with its upper 8.
/// </summary>
public static class SecureId
{
    const int BoundBits = 21;
    const ulong MaskV4 = 0x030f3fff, MaskV6 = 0x0103070f1f3f7fff;

    /// <summary>A random id that holds for this address.</summary>
    public static Id160 Generate(IpAddress address, IRandom random)
    {
        var id = Id160.Random(random);
        var prefix = Prefix(address, (byte)id.Low) & (uint.MaxValue << (32 - BoundBits));
        var rest = id.High & (ulong.MaxValue >> BoundBits);
        return id with { High = ((ulong)prefix << 32) | rest };
    }

    public static bool Verify(Id160 id, IpAddress address) =>
        ((uint)(id.High >> 32) ^ Prefix(address, (byte)id.Low)) >> (32 - BoundBits) == 0;

    static uint Prefix(IpAddress address, byte last)
    {
        var r = (ulong)(last & 7);
        if (address.IsV4)
            return ~BitOperations.Crc32C(uint.MaxValue, BigEndian((uint)((address.V4Bits & MaskV4) | (r << 29))));
        return ~BitOperations.Crc32C(uint.MaxValue, System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(((ulong)(address.Bits >> 64) & MaskV6) | (r << 61)));

        // The instruction takes its operand's least significant byte first.
        static uint BigEndian(uint value) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value);
    }
}
