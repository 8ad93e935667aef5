using System.Runtime.CompilerServices;

namespace Macro.Crypto.Batch;

/// <summary>A Poly1305 that takes in <see cref="Lanes"/> texts at once.</summary>
interface IPoly1305Lanes
{
    /// <summary>Texts at once: at most <see cref="Poly1305Lanes.MostLanes"/>.</summary>
    static abstract int Lanes { get; }

    /// <summary>Takes in <paramref name="chunks"/> x 64 bytes of every lane's text.</summary>
    /// <param name="rows">Keys and sums, see <see cref="Poly1305Lanes"/>; the sums are brought up to date.</param>
    /// <param name="texts">Where in the buffer each lane reads on.</param>
    /// <param name="words">Room for four blocks of every lane.</param>
    /// <param name="lanes">Only the first of that many need to be right; the others may take in anything.</param>
    static abstract void Absorb(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words, int lanes);

    /// <summary>Takes in blocks of every lane that lie there word by word: the low words of block 0 of all lanes, its high words, and so on.</summary>
    /// <param name="lanes"><inheritdoc cref="Absorb" path="/param[@name='lanes']"/></param>
    static abstract void AbsorbWords(ref ulong rows, int blocks, ref ulong words, int lanes);
}

/// <summary>
/// The layout that the Poly1305 kernels share: numbers below 2^130 as five limbs of 26 bits, a row of 64-bit words per
/// limb with one word for every lane, so that a product of limbs and sums of several have room in their word.
/// </summary>
static class Poly1305Lanes
{
    public const int MostLanes = 16, ChunkSize = 64, BlocksInChunk = ChunkSize / Poly1305.BlockSize;

    /// <summary>With fewer chunks, the powers of r cost more than they save.</summary>
    public const int FewestChunksForPowers = 4;

    /// <summary>A text's last bytes, which are no whole chunk or just one, and the block of its length.</summary>
    public const int MostLastBlocks = BlocksInChunk + 1;

    /// <summary>The rows: r0..r4; 5 r1..5 r4, which limbs beyond 2^130 are multiplied with; the sum h0..h4; as r, its powers.</summary>
    public const int R = 0, FiveR = 5, PowerRows = 9, H = PowerRows, Square = H + 5, Cube = Square + PowerRows, Fourth = Cube + PowerRows, Rows = Fourth + PowerRows;

    public const ulong LimbMask = (1 << 26) - 1;

    /// <summary>The bit 2^128 that closes a block of 16 bytes, in limb 4.</summary>
    public const ulong BlockEnd = 1 << 24;

    /// <summary>Puts a new text into a lane: its r (RFC 8439 2.5, still to be clamped), and a sum of zero.</summary>
    public static void Start(ref ulong rows, int lane, ulong low, ulong high)
    {
        low &= Poly1305.ClampLow;
        high &= Poly1305.ClampHigh;
        ref var column = ref Unsafe.Add(ref rows, lane);
        Unsafe.Add(ref column, R * MostLanes) = low & LimbMask;
        var r1 = Unsafe.Add(ref column, (R + 1) * MostLanes) = (low >> 26) & LimbMask;
        var r2 = Unsafe.Add(ref column, (R + 2) * MostLanes) = ((low >> 52) | (high << 12)) & LimbMask;
        var r3 = Unsafe.Add(ref column, (R + 3) * MostLanes) = (high >> 14) & LimbMask;
        var r4 = Unsafe.Add(ref column, (R + 4) * MostLanes) = high >> 40;
        Unsafe.Add(ref column, FiveR * MostLanes) = 5 * r1;
        Unsafe.Add(ref column, (FiveR + 1) * MostLanes) = 5 * r2;
        Unsafe.Add(ref column, (FiveR + 2) * MostLanes) = 5 * r3;
        Unsafe.Add(ref column, (FiveR + 3) * MostLanes) = 5 * r4;
        for (var limb = 0; limb < 5; limb++)
            Unsafe.Add(ref column, (H + limb) * MostLanes) = 0;
    }

    /// <summary>A lane's word in a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref ulong Word(ref ulong rows, int lane, int row) => ref Unsafe.Add(ref rows, row * MostLanes + lane);
}
