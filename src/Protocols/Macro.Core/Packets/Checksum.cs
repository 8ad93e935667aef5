using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Macro.Core.Packets;

/// <summary>
/// The Internet checksum (RFC 1071). A *sum* is the folded one's complement sum of 16-bit words in network order; the
/// *checksum* that stands in a header is its complement. Sums of even-sized pieces may be added in any order.
/// </summary>
public static class Checksum
{
    /// <summary>The sum of <paramref name="bytes"/>, an odd last byte padded with zero, added to an earlier sum.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes, ushort earlier = 0)
    {
        // In host order first: swapping the bytes of all words swaps the bytes of their sum (RFC 1071 2.B).
        ulong sum = 0;
        if (bytes.Length >= 2 * Vector256<byte>.Count)
        {
            // 32 bits at a time into 64: no carry is lost before 2^32 words. Two chains, for two additions in a cycle.
            var (low, high) = (Vector256<ulong>.Zero, Vector256<ulong>.Zero);
            var vectors = MemoryMarshal.Cast<byte, Vector256<ulong>>(bytes);
            foreach (var vector in vectors)
            {
                low += vector & Vector256.Create<ulong>(uint.MaxValue);
                high += vector >>> 32;
            }
            sum = Vector256.Sum(low + high);
            bytes = bytes[(vectors.Length * Vector256<byte>.Count)..];
        }
        foreach (var word in MemoryMarshal.Cast<byte, uint>(bytes))
            sum += word;
        bytes = bytes[(bytes.Length & ~3)..];
        if (bytes.Length >= 2)
            sum += MemoryMarshal.Read<ushort>(bytes);
        if ((bytes.Length & 1) != 0)
            sum += BitConverter.IsLittleEndian ? bytes[^1] : (uint)bytes[^1] << 8;
        var folded = Fold(sum);
        return Add(earlier, BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(folded) : folded);
    }

    /// <summary>The sum of the pseudo-header before TCP, UDP and ICMPv6 (RFC 9293 3.1, RFC 8200 8.1).</summary>
    /// <param name="length">Bytes of the transport header and what follows.</param>
    public static ushort PseudoHeader(IpAddress source, IpAddress destination, IpProtocol protocol, int length) =>
        Fold((ulong)Sum(source) + Sum(destination) + (uint)protocol + (uint)length);

    /// <summary>As above, from the two addresses as they lie in a header: 8 or 32 bytes.</summary>
    public static ushort PseudoHeader(ReadOnlySpan<byte> addresses, IpProtocol protocol, int length) =>
        Fold((ulong)Sum(addresses) + (uint)protocol + (uint)length);

    /// <summary>The sum of an address as it stands on the wire.</summary>
    public static ushort Sum(IpAddress address)
    {
        var (high, low) = address.IsV4 ? (0, address.V4Bits) : ((ulong)(address.Bits >> 64), (ulong)address.Bits);
        return Fold((high >> 32) + (uint)high + (low >> 32) + (uint)low);
    }

    public static ushort Add(ushort a, ushort b) => Fold((ulong)a + b);

    /// <summary>The checksum for a header whose checksum field was zero in the sum.</summary>
    public static ushort Finish(ushort sum) => (ushort)~sum;

    /// <summary>As <see cref="Finish"/>, for UDP: zero would mean that there is none (RFC 768).</summary>
    public static ushort FinishUdp(ushort sum) => sum == 0xffff ? sum : (ushort)~sum;

    /// <summary>A sum that took in a right checksum is all ones.</summary>
    public static bool Fits(ushort sum) => sum == 0xffff;

    /// <summary>
    /// The checksum after bytes with the sum <paramref name="before"/> were replaced by others with the sum
    /// <paramref name="after"/> at the same even place (RFC 1624, equation 3).
    /// </summary>
    public static ushort Update(ushort checksum, ushort before, ushort after) =>
        (ushort)~Fold((ulong)(ushort)~checksum + (ushort)~before + after);

    /// <summary>Half added to half, twice. Where the lower half of a rotated sum runs over, the carry ends in the upper one, around the end.</summary>
    static ushort Fold(ulong sum)
    {
        var word = (uint)((sum + BitOperations.RotateLeft(sum, 32)) >> 32);
        return (ushort)((word + BitOperations.RotateLeft(word, 16)) >> 16);
    }
}
