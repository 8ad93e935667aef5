using System.Buffers.Binary;
using System.Numerics;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// Which relays a node held when an epoch had settled, in 32 bytes that stand signed in its descriptor: for each of 256
/// functions the last bit of the least value that any of the relays has under it (b-bit minwise hashing, Li and König
/// 2010). Of two roots of one epoch the equal bits tell how much of the two directories is the same.
/// </summary>
/// <param name="Epoch">0: none yet.</param>
/// <param name="Sketch">256 bits as a value of 32 bytes.</param>
public readonly record struct DirectoryRoot(uint Epoch, PublicKey Sketch)
{
    const int Bits = 256;

    /// <summary>How long after the beginning of its epoch a root is taken: what was published before has reached everybody.</summary>
    public static readonly TimeSpan Settling = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Two honest nodes are above this: they share 95 % and more, and the estimate is off by 6 % (one sigma).
    /// </summary>
    public const double LeastAgreement = 0.75;

    public bool IsNone => Epoch == 0;

    /// <summary>The root of what the directory holds now, in its epoch. None while it is empty.</summary>
    public static DirectoryRoot Of(RelayDirectory directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        if (directory.Count == 0)
            return default;
        Span<ulong> seeds = stackalloc ulong[Bits];
        Span<ulong> least = stackalloc ulong[Bits];
        least.Fill(ulong.MaxValue);
        var seed = BinaryPrimitives.ReadUInt64LittleEndian(directory.EpochValue);
        for (var i = 0; i < Bits; i++)
            seeds[i] = Mix(unchecked(seed + (ulong)i * 0x9e3779b97f4a7c15));
        foreach (var signed in directory.Between(0, ulong.MaxValue))
        {
            var position = directory.PositionOf(signed.Id).Value;
            for (var i = 0; i < Bits; i++)
                least[i] = Math.Min(least[i], Mix(position ^ seeds[i]));
        }
        Span<byte> sketch = stackalloc byte[Bits / 8];
        sketch.Clear();
        for (var i = 0; i < Bits; i++)
            sketch[i / 8] |= (byte)((least[i] & 1) << (i % 8));
        return new DirectoryRoot(directory.Epoch, new PublicKey(sketch));
    }

    /// <summary>
    /// How much the two directories have in common (Jaccard index), estimated: 1 the same, about 0 nothing. Null when one
    /// is none or they are of different epochs.
    /// </summary>
    public double? AgreementWith(DirectoryRoot other)
    {
        if (IsNone || other.IsNone || Epoch != other.Epoch)
            return null;
        Span<byte> mine = stackalloc byte[PublicKey.Size], others = stackalloc byte[PublicKey.Size];
        Sketch.Write(mine);
        other.Sketch.Write(others);
        var equal = Bits;
        for (var i = 0; i < PublicKey.Size; i++)
            equal -= BitOperations.PopCount((uint)(mine[i] ^ others[i]));
        // Of different least elements half have the same bit by chance.
        return Math.Max(0, 2.0 * equal / Bits - 1);
    }

    /// <summary>The finalizer of SplitMix64 (Steele, Lea, Flood 2014).</summary>
    static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            return z ^ (z >> 31);
        }
    }
}
