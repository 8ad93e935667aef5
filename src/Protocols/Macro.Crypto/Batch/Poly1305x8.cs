using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>Poly1305 of eight texts at once with AVX2, one text a lane and four lanes a vector, as <see cref="Poly1305x16"/> does it.</summary>
readonly struct Poly1305x8 : IPoly1305Lanes
{
    const int Half = 4;

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
    static void Step(ref ulong words, int block, ref ulong rows, ref Vector256<ulong> d0, ref Vector256<ulong> d1, ref Vector256<ulong> d2, ref Vector256<ulong> d3, ref Vector256<ulong> d4)
    {
        var low = Row(ref words, 2 * block);
        var high = Row(ref words, 2 * block + 1);
        var mask = Vector256.Create(Poly1305Lanes.LimbMask);
        var top = Vector256.Create(Poly1305Lanes.TopMask);
        var h0 = d0 + (low & mask) + ((d4 >>> 2) + Vector256.AndNot(d4, top));
        var h1 = d1 + (low >>> 32) + (h0 >>> 32);
        var h2 = d2 + (high & mask) + (h1 >>> 32);
        var h3 = d3 + (high >>> 32) + (h2 >>> 32);
        var h4 = (d4 & top) + Vector256<ulong>.One + (h3 >>> 32);
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
    static Vector256<ulong> Multiply(Vector256<ulong> limb, ref ulong rows, int row) =>
        Avx2.Multiply(limb.AsUInt32(), Row(ref rows, row).AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<ulong> Row(ref ulong rows, int row) => Vector256.LoadUnsafe(ref rows, (nuint)(row * Poly1305Lanes.MostLanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Load(ref ulong rows, out Vector256<ulong> d0, out Vector256<ulong> d1, out Vector256<ulong> d2, out Vector256<ulong> d3, out Vector256<ulong> d4)
    {
        d0 = Row(ref rows, H);
        d1 = Row(ref rows, H + 1);
        d2 = Row(ref rows, H + 2);
        d3 = Row(ref rows, H + 3);
        d4 = Row(ref rows, H + 4);
    }

    /// <summary>Carries the sum and puts it back: limbs of 32 bits, and a highest one below 2^32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(ref ulong rows, Vector256<ulong> d0, Vector256<ulong> d1, Vector256<ulong> d2, Vector256<ulong> d3, Vector256<ulong> d4)
    {
        var mask = Vector256.Create(Poly1305Lanes.LimbMask);
        var top = Vector256.Create(Poly1305Lanes.TopMask);
        d0 += (d4 >>> 2) + Vector256.AndNot(d4, top);
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

    /// <summary>Turns 64 bytes of four texts into rows: the low words of block 0 of all, the high words of block 0, and so on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose(ref byte buffer, ref int texts, ref ulong words)
    {
        TransposeHalf(ref buffer, ref texts, ref words);
        TransposeHalf(ref Unsafe.Add(ref buffer, 32), ref texts, ref Unsafe.Add(ref words, 4 * Poly1305Lanes.MostLanes));
    }

    /// <summary>Two blocks of four texts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void TransposeHalf(ref byte buffer, ref int texts, ref ulong words)
    {
        var t0 = Text(ref buffer, ref texts, 0);
        var t1 = Text(ref buffer, ref texts, 1);
        var t2 = Text(ref buffer, ref texts, 2);
        var t3 = Text(ref buffer, ref texts, 3);
        Gather(Avx2.UnpackLow(t0, t1), Avx2.UnpackLow(t2, t3), ref words);
        Gather(Avx2.UnpackHigh(t0, t1), Avx2.UnpackHigh(t2, t3), ref Unsafe.Add(ref words, Poly1305Lanes.MostLanes));
    }

    /// <summary>Two pairs of texts, a block in each half: stores block by block the word of all four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Gather(Vector256<ulong> p0, Vector256<ulong> p1, ref ulong words)
    {
        Avx2.Permute2x128(p0, p1, 0x20).StoreUnsafe(ref words);
        Avx2.Permute2x128(p0, p1, 0x31).StoreUnsafe(ref words, 2 * Poly1305Lanes.MostLanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<ulong> Text(ref byte buffer, ref int texts, int lane) =>
        Vector256.LoadUnsafe(ref Unsafe.Add(ref buffer, Unsafe.Add(ref texts, lane))).AsUInt64();
}
