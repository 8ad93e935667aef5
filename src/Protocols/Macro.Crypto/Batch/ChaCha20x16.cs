using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>
/// Sixteen ChaCha20 blocks at once with AVX-512: vector w holds word w of the state (RFC 8439 2.3) of all sixteen, block
/// i in lane i. So the rounds need no shuffles, and a lane's key, nonce and counter owe nothing to its neighbours'.
/// </summary>
struct ChaCha20x16
{
    public const int Lanes = 16;

    Vector512<uint> x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15;

    /// <summary>The state before the rounds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ChaCha20x16(ref uint rows)
    {
        x0 = Vector512.Create(ChaCha20Lanes.Sigma0);
        x1 = Vector512.Create(ChaCha20Lanes.Sigma1);
        x2 = Vector512.Create(ChaCha20Lanes.Sigma2);
        x3 = Vector512.Create(ChaCha20Lanes.Sigma3);
        x4 = Row(ref rows, ChaCha20Lanes.Key);
        x5 = Row(ref rows, ChaCha20Lanes.Key + 1);
        x6 = Row(ref rows, ChaCha20Lanes.Key + 2);
        x7 = Row(ref rows, ChaCha20Lanes.Key + 3);
        x8 = Row(ref rows, ChaCha20Lanes.Key + 4);
        x9 = Row(ref rows, ChaCha20Lanes.Key + 5);
        x10 = Row(ref rows, ChaCha20Lanes.Key + 6);
        x11 = Row(ref rows, ChaCha20Lanes.Key + 7);
        x12 = Row(ref rows, ChaCha20Lanes.BlockCounter);
        x13 = Vector512<uint>.Zero; // the first word of WireGuard's nonce
        x14 = Row(ref rows, ChaCha20Lanes.NonceLow);
        x15 = Row(ref rows, ChaCha20Lanes.NonceHigh);
    }

    /// <inheritdoc cref="IChaCha20Lanes.WriteKey"/>
    /// <param name="lane">Below zero: before the first, and so all.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteKey(ref uint rows, int lane, ref uint key)
    {
        var lanes = From(lane);
        for (var word = 0; word < AeadKey.Size / sizeof(uint); word++)
            Write(ref rows, ChaCha20Lanes.Key + word, lanes, Vector512.Create(Unsafe.Add(ref key, word)));
    }

    /// <inheritdoc cref="IChaCha20Lanes.WriteBlocks"/>
    /// <param name="lane">Below zero: before the first, whose block is then so much later.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteBlocks(ref uint rows, int lane, ulong counter, uint block, int target)
    {
        var lanes = From(lane);
        Write(ref rows, ChaCha20Lanes.BlockCounter, lanes, Vector512<uint>.Indices + Vector512.Create(block - (uint)lane));
        Write(ref rows, ChaCha20Lanes.NonceLow, lanes, Vector512.Create((uint)counter));
        Write(ref rows, ChaCha20Lanes.NonceHigh, lanes, Vector512.Create((uint)(counter >> 32)));
        Write(ref rows, ChaCha20Lanes.Target, lanes, (Vector512<uint>.Indices << ChaCha20Lanes.BlockBits) + Vector512.Create((uint)(target - lane * ChaCha20Lanes.BlockSize)));
    }

    /// <summary>A round over the columns of the state.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Columns() =>
        QuarterRounds(ref x0, ref x1, ref x2, ref x3, ref x4, ref x5, ref x6, ref x7, ref x8, ref x9, ref x10, ref x11, ref x12, ref x13, ref x14, ref x15);

    /// <summary>A round over the diagonals of the state.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Diagonals() =>
        QuarterRounds(ref x0, ref x1, ref x2, ref x3, ref x5, ref x6, ref x7, ref x4, ref x10, ref x11, ref x8, ref x9, ref x15, ref x12, ref x13, ref x14);

