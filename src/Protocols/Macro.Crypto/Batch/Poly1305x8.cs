using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>Poly1305 of eight texts at once with AVX2, one text a lane, laid out as in <see cref="Poly1305x16"/>: two vectors of four for each limb.</summary>
readonly struct Poly1305x8 : IPoly1305Lanes
{
    const int Half = 4;

    public static int Lanes => 2 * Half;

    public static void Absorb(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words, int lanes)
    {
        if (lanes > Half)
            AbsorbBoth(ref rows, ref buffer, ref texts, chunks, ref words);
        else
            AbsorbFirst(ref rows, ref buffer, ref texts, chunks, ref words);
    }

    // Compiled once and for all, not tier by tier; see ChaCha20.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AbsorbBoth(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words)
    {
        ref var second = ref Unsafe.Add(ref rows, Half);
        var a0 = Row(ref rows, Poly1305Lanes.H);
        var a1 = Row(ref rows, Poly1305Lanes.H + 1);
        var a2 = Row(ref rows, Poly1305Lanes.H + 2);
        var a3 = Row(ref rows, Poly1305Lanes.H + 3);
        var a4 = Row(ref rows, Poly1305Lanes.H + 4);
        var b0 = Row(ref second, Poly1305Lanes.H);
        var b1 = Row(ref second, Poly1305Lanes.H + 1);
        var b2 = Row(ref second, Poly1305Lanes.H + 2);
        var b3 = Row(ref second, Poly1305Lanes.H + 3);
        var b4 = Row(ref second, Poly1305Lanes.H + 4);

        for (var at = 0; chunks > 0; chunks--, at += Poly1305Lanes.ChunkSize)
        {
            Transpose(ref Unsafe.Add(ref buffer, at), ref texts, ref words);
            Transpose(ref Unsafe.Add(ref buffer, at), ref Unsafe.Add(ref texts, Half), ref Unsafe.Add(ref words, Half));
            for (var block = 0; block < 4; block++)
            {
                ref var low = ref Unsafe.Add(ref words, block * 2 * Poly1305Lanes.MostLanes);
                ref var high = ref Unsafe.Add(ref low, Poly1305Lanes.MostLanes);
                Step(Vector256.LoadUnsafe(ref low), Vector256.LoadUnsafe(ref high), ref a0, ref a1, ref a2, ref a3, ref a4, ref rows);
                Step(Vector256.LoadUnsafe(ref low, Half), Vector256.LoadUnsafe(ref high, Half), ref b0, ref b1, ref b2, ref b3, ref b4, ref second);
            }
        }

        StoreSum(ref rows, a0, a1, a2, a3, a4);
        StoreSum(ref second, b0, b1, b2, b3, b4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AbsorbFirst(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words)
    {
        var h0 = Row(ref rows, Poly1305Lanes.H);
        var h1 = Row(ref rows, Poly1305Lanes.H + 1);
        var h2 = Row(ref rows, Poly1305Lanes.H + 2);
        var h3 = Row(ref rows, Poly1305Lanes.H + 3);
        var h4 = Row(ref rows, Poly1305Lanes.H + 4);

        for (var at = 0; chunks > 0; chunks--, at += Poly1305Lanes.ChunkSize)
        {
            Transpose(ref Unsafe.Add(ref buffer, at), ref texts, ref words);
            for (var block = 0; block < 4; block++)
            {
                ref var low = ref Unsafe.Add(ref words, block * 2 * Poly1305Lanes.MostLanes);
                var high = Vector256.LoadUnsafe(ref low, Poly1305Lanes.MostLanes);
                Step(Vector256.LoadUnsafe(ref low), high, ref h0, ref h1, ref h2, ref h3, ref h4, ref rows);
            }
        }

        StoreSum(ref rows, h0, h1, h2, h3, h4);
    }

    public static void AbsorbWords(ref ulong rows, int blocks, ref ulong words, int lanes)
    {
        for (var first = 0; first < lanes; first += Half)
            AbsorbHalf(ref Unsafe.Add(ref rows, first), blocks, ref Unsafe.Add(ref words, first));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AbsorbHalf(ref ulong rows, int blocks, ref ulong words)
    {
        var h0 = Row(ref rows, Poly1305Lanes.H);
        var h1 = Row(ref rows, Poly1305Lanes.H + 1);
        var h2 = Row(ref rows, Poly1305Lanes.H + 2);
        var h3 = Row(ref rows, Poly1305Lanes.H + 3);
        var h4 = Row(ref rows, Poly1305Lanes.H + 4);
        for (var block = 0; block < blocks; block++)
        {
            ref var low = ref Unsafe.Add(ref words, block * 2 * Poly1305Lanes.MostLanes);
            var high = Vector256.LoadUnsafe(ref low, Poly1305Lanes.MostLanes);
            Step(Vector256.LoadUnsafe(ref low), high, ref h0, ref h1, ref h2, ref h3, ref h4, ref rows);
        }
        StoreSum(ref rows, h0, h1, h2, h3, h4);
    }

    /// <summary>One block in every lane: h = (h + 2^128 + block) r, its limbs brought back to 26 bits and little more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Step(
        Vector256<ulong> low, Vector256<ulong> high,
        ref Vector256<ulong> h0, ref Vector256<ulong> h1, ref Vector256<ulong> h2, ref Vector256<ulong> h3, ref Vector256<ulong> h4, ref ulong rows)
    {
        var mask = Vector256.Create(Poly1305Lanes.LimbMask);
        h0 += low & mask;
        h1 += (low >>> 26) & mask;
        h2 += ((low >>> 52) | (high << 12)) & mask;
        h3 += (high >>> 14) & mask;
        h4 += (high >>> 40) | Vector256.Create(Poly1305Lanes.BlockEnd);

        var d0 = Multiply(h0, ref rows, R0) + Multiply(h1, ref rows, FiveR4) + (Multiply(h2, ref rows, FiveR3) + Multiply(h3, ref rows, FiveR2)) + Multiply(h4, ref rows, FiveR1);
        var d1 = Multiply(h0, ref rows, R1) + Multiply(h1, ref rows, R0) + (Multiply(h2, ref rows, FiveR4) + Multiply(h3, ref rows, FiveR3)) + Multiply(h4, ref rows, FiveR2);
        var d2 = Multiply(h0, ref rows, R2) + Multiply(h1, ref rows, R1) + (Multiply(h2, ref rows, R0) + Multiply(h3, ref rows, FiveR4)) + Multiply(h4, ref rows, FiveR3);
        var d3 = Multiply(h0, ref rows, R3) + Multiply(h1, ref rows, R2) + (Multiply(h2, ref rows, R1) + Multiply(h3, ref rows, R0)) + Multiply(h4, ref rows, FiveR4);
        var d4 = Multiply(h0, ref rows, R4) + Multiply(h1, ref rows, R3) + (Multiply(h2, ref rows, R2) + Multiply(h3, ref rows, R1)) + Multiply(h4, ref rows, R0);

        // Two carry chains side by side, from limb 0 and from limb 3; what leaves limb 4 comes in again five times at limb 0.
        d1 += d0 >>> 26;
        d4 += d3 >>> 26;
        h0 = d0 & mask;
        h3 = d3 & mask;
        d2 += d1 >>> 26;
        var beyond = d4 >>> 26;
        h1 = d1 & mask;
        h4 = d4 & mask;
        h0 += beyond + (beyond << 2);
        h3 += d2 >>> 26;
        h2 = d2 & mask;
        h1 += h0 >>> 26;
        h0 &= mask;
        h4 += h3 >>> 26;
        h3 &= mask;
    }

    const int R0 = Poly1305Lanes.R, R1 = R0 + 1, R2 = R0 + 2, R3 = R0 + 3, R4 = R0 + 4;
    const int FiveR1 = Poly1305Lanes.FiveR, FiveR2 = FiveR1 + 1, FiveR3 = FiveR1 + 2, FiveR4 = FiveR1 + 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<ulong> Multiply(Vector256<ulong> limb, ref ulong rows, int row) =>
        Avx2.Multiply(limb.AsUInt32(), Row(ref rows, row).AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<ulong> Row(ref ulong rows, int row) => Vector256.LoadUnsafe(ref rows, (nuint)(row * Poly1305Lanes.MostLanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreSum(ref ulong rows, Vector256<ulong> h0, Vector256<ulong> h1, Vector256<ulong> h2, Vector256<ulong> h3, Vector256<ulong> h4)
    {
        h0.StoreUnsafe(ref rows, (Poly1305Lanes.H + 0) * Poly1305Lanes.MostLanes);
        h1.StoreUnsafe(ref rows, (Poly1305Lanes.H + 1) * Poly1305Lanes.MostLanes);
        h2.StoreUnsafe(ref rows, (Poly1305Lanes.H + 2) * Poly1305Lanes.MostLanes);
        h3.StoreUnsafe(ref rows, (Poly1305Lanes.H + 3) * Poly1305Lanes.MostLanes);
        h4.StoreUnsafe(ref rows, (Poly1305Lanes.H + 4) * Poly1305Lanes.MostLanes);
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
