using System.Buffers.Binary;

namespace Macro.Core;

/// <summary>
/// The one source of randomness of a protocol. The shell passes the operating system's generator;
/// tests pass a seeded one, so that a seed replays a whole run.
/// </summary>
public interface IRandom
{
    void Fill(Span<byte> bytes);
}

/// <summary>Numbers drawn from an <see cref="IRandom"/>.</summary>
public static class RandomNumbers
{
    public static uint NextUInt32(this IRandom random)
    {
        Span<byte> bytes = stackalloc byte[4];
        random.Fill(bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public static ulong NextUInt64(this IRandom random)
    {
        Span<byte> bytes = stackalloc byte[8];
        random.Fill(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>Uniform in [0, bound), without modulo bias.</summary>
    public static int NextInt(this IRandom random, int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        // Lemire's multiply-and-reject: the low half says whether the draw falls in the biased part.
        var threshold = (uint)-bound % (uint)bound;
        while (true)
        {
            var product = (ulong)random.NextUInt32() * (uint)bound;
            if ((uint)product >= threshold)
                return (int)(product >> 32);
        }
    }

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public static double NextDouble(this IRandom random) => (random.NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [0, bound).</summary>
    public static TimeSpan NextTime(this IRandom random, TimeSpan bound) => new((long)(random.NextDouble() * bound.Ticks));

    /// <summary>Fisher-Yates, in place.</summary>
    public static void Shuffle<T>(this IRandom random, Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = random.NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