    /// <summary>Adds the state before the rounds, and XORs each lane's block to its place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish(ref uint rows, uint staged, ref byte buffer, ref byte slots)
    {
        x0 += Vector512.Create(ChaCha20Lanes.Sigma0);
        x1 += Vector512.Create(ChaCha20Lanes.Sigma1);
        x2 += Vector512.Create(ChaCha20Lanes.Sigma2);
        x3 += Vector512.Create(ChaCha20Lanes.Sigma3);
        x4 += Row(ref rows, ChaCha20Lanes.Key);
        x5 += Row(ref rows, ChaCha20Lanes.Key + 1);
        x6 += Row(ref rows, ChaCha20Lanes.Key + 2);
        x7 += Row(ref rows, ChaCha20Lanes.Key + 3);
        x8 += Row(ref rows, ChaCha20Lanes.Key + 4);
        x9 += Row(ref rows, ChaCha20Lanes.Key + 5);
        x10 += Row(ref rows, ChaCha20Lanes.Key + 6);
        x11 += Row(ref rows, ChaCha20Lanes.Key + 7);
        x12 += Row(ref rows, ChaCha20Lanes.BlockCounter);
        x14 += Row(ref rows, ChaCha20Lanes.NonceLow);
        x15 += Row(ref rows, ChaCha20Lanes.NonceHigh);

        // Each four words become, per 128-bit group g, those words of the lanes 4g, 4g+1, 4g+2, 4g+3 in a row.
        Transpose4(ref x0, ref x1, ref x2, ref x3);
        Transpose4(ref x4, ref x5, ref x6, ref x7);
        Transpose4(ref x8, ref x9, ref x10, ref x11);
        Transpose4(ref x12, ref x13, ref x14, ref x15);
        XorEveryFourth(x0, x4, x8, x12, 0, ref rows, staged, ref buffer, ref slots);
        XorEveryFourth(x1, x5, x9, x13, 1, ref rows, staged, ref buffer, ref slots);
        XorEveryFourth(x2, x6, x10, x14, 2, ref rows, staged, ref buffer, ref slots);
        XorEveryFourth(x3, x7, x11, x15, 3, ref rows, staged, ref buffer, ref slots);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<uint> From(int lane) => Vector512.GreaterThanOrEqual(Vector512<int>.Indices, Vector512.Create(lane)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<uint> Row(ref uint rows, int row) => Vector512.LoadUnsafe(ref rows, (nuint)(row * ChaCha20Lanes.MostLanes));

    // Always whole rows: a load that takes from two stores waits until both are in the cache.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Write(ref uint rows, int row, Vector512<uint> lanes, Vector512<uint> words) =>
        Vector512.ConditionalSelect(lanes, words, Row(ref rows, row)).StoreUnsafe(ref rows, (nuint)(row * ChaCha20Lanes.MostLanes));

    /// <summary>
    /// Four of RFC 8439 2.1, in every lane. They go step by step together: the processor, which looks ahead only so far, finds
    /// four chains to work on, where one after the other it would find one and a part of the next.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void QuarterRounds(
        ref Vector512<uint> a0, ref Vector512<uint> a1, ref Vector512<uint> a2, ref Vector512<uint> a3,
        ref Vector512<uint> b0, ref Vector512<uint> b1, ref Vector512<uint> b2, ref Vector512<uint> b3,
        ref Vector512<uint> c0, ref Vector512<uint> c1, ref Vector512<uint> c2, ref Vector512<uint> c3,
        ref Vector512<uint> d0, ref Vector512<uint> d1, ref Vector512<uint> d2, ref Vector512<uint> d3)
    {
        Step(ref a0, ref a1, b0, b1, ref d0, ref d1, 16);
        Step(ref a2, ref a3, b2, b3, ref d2, ref d3, 16);
        Step(ref c0, ref c1, d0, d1, ref b0, ref b1, 12);
        Step(ref c2, ref c3, d2, d3, ref b2, ref b3, 12);
        Step(ref a0, ref a1, b0, b1, ref d0, ref d1, 8);
        Step(ref a2, ref a3, b2, b3, ref d2, ref d3, 8);
        Step(ref c0, ref c1, d0, d1, ref b0, ref b1, 7);
        Step(ref c2, ref c3, d2, d3, ref b2, ref b3, 7);
    }

    /// <summary>Of two quarter rounds, in turns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Step(
        ref Vector512<uint> sum0, ref Vector512<uint> sum1, Vector512<uint> addend0, Vector512<uint> addend1,
        ref Vector512<uint> turned0, ref Vector512<uint> turned1, [ConstantExpected] byte bits)
    {
        sum0 += addend0;
        sum1 += addend1;
        turned0 ^= sum0;
        turned1 ^= sum1;
        turned0 = Avx512F.RotateLeft(turned0, bits);
        turned1 = Avx512F.RotateLeft(turned1, bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose4(ref Vector512<uint> a, ref Vector512<uint> b, ref Vector512<uint> c, ref Vector512<uint> d)
    {
        var lowAb = Avx512F.UnpackLow(a, b).AsUInt64();
        var highAb = Avx512F.UnpackHigh(a, b).AsUInt64();
        var lowCd = Avx512F.UnpackLow(c, d).AsUInt64();
        var highCd = Avx512F.UnpackHigh(c, d).AsUInt64();
        a = Avx512F.UnpackLow(lowAb, lowCd).AsUInt32();
        b = Avx512F.UnpackHigh(lowAb, lowCd).AsUInt32();
        c = Avx512F.UnpackLow(highAb, highCd).AsUInt32();
        d = Avx512F.UnpackHigh(highAb, highCd).AsUInt32();
    }

    /// <summary>Group g of the four vectors is the block of lane 4g + <paramref name="first"/>, a quarter in each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void XorEveryFourth(
        Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, Vector512<uint> d, int first,
        ref uint rows, uint staged, ref byte buffer, ref byte slots)
    {
        var lowAb = Avx512F.Shuffle4x128(a, b, 0x44);
        var highAb = Avx512F.Shuffle4x128(a, b, 0xEE);
        var lowCd = Avx512F.Shuffle4x128(c, d, 0x44);
        var highCd = Avx512F.Shuffle4x128(c, d, 0xEE);
        XorBlock(Avx512F.Shuffle4x128(lowAb, lowCd, 0x88), ref ChaCha20Lanes.Place(first, ref rows, staged, ref buffer, ref slots));
        XorBlock(Avx512F.Shuffle4x128(lowAb, lowCd, 0xDD), ref ChaCha20Lanes.Place(first + 4, ref rows, staged, ref buffer, ref slots));
        XorBlock(Avx512F.Shuffle4x128(highAb, highCd, 0x88), ref ChaCha20Lanes.Place(first + 8, ref rows, staged, ref buffer, ref slots));
        XorBlock(Avx512F.Shuffle4x128(highAb, highCd, 0xDD), ref ChaCha20Lanes.Place(first + 12, ref rows, staged, ref buffer, ref slots));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void XorBlock(Vector512<uint> keyStream, ref byte target) =>
        (Vector512.LoadUnsafe(ref target) ^ keyStream.AsByte()).StoreUnsafe(ref target);
}
