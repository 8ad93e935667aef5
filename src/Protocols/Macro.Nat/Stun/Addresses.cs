using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Nat.Stun;

/// <summary>
/// Values of the address attributes: a zero, the family (1, 2), the port, 4 or 16 bytes of address. In the XOR form port and
/// address are masked with the bytes of cookie and transaction id, so that no gateway rewrites them (RFC 8489 14.1, 14.2).
/// </summary>
static class Addresses
{
    public const int MaxSize = 20;

    /// <param name="mask">Cookie and transaction id, 16 bytes; empty for the plain form.</param>
    public static bool TryRead(ReadOnlySpan<byte> value, ReadOnlySpan<byte> mask, out Endpoint endpoint)
    {
        endpoint = default;
        var size = value.Length - 4;
        if (!(size == 4 && value[1] == 1) && !(size == 16 && value[1] == 2))
            return false;
        Span<byte> bytes = stackalloc byte[16];
        value[4..].CopyTo(bytes);
        var port = BinaryPrimitives.ReadUInt16BigEndian(value[2..]);
        if (!mask.IsEmpty)
        {
            port ^= BinaryPrimitives.ReadUInt16BigEndian(mask);
            for (var i = 0; i < size; i++)
                bytes[i] ^= mask[i];
        }
        endpoint = new Endpoint(IpAddress.Read(bytes[..size]), port);
        return true;
    }

    /// <returns>Bytes written: 8 or 20.</returns>
    public static int Write(Endpoint endpoint, ReadOnlySpan<byte> mask, Span<byte> value)
    {
        var size = endpoint.Address.Size;
        value[0] = 0;
        value[1] = (byte)(size == 4 ? 1 : 2);
        BinaryPrimitives.WriteUInt16BigEndian(value[2..], endpoint.Port);
        endpoint.Address.Write(value[4..]);
        for (var i = 0; i < 2 && !mask.IsEmpty; i++)
            value[2 + i] ^= mask[i];
        for (var i = 0; i < size && !mask.IsEmpty; i++)
            value[4 + i] ^= mask[i];
        return 4 + size;
    }
}
