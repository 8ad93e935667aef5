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
            ChaCha20x16.Xor(ref rows, staged, ref buffer, ref slots);
        else
            XorBoth(ref rows, staged, ref buffer, ref slots);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void XorBoth(ref uint rows, uint staged, ref byte buffer, ref byte slots)
    {
        ref var others = ref Unsafe.Add(ref rows, Half);
        ChaCha20x16.Load(ref rows, out var x0, out var x1, out var x2, out var x3, out var x4, out var x5, out var x6, out var x7, out var x8, out var x9, out var x10, out var x11, out var x12, out var x13, out var x14, out var x15);
        ChaCha20x16.Load(ref others, out var y0, out var y1, out var y2, out var y3, out var y4, out var y5, out var y6, out var y7, out var y8, out var y9, out var y10, out var y11, out var y12, out var y13, out var y14, out var y15);
        for (var round = 0; round < 10; round++)
        {
            ChaCha20x16.QuarterRounds(ref x0, ref x1, ref x2, ref x3, ref x4, ref x5, ref x6, ref x7, ref x8, ref x9, ref x10, ref x11, ref x12, ref x13, ref x14, ref x15);
            ChaCha20x16.QuarterRounds(ref y0, ref y1, ref y2, ref y3, ref y4, ref y5, ref y6, ref y7, ref y8, ref y9, ref y10, ref y11, ref y12, ref y13, ref y14, ref y15);
            ChaCha20x16.QuarterRounds(ref x0, ref x1, ref x2, ref x3, ref x5, ref x6, ref x7, ref x4, ref x10, ref x11, ref x8, ref x9, ref x15, ref x12, ref x13, ref x14);
            ChaCha20x16.QuarterRounds(ref y0, ref y1, ref y2, ref y3, ref y5, ref y6, ref y7, ref y4, ref y10, ref y11, ref y8, ref y9, ref y15, ref y12, ref y13, ref y14);
        }
        ChaCha20x16.Finish(ref rows, x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15, staged, ref buffer, ref slots);
        ChaCha20x16.Finish(ref others, y0, y1, y2, y3, y4, y5, y6, y7, y8, y9, y10, y11, y12, y13, y14, y15, staged >> Half, ref buffer, ref Unsafe.Add(ref slots, Half * ChaCha20Lanes.BlockSize));
    }
}
