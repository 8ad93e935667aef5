using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>
/// Poly1305 of sixteen texts at once with AVX-512, one text a lane and eight lanes a vector. A step is h = (h + 2^128 + m) r in limbs of 32 bits: the clamp of
/// r leaves room for the sums of their products, which are carried where the next block is added, and of a limb a product takes the low half only.
/// </summary>
readonly struct Poly1305x16 : IPoly1305Lanes
{
    const int Half = 8;

    public static int Lanes => 2 * Half;

    public static void Absorb(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words, int lanes)
    {
        if (lanes > Half)
            AbsorbChunksOfBoth(ref rows, ref buffer, ref texts, chunks, ref words);
        else
            AbsorbChunks(ref rows, ref buffer, ref texts, chunks, ref words);
    }

    public static void AbsorbWords(ref ulong rows, int blocks, ref ulong words, int lanes)
    {
        for (var first = 0; first < lanes; first += Half)
            AbsorbBlocks(ref Unsafe.Add(ref rows, first), blocks, ref Unsafe.Add(ref words, first));
    }

    /// <summary>Both halves step by step together: while the one carries, the other multiplies.</summary>
    // Compiled once and for all, not tier by tier; see ChaCha20.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AbsorbChunksOfBoth(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words)
    {
        ref var rowsB = ref Unsafe.Add(ref rows, Half);
        ref var wordsB = ref Unsafe.Add(ref words, Half);
        Load(ref rows, out var a0, out var a1, out var a2, out var a3, out var a4);
        Load(ref rowsB, out var b0, out var b1, out var b2, out var b3, out var b4);
        for (var at = 0; chunks > 0; chunks--, at += Poly1305Lanes.ChunkSize)
        {
            Transpose(ref Unsafe.Add(ref buffer, at), ref texts, ref words);
            Transpose(ref Unsafe.Add(ref buffer, at), ref Unsafe.Add(ref texts, Half), ref wordsB);
            for (var block = 0; block < Poly1305Lanes.BlocksInChunk; block++)
            {
                Step(ref words, block, ref rows, ref a0, ref a1, ref a2, ref a3, ref a4);
                Step(ref wordsB, block, ref rowsB, ref b0, ref b1, ref b2, ref b3, ref b4);
            }
        }
        Store(ref rows, a0, a1, a2, a3, a4);
        Store(ref rowsB, b0, b1, b2, b3, b4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AbsorbChunks(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words)
    {
        Load(ref rows, out var d0, out var d1, out var d2, out var d3, out var d4);
        for (var at = 0; chunks > 0; chunks--, at += Poly1305Lanes.ChunkSize)
        {
            Transpose(ref Unsafe.Add(ref buffer, at), ref texts, ref words);
            for (var block = 0; block < Poly1305Lanes.BlocksInChunk; block++)
                Step(ref words, block, ref rows, ref d0, ref d1, ref d2, ref d3, ref d4);
        }
        Store(ref rows, d0, d1, d2, d3, d4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AbsorbBlocks(ref ulong rows, int blocks, ref ulong words)
    {
        Load(ref rows, out var d0, out var d1, out var d2, out var d3, out var d4);
        for (var block = 0; block < blocks; block++)
            Step(ref words, block, ref rows, ref d0, ref d1, ref d2, ref d3, ref d4);
        Store(ref rows, d0, d1, d2, d3, d4);
    }

    /// <summary>
    /// Takes in a block. The sum comes and goes as products that are not carried yet, each below 2^63; of the highest, what lies beyond 2^130 comes in
    /// again five times at the lowest.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Step(ref ulong words, int block, ref ulong rows, ref Vector512<ulong> d0, ref Vector512<ulong> d1, ref Vector512<ulong> d2, ref Vector512<ulong> d3, ref Vector512<ulong> d4)
    {
        var low = Row(ref words, 2 * block);
        var high = Row(ref words, 2 * block + 1);
        var mask = Vector512.Create(Poly1305Lanes.LimbMask);
        var top = Vector512.Create(Poly1305Lanes.TopMask);
        var h0 = d0 + (low & mask) + ((d4 >>> 2) + Vector512.AndNot(d4, top));
        var h1 = d1 + (low >>> 32) + (h0 >>> 32);
        var h2 = d2 + (high & mask) + (h1 >>> 32);
        var h3 = d3 + (high >>> 32) + (h2 >>> 32);
        var h4 = (d4 & top) + Vector512<ulong>.One + (h3 >>> 32);
        d0 = Multiply(h0, ref rows, R0) + Multiply(h1, ref rows, S3) + (Multiply(h2, ref rows, S2) + Multiply(h3, ref rows, S1));
        d1 = Multiply(h0, ref rows, R1) + Multiply(h1, ref rows, R0) + (Multiply(h2, ref rows, S3) + Multiply(h3, ref rows, S2)) + Multiply(h4, ref rows, S1);
        d2 = Multiply(h0, ref rows, R2) + Multiply(h1, ref rows, R1) + (Multiply(h2, ref rows, R0) + Multiply(h3, ref rows, S3)) + Multiply(h4, ref rows, S2);
        d3 = Multiply(h0, ref rows, R3) + Multiply(h1, ref rows, R2) + (Multiply(h2, ref rows, R1) + Multiply(h3, ref rows, R0)) + Multiply(h4, ref rows, S3);
        d4 = Multiply(h4, ref rows, R0);
    }

    const int R0 = Poly1305Lanes.R, R1 = R0 + 1, R2 = R0 + 2, R3 = R0 + 3;
    const int S1 = Poly1305Lanes.FiveQuartersR, S2 = S1 + 1, S3 = S1 + 2;
    const int H = Poly1305Lanes.H;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<ulong> Multiply(Vector512<ulong> limb, ref ulong rows, int row) =>
        Avx512F.Multiply(limb.AsUInt32(), Row(ref rows, row).AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<ulong> Row(ref ulong rows, int row) => Vector512.LoadUnsafe(ref rows, (nuint)(row * Poly1305Lanes.MostLanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Load(ref ulong rows, out Vector512<ulong> d0, out Vector512<ulong> d1, out Vector512<ulong> d2, out Vector512<ulong> d3, out Vector512<ulong> d4)
    {
        d0 = Row(ref rows, H);
        d1 = Row(ref rows, H + 1);
        d2 = Row(ref rows, H + 2);
        d3 = Row(ref rows, H + 3);
        d4 = Row(ref rows, H + 4);
    }

    /// <summary>Carries the sum and puts it back: limbs of 32 bits, and a highest one below 2^32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(ref ulong rows, Vector512<ulong> d0, Vector512<ulong> d1, Vector512<ulong> d2, Vector512<ulong> d3, Vector512<ulong> d4)
    {
        var mask = Vector512.Create(Poly1305Lanes.LimbMask);
        var top = Vector512.Create(Poly1305Lanes.TopMask);
        d0 += (d4 >>> 2) + Vector512.AndNot(d4, top);
        d1 += d0 >>> 32;
        d2 += d1 >>> 32;
        d3 += d2 >>> 32;
        d4 = (d4 & top) + (d3 >>> 32);
        (d0 & mask).StoreUnsafe(ref rows, H * Poly1305Lanes.MostLanes);
        (d1 & mask).StoreUnsafe(ref rows, (H + 1) * Poly1305Lanes.MostLanes);
        (d2 & mask).StoreUnsafe(ref rows, (H + 2) * Poly1305Lanes.MostLanes);
        (d3 & mask).StoreUnsafe(ref rows, (H + 3) * Poly1305Lanes.MostLanes);
        d4.StoreUnsafe(ref rows, (H + 4) * Poly1305Lanes.MostLanes);
    }

    /// <summary>Turns 64 bytes of eight texts into rows: the low words of block 0 of all, the high words of block 0, and so on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose(ref byte buffer, ref int texts, ref ulong words)
    {
        var t0 = Text(ref buffer, ref texts, 0);
        var t1 = Text(ref buffer, ref texts, 1);
        var t2 = Text(ref buffer, ref texts, 2);
        var t3 = Text(ref buffer, ref texts, 3);
        var t4 = Text(ref buffer, ref texts, 4);
        var t5 = Text(ref buffer, ref texts, 5);
        var t6 = Text(ref buffer, ref texts, 6);
        var t7 = Text(ref buffer, ref texts, 7);
        // Per 128-bit group b: the word of block b of two texts.
        Gather(Avx512F.UnpackLow(t0, t1), Avx512F.UnpackLow(t2, t3), Avx512F.UnpackLow(t4, t5), Avx512F.UnpackLow(t6, t7), ref words);
        Gather(
            Avx512F.UnpackHigh(t0, t1), Avx512F.UnpackHigh(t2, t3), Avx512F.UnpackHigh(t4, t5), Avx512F.UnpackHigh(t6, t7),
            ref Unsafe.Add(ref words, Poly1305Lanes.MostLanes));
    }

    /// <summary>Four pairs of texts, a block in each 128-bit group: stores block by block the word of all eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Gather(Vector512<ulong> p0, Vector512<ulong> p1, Vector512<ulong> p2, Vector512<ulong> p3, ref ulong words)
    {
        var early01 = Avx512F.Shuffle4x128(p0, p1, 0x44);
        var late01 = Avx512F.Shuffle4x128(p0, p1, 0xEE);
        var early23 = Avx512F.Shuffle4x128(p2, p3, 0x44);
        var late23 = Avx512F.Shuffle4x128(p2, p3, 0xEE);
        Avx512F.Shuffle4x128(early01, early23, 0x88).StoreUnsafe(ref words);
        Avx512F.Shuffle4x128(early01, early23, 0xDD).StoreUnsafe(ref words, 2 * Poly1305Lanes.MostLanes);
        Avx512F.Shuffle4x128(late01, late23, 0x88).StoreUnsafe(ref words, 4 * Poly1305Lanes.MostLanes);
        Avx512F.Shuffle4x128(late01, late23, 0xDD).StoreUnsafe(ref words, 6 * Poly1305Lanes.MostLanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<ulong> Text(ref byte buffer, ref int texts, int lane) =>
        Vector512.LoadUnsafe(ref Unsafe.Add(ref buffer, Unsafe.Add(ref texts, lane))).AsUInt64();
}
