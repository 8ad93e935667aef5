using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Macro.LabPeer;

/// <summary>
/// The deterministic stream of the labs: word i (8 bytes, little-endian) is the i-th output of SplitMix64 from seed 0.
/// It never repeats, so a lost, doubled or reordered piece changes the SHA-256.
/// </summary>
static class ByteStream
{
    const int BlockSize = 128 * 1024;

    public static async Task WriteAsync(Stream output, long count)
    {
        var block = new byte[BlockSize];
        for (long offset = 0; offset < count; offset += BlockSize)
        {
            Fill(block, offset);
            await output.WriteAsync(block.AsMemory(0, (int)Math.Min(BlockSize, count - offset))).ConfigureAwait(false);
        }
    }

    /// <summary>SHA-256 of the first <paramref name="count"/> bytes, lower-case hexadecimal.</summary>
    public static string Sha256(long count)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[BlockSize];
        for (long offset = 0; offset < count; offset += BlockSize)
        {
            Fill(block, offset);
            hash.AppendData(block, 0, (int)Math.Min(BlockSize, count - offset));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    static void Fill(Span<byte> block, long offset)
    {
        var word = (ulong)offset / 8;
        for (var i = 0; i < block.Length; i += 8)
            BinaryPrimitives.WriteUInt64LittleEndian(block[i..], SplitMix64(++word));
    }

    static ulong SplitMix64(ulong index)
    {
        var z = unchecked(index * 0x9E3779B97F4A7C15);
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}
