using System.Numerics;
using System.Runtime.InteropServices;

namespace Macro.Linux;

/// <summary>
/// The Internet checksum (RFC 1071). Sums are kept in memory order, which needs no byte swaps: fields are read and
/// written as they lie.
/// </summary>
static class Checksum
{
    /// <summary>Adds bytes to an unfolded sum; only the last part of a message may have an odd length.</summary>
    internal static ulong Add(ulong sum, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= 2 * Vector<byte>.Count)
        {
            var low = Vector<ulong>.Zero;
            var high = Vector<ulong>.Zero;
            var mask = new Vector<ulong>(uint.MaxValue);
            var vectors = MemoryMarshal.Cast<byte, Vector<ulong>>(bytes);
            foreach (var vector in vectors)
            {
                low += vector & mask;
                high += vector >>> 32;
            }
            sum += Vector.Sum(low + high);
            bytes = bytes[(vectors.Length * Vector<byte>.Count)..];
        }
        foreach (var word in MemoryMarshal.Cast<byte, uint>(bytes))
            sum += word;
        bytes = bytes[(bytes.Length & ~3)..];
        if (bytes.Length >= 2)
            sum += MemoryMarshal.Read<ushort>(bytes);
        if ((bytes.Length & 1) != 0)
            sum += BitConverter.IsLittleEndian ? bytes[^1] : (ulong)bytes[^1] << 8;
        return sum;
    }

    internal static ushort Fold(ulong sum)
    {
        sum = (sum & uint.MaxValue) + (sum >> 32);
        sum = (sum & uint.MaxValue) + (sum >> 32);
        sum = (sum & ushort.MaxValue) + (sum >> 16);
        sum = (sum & ushort.MaxValue) + (sum >> 16);
        return (ushort)((sum & ushort.MaxValue) + (sum >> 16));
    }

    /// <summary>The sum of the pseudo header of TCP or UDP over the IP packet (RFC 9293 3.1, RFC 8200 8.1).</summary>
    internal static ulong PseudoHeader(ReadOnlySpan<byte> ip, bool v6, int transportLength, byte protocol)
    {
        var sum = v6 ? Add(0, ip.Slice(8, 32)) : Add(0, ip.Slice(12, 8));
        Span<byte> rest = [(byte)(transportLength >> 24), (byte)(transportLength >> 16), (byte)(transportLength >> 8), (byte)transportLength, 0, 0, 0, protocol];
        return Add(sum, rest);
    }

    internal static void Write(Span<byte> field, ushort value) => MemoryMarshal.Write(field, value);
}
