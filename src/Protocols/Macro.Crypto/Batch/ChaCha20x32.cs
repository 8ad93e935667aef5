using System.Runtime.CompilerServices;

namespace Macro.Crypto.Batch;

/// <summary>
/// Thirty-two ChaCha20 blocks at once with AVX-512: two groups as in <see cref="ChaCha20x16"/>. Each step of a group waits for the one before
/// it, two cycles on a Zen 5, and its four chains keep only half of the processor's vector units busy; the other group has the other half.
/// The states are all that the 32 registers can hold.
/// </summary>
readonly struct ChaCha20x32 : IChaCha20Lanes
{
    const int Half = ChaCha20x16.Lanes;

    public static int Lanes => 2 * Half;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteKey(ref uint rows, int lane, ref uint key)
    {
        if (lane < Half)
            ChaCha20x16.WriteKey(ref rows, lane, ref key);
        ChaCha20x16.WriteKey(ref Unsafe.Add(ref rows, Half), lane - Half, ref key);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteBlocks(ref uint rows, int lane, ulong counter, uint block, int target)
    {
        if (lane < Half)
            ChaCha20x16.WriteBlocks(ref rows, lane, counter, block, target);
        ChaCha20x16.WriteBlocks(ref Unsafe.Add(ref rows, Half), lane - Half, counter, block, target);
    }

    public static void Xor(ref uint rows, int lanes, uint staged, ref byte buffer, ref byte slots)
    {
        if (lanes <= ChaCha20x8.Lanes)
            ChaCha20x8.Xor(ref rows, lanes, staged, ref buffer, ref slots);
        else if (lanes <= Half)
            XorHalf(ref rows, staged, ref buffer, ref slots);
        else
            XorBoth(ref rows, staged, ref buffer, ref slots);
    }

    // Compiled once and for all, not tier by tier: half of the first tier's work would be done five times slower.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void XorHalf(ref uint rows, uint staged, ref byte buffer, ref byte slots)
    {
        var blocks = new ChaCha20x16(ref rows);
        for (var round = 0; round < 10; round++)
        {
            blocks.Columns();
            blocks.Diagonals();
        }
        blocks.Finish(ref rows, staged, ref buffer, ref slots);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void XorBoth(ref uint rows, uint staged, ref byte buffer, ref byte slots)
    {
        ref var otherRows = ref Unsafe.Add(ref rows, Half);
        var (blocks, others) = (new ChaCha20x16(ref rows), new ChaCha20x16(ref otherRows));
        for (var round = 0; round < 10; round++)
        {
            blocks.Columns();
            others.Columns();
            blocks.Diagonals();
            others.Diagonals();
        }
        others.Finish(ref otherRows, staged >> Half, ref buffer, ref Unsafe.Add(ref slots, Half * ChaCha20Lanes.BlockSize));
        blocks.Finish(ref rows, staged, ref buffer, ref slots);
    }
}
