using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>
/// Poly1305 of sixteen texts at once with AVX-512, one text a lane and eight lanes a vector. Four blocks go in together, as
/// (h + m0) r^4 + m1 r^3 + m2 r^2 + m3 r: one carry for all of them, and their products wait for nothing.
/// </summary>
readonly struct Poly1305x16 : IPoly1305Lanes
{
    const int Half = 8;

    public static int Lanes => 2 * Half;

    public static void Absorb(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words, int lanes)
    {
        for (var first = 0; first < lanes; first += Half)
            AbsorbChunks(ref Unsafe.Add(ref rows, first), ref buffer, ref Unsafe.Add(ref texts, first), chunks, ref Unsafe.Add(ref words, first));
    }

    public static void AbsorbWords(ref ulong rows, int blocks, ref ulong words, int lanes)
    {
        for (var first = 0; first < lanes; first += Half)
            AbsorbBlocks(ref Unsafe.Add(ref rows, first), blocks, ref Unsafe.Add(ref words, first));
    }

    // Compiled once and for all, not tier by tier; see ChaCha20.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AbsorbChunks(ref ulong rows, ref byte buffer, ref int texts, int chunks, ref ulong words)
    {
        if (chunks < Poly1305Lanes.FewestChunksForPowers)
        {
            for (var at = 0; chunks > 0; chunks--, at += Poly1305Lanes.ChunkSize)
            {
                Transpose(ref Unsafe.Add(ref buffer, at), ref texts, ref words);
                AbsorbBlocks(ref rows, Poly1305Lanes.BlocksInChunk, ref words);
            }
            return;
        }
        RaiseKeys(ref rows);
        Load(ref rows, Poly1305Lanes.H, out var h0, out var h1, out var h2, out var h3, out var h4);
        for (var at = 0; chunks > 0; chunks--, at += Poly1305Lanes.ChunkSize)
        {
            Transpose(ref Unsafe.Add(ref buffer, at), ref texts, ref words);
            AddBlock(ref words, 0, ref h0, ref h1, ref h2, ref h3, ref h4);
            Multiply(ref rows, Poly1305Lanes.Fourth, h0, h1, h2, h3, h4, out var d0, out var d1, out var d2, out var d3, out var d4);
            AddProduct(ref words, 1, ref rows, Poly1305Lanes.Cube, ref d0, ref d1, ref d2, ref d3, ref d4);
            AddProduct(ref words, 2, ref rows, Poly1305Lanes.Square, ref d0, ref d1, ref d2, ref d3, ref d4);
            AddProduct(ref words, 3, ref rows, Poly1305Lanes.R, ref d0, ref d1, ref d2, ref d3, ref d4);
            Carry(d0, d1, d2, d3, d4, out h0, out h1, out h2, out h3, out h4);
        }
        Store(ref rows, Poly1305Lanes.H, h0, h1, h2, h3, h4);
    }

    /// <summary>One block after the other: h = (h + m) r.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void AbsorbBlocks(ref ulong rows, int blocks, ref ulong words)
    {
        Load(ref rows, Poly1305Lanes.H, out var h0, out var h1, out var h2, out var h3, out var h4);
        for (var block = 0; block < blocks; block++)
        {
            AddBlock(ref words, block, ref h0, ref h1, ref h2, ref h3, ref h4);
            Multiply(ref rows, Poly1305Lanes.R, h0, h1, h2, h3, h4, out var d0, out var d1, out var d2, out var d3, out var d4);
            Carry(d0, d1, d2, d3, d4, out h0, out h1, out h2, out h3, out h4);
        }
        Store(ref rows, Poly1305Lanes.H, h0, h1, h2, h3, h4);
    }

    /// <summary>The second, third and fourth power of r, each with its limbs taken five times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void RaiseKeys(ref ulong rows)
    {
        Load(ref rows, Poly1305Lanes.R, out var p0, out var p1, out var p2, out var p3, out var p4);
        for (var power = Poly1305Lanes.Square; power <= Poly1305Lanes.Fourth; power += Poly1305Lanes.PowerRows)
        {
            Multiply(ref rows, Poly1305Lanes.R, p0, p1, p2, p3, p4, out var d0, out var d1, out var d2, out var d3, out var d4);
            Carry(d0, d1, d2, d3, d4, out p0, out p1, out p2, out p3, out p4);
            Store(ref rows, power, p0, p1, p2, p3, p4);
            Store(ref rows, power + Poly1305Lanes.FiveR, p1 + (p1 << 2), p2 + (p2 << 2), p3 + (p3 << 2), p4 + (p4 << 2));
        }
    }

    /// <summary>Adds 2^128 + a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddBlock(ref ulong words, int block, ref Vector512<ulong> h0, ref Vector512<ulong> h1, ref Vector512<ulong> h2, ref Vector512<ulong> h3, ref Vector512<ulong> h4)
    {
        Split(ref words, block, out var m0, out var m1, out var m2, out var m3, out var m4);
        h0 += m0;
        h1 += m1;
        h2 += m2;
        h3 += m3;
        h4 += m4;
    }

    /// <summary>Adds the product of 2^128 + a block and a power of r. So many that the sums stay below 2^60, and then they are carried.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddProduct(ref ulong words, int block, ref ulong rows, int power, ref Vector512<ulong> d0, ref Vector512<ulong> d1, ref Vector512<ulong> d2, ref Vector512<ulong> d3, ref Vector512<ulong> d4)
    {
        Split(ref words, block, out var m0, out var m1, out var m2, out var m3, out var m4);
        Multiply(ref rows, power, m0, m1, m2, m3, m4, out var e0, out var e1, out var e2, out var e3, out var e4);
        d0 += e0;
        d1 += e1;
        d2 += e2;
        d3 += e3;
        d4 += e4;
    }

    /// <summary>2^128 + a block, in limbs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Split(ref ulong words, int block, out Vector512<ulong> m0, out Vector512<ulong> m1, out Vector512<ulong> m2, out Vector512<ulong> m3, out Vector512<ulong> m4)
    {
        ref var at = ref Unsafe.Add(ref words, block * 2 * Poly1305Lanes.MostLanes);
        var low = Vector512.LoadUnsafe(ref at);
        var high = Vector512.LoadUnsafe(ref at, Poly1305Lanes.MostLanes);
        var mask = Vector512.Create(Poly1305Lanes.LimbMask);
        m0 = low & mask;
        m1 = (low >>> 26) & mask;
        m2 = ((low >>> 52) | (high << 12)) & mask;
        m3 = (high >>> 14) & mask;
        m4 = (high >>> 40) | Vector512.Create(Poly1305Lanes.BlockEnd);
    }

    /// <summary>The product with a power of r, not carried.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Multiply(
        ref ulong rows, int power, Vector512<ulong> a0, Vector512<ulong> a1, Vector512<ulong> a2, Vector512<ulong> a3, Vector512<ulong> a4,
        out Vector512<ulong> d0, out Vector512<ulong> d1, out Vector512<ulong> d2, out Vector512<ulong> d3, out Vector512<ulong> d4)
    {
        rows = ref Unsafe.Add(ref rows, power * Poly1305Lanes.MostLanes);
        d0 = Multiply(a0, ref rows, R0) + Multiply(a1, ref rows, FiveR4) + (Multiply(a2, ref rows, FiveR3) + Multiply(a3, ref rows, FiveR2)) + Multiply(a4, ref rows, FiveR1);
        d1 = Multiply(a0, ref rows, R1) + Multiply(a1, ref rows, R0) + (Multiply(a2, ref rows, FiveR4) + Multiply(a3, ref rows, FiveR3)) + Multiply(a4, ref rows, FiveR2);
        d2 = Multiply(a0, ref rows, R2) + Multiply(a1, ref rows, R1) + (Multiply(a2, ref rows, R0) + Multiply(a3, ref rows, FiveR4)) + Multiply(a4, ref rows, FiveR3);
        d3 = Multiply(a0, ref rows, R3) + Multiply(a1, ref rows, R2) + (Multiply(a2, ref rows, R1) + Multiply(a3, ref rows, R0)) + Multiply(a4, ref rows, FiveR4);
        d4 = Multiply(a0, ref rows, R4) + Multiply(a1, ref rows, R3) + (Multiply(a2, ref rows, R2) + Multiply(a3, ref rows, R1)) + Multiply(a4, ref rows, R0);
    }

    /// <summary>
    /// Brings the limbs back to 26 bits and little more, in two chains side by side, from limb 0 and from limb 3; what leaves limb 4 comes in again
    /// five times at limb 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Carry(
        Vector512<ulong> d0, Vector512<ulong> d1, Vector512<ulong> d2, Vector512<ulong> d3, Vector512<ulong> d4,
        out Vector512<ulong> h0, out Vector512<ulong> h1, out Vector512<ulong> h2, out Vector512<ulong> h3, out Vector512<ulong> h4)
    {
        var mask = Vector512.Create(Poly1305Lanes.LimbMask);
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
    static Vector512<ulong> Multiply(Vector512<ulong> limb, ref ulong rows, int row) =>
        Avx512F.Multiply(limb.AsUInt32(), Row(ref rows, row).AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<ulong> Row(ref ulong rows, int row) => Vector512.LoadUnsafe(ref rows, (nuint)(row * Poly1305Lanes.MostLanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Load(ref ulong rows, int row, out Vector512<ulong> l0, out Vector512<ulong> l1, out Vector512<ulong> l2, out Vector512<ulong> l3, out Vector512<ulong> l4)
    {
        l0 = Row(ref rows, row);
        l1 = Row(ref rows, row + 1);
        l2 = Row(ref rows, row + 2);
        l3 = Row(ref rows, row + 3);
        l4 = Row(ref rows, row + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(ref ulong rows, int row, Vector512<ulong> l0, Vector512<ulong> l1, Vector512<ulong> l2, Vector512<ulong> l3)
    {
        l0.StoreUnsafe(ref rows, (nuint)(row * Poly1305Lanes.MostLanes));
        l1.StoreUnsafe(ref rows, (nuint)((row + 1) * Poly1305Lanes.MostLanes));
        l2.StoreUnsafe(ref rows, (nuint)((row + 2) * Poly1305Lanes.MostLanes));
        l3.StoreUnsafe(ref rows, (nuint)((row + 3) * Poly1305Lanes.MostLanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(ref ulong rows, int row, Vector512<ulong> l0, Vector512<ulong> l1, Vector512<ulong> l2, Vector512<ulong> l3, Vector512<ulong> l4)
    {
        Store(ref rows, row, l0, l1, l2, l3);
        l4.StoreUnsafe(ref rows, (nuint)((row + 4) * Poly1305Lanes.MostLanes));
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
