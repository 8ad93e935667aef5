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
/// The layout that the Poly1305 kernels share: numbers as limbs of 32 bits, a row of 64-bit words per limb with one word for every lane, so that a product of
/// limbs and sums of several have room in their word.
/// </summary>
static class Poly1305Lanes
{
    public const int MostLanes = 16, ChunkSize = 64, BlocksInChunk = ChunkSize / Poly1305.BlockSize;

    /// <summary>A text's last bytes, which are no whole chunk or just one, and the block of its length.</summary>
    public const int MostLastBlocks = BlocksInChunk + 1;

    /// <summary>The rows: r0..r3; 5/4 r1..5/4 r3, which limbs beyond 2^130 are multiplied with; the sum h0..h4.</summary>
    public const int R = 0, FiveQuartersR = 4, H = 7, Rows = H + 5;

    public const ulong LimbMask = uint.MaxValue;

    /// <summary>What of limb 4 lies below 2^130.</summary>
    public const ulong TopMask = 3;

    /// <summary>Puts a new text into a lane: its r (RFC 8439 2.5, still to be clamped), and a sum of zero.</summary>
    public static void Start(ref ulong rows, int lane, ulong low, ulong high)
    {
        low &= Poly1305.ClampLow;
        high &= Poly1305.ClampHigh;
        Word(ref rows, lane, R) = low & LimbMask;
        var r1 = Word(ref rows, lane, R + 1) = low >> 32;
        var r2 = Word(ref rows, lane, R + 2) = high & LimbMask;
        var r3 = Word(ref rows, lane, R + 3) = high >> 32;
        // Exact: the clamp clears their two lowest bits.
        Word(ref rows, lane, FiveQuartersR) = r1 + (r1 >> 2);
        Word(ref rows, lane, FiveQuartersR + 1) = r2 + (r2 >> 2);
        Word(ref rows, lane, FiveQuartersR + 2) = r3 + (r3 >> 2);
        for (var limb = 0; limb < 5; limb++)
            Word(ref rows, lane, H + limb) = 0;
    }

    /// <summary>A lane's sum, in part reduced: <c>Top</c> counts 2^128 and is at most 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (ulong Low, ulong High, ulong Top) Sum(ref ulong rows, int lane)
    {
        var low = Word(ref rows, lane, H) | Word(ref rows, lane, H + 1) << 32;
        var high = Word(ref rows, lane, H + 2) | Word(ref rows, lane, H + 3) << 32;
        var top = Word(ref rows, lane, H + 4);
        Poly1305.Reduce(ref low, ref high, ref top);
        return (low, high, top);
    }

    /// <summary>A lane's word in a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ref ulong Word(ref ulong rows, int lane, int row) => ref Unsafe.Add(ref rows, row * MostLanes + lane);
}
