using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>Eight ChaCha20 blocks at once with AVX2, laid out as in <see cref="ChaCha20x16"/>: word w of all blocks in vector w.</summary>
readonly struct ChaCha20x8 : IChaCha20Lanes
{
    public static int Lanes => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteKey(ref uint rows, int lane, ref uint key)
    {
        var lanes = From(lane);
        for (var word = 0; word < AeadKey.Size / sizeof(uint); word++)
            Write(ref rows, ChaCha20Lanes.Key + word, lanes, Vector256.Create(Unsafe.Add(ref key, word)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteBlocks(ref uint rows, int lane, ulong counter, uint block, int target)
    {
        var lanes = From(lane);
        Write(ref rows, ChaCha20Lanes.BlockCounter, lanes, Vector256<uint>.Indices + Vector256.Create(block - (uint)lane));
        Write(ref rows, ChaCha20Lanes.NonceLow, lanes, Vector256.Create((uint)counter));
        Write(ref rows, ChaCha20Lanes.NonceHigh, lanes, Vector256.Create((uint)(counter >> 32)));
        Write(ref rows, ChaCha20Lanes.Target, lanes, (Vector256<uint>.Indices << ChaCha20Lanes.BlockBits) + Vector256.Create((uint)(target - lane * ChaCha20Lanes.BlockSize)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Xor(ref uint rows, int lanes, uint staged, ref byte buffer, ref byte slots)
    {
        var x0 = Vector256.Create(ChaCha20Lanes.Sigma0);
        var x1 = Vector256.Create(ChaCha20Lanes.Sigma1);
        var x2 = Vector256.Create(ChaCha20Lanes.Sigma2);
        var x3 = Vector256.Create(ChaCha20Lanes.Sigma3);
        var x4 = Row(ref rows, ChaCha20Lanes.Key);
        var x5 = Row(ref rows, ChaCha20Lanes.Key + 1);
        var x6 = Row(ref rows, ChaCha20Lanes.Key + 2);
        var x7 = Row(ref rows, ChaCha20Lanes.Key + 3);
        var x8 = Row(ref rows, ChaCha20Lanes.Key + 4);
        var x9 = Row(ref rows, ChaCha20Lanes.Key + 5);
        var x10 = Row(ref rows, ChaCha20Lanes.Key + 6);
        var x11 = Row(ref rows, ChaCha20Lanes.Key + 7);
        var x12 = Row(ref rows, ChaCha20Lanes.BlockCounter);
        var x13 = Vector256<uint>.Zero; // the first word of WireGuard's nonce
        var x14 = Row(ref rows, ChaCha20Lanes.NonceLow);
        var x15 = Row(ref rows, ChaCha20Lanes.NonceHigh);

        for (var round = 0; round < 10; round++)
        {
            QuarterRound(ref x0, ref x4, ref x8, ref x12);
            QuarterRound(ref x1, ref x5, ref x9, ref x13);
            QuarterRound(ref x2, ref x6, ref x10, ref x14);
            QuarterRound(ref x3, ref x7, ref x11, ref x15);
            QuarterRound(ref x0, ref x5, ref x10, ref x15);
            QuarterRound(ref x1, ref x6, ref x11, ref x12);
            QuarterRound(ref x2, ref x7, ref x8, ref x13);
            QuarterRound(ref x3, ref x4, ref x9, ref x14);
        }

        x0 += Vector256.Create(ChaCha20Lanes.Sigma0);
        x1 += Vector256.Create(ChaCha20Lanes.Sigma1);
        x2 += Vector256.Create(ChaCha20Lanes.Sigma2);
        x3 += Vector256.Create(ChaCha20Lanes.Sigma3);
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

        // Each four words become, per 128-bit half h, those words of the lanes 4h, 4h+1, 4h+2, 4h+3 in a row.
        Transpose4(ref x0, ref x1, ref x2, ref x3);
        Transpose4(ref x4, ref x5, ref x6, ref x7);
        Transpose4(ref x8, ref x9, ref x10, ref x11);
        Transpose4(ref x12, ref x13, ref x14, ref x15);
        XorTwo(x0, x4, x8, x12, 0, ref rows, staged, ref buffer, ref slots);
        XorTwo(x1, x5, x9, x13, 1, ref rows, staged, ref buffer, ref slots);
        XorTwo(x2, x6, x10, x14, 2, ref rows, staged, ref buffer, ref slots);
        XorTwo(x3, x7, x11, x15, 3, ref rows, staged, ref buffer, ref slots);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> From(int lane) => Vector256.GreaterThanOrEqual(Vector256<uint>.Indices, Vector256.Create((uint)lane));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> Row(ref uint rows, int row) => Vector256.LoadUnsafe(ref rows, (nuint)(row * ChaCha20Lanes.MostLanes));

    // Always whole rows: a load that takes from two stores waits until both are in the cache.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Write(ref uint rows, int row, Vector256<uint> lanes, Vector256<uint> words) =>
        Vector256.ConditionalSelect(lanes, words, Row(ref rows, row)).StoreUnsafe(ref rows, (nuint)(row * ChaCha20Lanes.MostLanes));

    /// <summary>RFC 8439 2.1, in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void QuarterRound(ref Vector256<uint> a, ref Vector256<uint> b, ref Vector256<uint> c, ref Vector256<uint> d)
    {
        if (Avx512F.VL.IsSupported)
        {
            a += b;
            d = Avx512F.VL.RotateLeft(d ^ a, 16);
            c += d;
            b = Avx512F.VL.RotateLeft(b ^ c, 12);
            a += b;
            d = Avx512F.VL.RotateLeft(d ^ a, 8);
            c += d;
            b = Avx512F.VL.RotateLeft(b ^ c, 7);
            return;
        }
        a += b;
        d = RotateBytes(d ^ a, Vector256.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
        c += d;
        b ^= c;
        b = (b << 12) | (b >>> 20);
        a += b;
        d = RotateBytes(d ^ a, Vector256.Create((byte)3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
        c += d;
        b ^= c;
        b = (b << 7) | (b >>> 25);
    }

    /// <summary>AVX2 alone has no rotation, but by whole bytes a shuffle is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> RotateBytes(Vector256<uint> words, Vector256<byte> order) => Avx2.Shuffle(words.AsByte(), order).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose4(ref Vector256<uint> a, ref Vector256<uint> b, ref Vector256<uint> c, ref Vector256<uint> d)
    {
        var lowAb = Avx2.UnpackLow(a, b).AsUInt64();
        var highAb = Avx2.UnpackHigh(a, b).AsUInt64();
        var lowCd = Avx2.UnpackLow(c, d).AsUInt64();
        var highCd = Avx2.UnpackHigh(c, d).AsUInt64();
        a = Avx2.UnpackLow(lowAb, lowCd).AsUInt32();
        b = Avx2.UnpackHigh(lowAb, lowCd).AsUInt32();
        c = Avx2.UnpackLow(highAb, highCd).AsUInt32();
        d = Avx2.UnpackHigh(highAb, highCd).AsUInt32();
    }

    /// <summary>The low halves are the block of lane <paramref name="first"/>, the high halves that of the lane four further.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void XorTwo(
        Vector256<uint> a, Vector256<uint> b, Vector256<uint> c, Vector256<uint> d, int first,
        ref uint rows, uint staged, ref byte buffer, ref byte slots)
    {
        ref var low = ref ChaCha20Lanes.Place(first, ref rows, staged, ref buffer, ref slots);
        XorHalf(Avx2.Permute2x128(a, b, 0x20), ref low);
        XorHalf(Avx2.Permute2x128(c, d, 0x20), ref Unsafe.Add(ref low, 32));
        ref var high = ref ChaCha20Lanes.Place(first + 4, ref rows, staged, ref buffer, ref slots);
        XorHalf(Avx2.Permute2x128(a, b, 0x31), ref high);
        XorHalf(Avx2.Permute2x128(c, d, 0x31), ref Unsafe.Add(ref high, 32));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void XorHalf(Vector256<uint> keyStream, ref byte target) =>
        (Vector256.LoadUnsafe(ref target) ^ keyStream.AsByte()).StoreUnsafe(ref target);
}
