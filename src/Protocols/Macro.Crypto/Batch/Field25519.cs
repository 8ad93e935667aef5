using System.Runtime.CompilerServices;

namespace Macro.Crypto.Batch;

/// <summary>
/// Arithmetic modulo p = 2^255 - 19 in every word of a vector at once. A number has ten limbs of 26 and 25 bits in turn
/// (radix 2^25.5, as in Bernstein's "Curve25519"), each a row of words. No branch and no address depends on a number.
/// </summary>
/// <remarks>
/// What <see cref="Multiply"/> and <see cref="Square"/> return is reduced: limbs of 26 and 25 bits, the second and the
/// sixth at most 2^17 more. They take reduced numbers, sums of two, and differences with 2p added: limbs below 2^27.59 and
/// 2^26.59. So nineteen times a limb fits in 32 bits, twice that of an odd one too, and a column of ten products stays
/// below 2^62.
/// </remarks>
static class Field25519<T> where T : struct, IWordLanes<T>
{
    public const int Limbs = 10;

    const ulong EvenMask = (1 << 26) - 1, OddMask = (1 << 25) - 1;

    /// <summary>Words that a number takes.</summary>
    public static int Size
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Limbs * T.Count;
    }

    /// <summary>to = f g. Any of the three may be the same.</summary>
    // Compiled once and for all, not tier by tier; see ChaCha20.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Multiply(ref ulong to, ref ulong f, ref ulong g)
    {
        var f0 = Row(ref f, 0);
        var f1 = Row(ref f, 1);
        var f2 = Row(ref f, 2);
        var f3 = Row(ref f, 3);
        var f4 = Row(ref f, 4);
        var f5 = Row(ref f, 5);
        var f6 = Row(ref f, 6);
        var f7 = Row(ref f, 7);
        var f8 = Row(ref f, 8);
        var f9 = Row(ref f, 9);
        // Products of two odd limbs count twice, for 2^25.5 is rounded up in both.
        var twice1 = f1 + f1;
        var twice3 = f3 + f3;
        var twice5 = f5 + f5;
        var twice7 = f7 + f7;
        var twice9 = f9 + f9;
        var nineteen = T.Pairs(19, 19);

        // One limb of g after the other, so that all that is needed has room in 32 registers: what has not lies on the stack, where
        // vectors may cross cache lines. What lands beyond 2^255 comes in nineteenfold.
        var g0 = Row(ref g, 0);
        var h0 = f0 * g0;
        var h1 = f1 * g0;
        var h2 = f2 * g0;
        var h3 = f3 * g0;
        var h4 = f4 * g0;
        var h5 = f5 * g0;
        var h6 = f6 * g0;
        var h7 = f7 * g0;
        var h8 = f8 * g0;
        var h9 = f9 * g0;
        var g1 = Row(ref g, 1);
        var beyond1 = g1 * nineteen;
        h1 += f0 * g1;
        h2 += twice1 * g1;
        h3 += f2 * g1;
        h4 += twice3 * g1;
        h5 += f4 * g1;
        h6 += twice5 * g1;
        h7 += f6 * g1;
        h8 += twice7 * g1;
        h9 += f8 * g1;
        h0 += twice9 * beyond1;
        var g2 = Row(ref g, 2);
        var beyond2 = g2 * nineteen;
        h2 += f0 * g2;
        h3 += f1 * g2;
        h4 += f2 * g2;
        h5 += f3 * g2;
        h6 += f4 * g2;
        h7 += f5 * g2;
        h8 += f6 * g2;
        h9 += f7 * g2;
        h0 += f8 * beyond2;
        h1 += f9 * beyond2;
        var g3 = Row(ref g, 3);
        var beyond3 = g3 * nineteen;
        h3 += f0 * g3;
        h4 += twice1 * g3;
        h5 += f2 * g3;
        h6 += twice3 * g3;
        h7 += f4 * g3;
        h8 += twice5 * g3;
        h9 += f6 * g3;
        h0 += twice7 * beyond3;
        h1 += f8 * beyond3;
        h2 += twice9 * beyond3;
        var g4 = Row(ref g, 4);
        var beyond4 = g4 * nineteen;
        h4 += f0 * g4;
        h5 += f1 * g4;
        h6 += f2 * g4;
        h7 += f3 * g4;
        h8 += f4 * g4;
        h9 += f5 * g4;
        h0 += f6 * beyond4;
        h1 += f7 * beyond4;
        h2 += f8 * beyond4;
        h3 += f9 * beyond4;
        var g5 = Row(ref g, 5);
        var beyond5 = g5 * nineteen;
        h5 += f0 * g5;
        h6 += twice1 * g5;
        h7 += f2 * g5;
        h8 += twice3 * g5;
        h9 += f4 * g5;
        h0 += twice5 * beyond5;
        h1 += f6 * beyond5;
        h2 += twice7 * beyond5;
        h3 += f8 * beyond5;
        h4 += twice9 * beyond5;
        var g6 = Row(ref g, 6);
        var beyond6 = g6 * nineteen;
        h6 += f0 * g6;
        h7 += f1 * g6;
        h8 += f2 * g6;
        h9 += f3 * g6;
        h0 += f4 * beyond6;
        h1 += f5 * beyond6;
        h2 += f6 * beyond6;
        h3 += f7 * beyond6;
        h4 += f8 * beyond6;
        h5 += f9 * beyond6;
        var g7 = Row(ref g, 7);
        var beyond7 = g7 * nineteen;
        h7 += f0 * g7;
        h8 += twice1 * g7;
        h9 += f2 * g7;
        h0 += twice3 * beyond7;
        h1 += f4 * beyond7;
        h2 += twice5 * beyond7;
        h3 += f6 * beyond7;
        h4 += twice7 * beyond7;
        h5 += f8 * beyond7;
        h6 += twice9 * beyond7;
        var g8 = Row(ref g, 8);
        var beyond8 = g8 * nineteen;
        h8 += f0 * g8;
        h9 += f1 * g8;
        h0 += f2 * beyond8;
        h1 += f3 * beyond8;
        h2 += f4 * beyond8;
        h3 += f5 * beyond8;
        h4 += f6 * beyond8;
        h5 += f7 * beyond8;
        h6 += f8 * beyond8;
        h7 += f9 * beyond8;
        var g9 = Row(ref g, 9);
        var beyond9 = g9 * nineteen;
        h9 += f0 * g9;
        h0 += twice1 * beyond9;
        h1 += f2 * beyond9;
        h2 += twice3 * beyond9;
        h3 += f4 * beyond9;
        h4 += twice5 * beyond9;
        h5 += f6 * beyond9;
        h6 += twice7 * beyond9;
        h7 += f8 * beyond9;
        h8 += twice9 * beyond9;
        StoreReduced(ref to, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9);
    }

    /// <summary>to = f f. Both may be the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Square(ref ulong to, ref ulong f)
    {
        var f0 = Row(ref f, 0);
        var f1 = Row(ref f, 1);
        var f2 = Row(ref f, 2);
        var f3 = Row(ref f, 3);
        var f4 = Row(ref f, 4);
        var f5 = Row(ref f, 5);
        var f6 = Row(ref f, 6);
        var f7 = Row(ref f, 7);
        var f8 = Row(ref f, 8);
        var f9 = Row(ref f, 9);
        var twice0 = f0 + f0;
        var twice1 = f1 + f1;
        var twice2 = f2 + f2;
        var twice3 = f3 + f3;
        var twice4 = f4 + f4;
        var twice5 = f5 + f5;
        var twice6 = f6 + f6;
        var twice7 = f7 + f7;
        var beyond5 = f5 * T.Pairs(38, 38);
        var beyond6 = f6 * T.Pairs(19, 19);
        var beyond7 = f7 * T.Pairs(38, 38);
        var beyond8 = f8 * T.Pairs(19, 19);
        var beyond9 = f9 * T.Pairs(38, 38);

        var h0 = (f0 * f0 + twice1 * beyond9) + (twice2 * beyond8 + twice3 * beyond7) + (twice4 * beyond6 + f5 * beyond5);
        var h1 = (twice0 * f1 + f2 * beyond9) + (twice3 * beyond8 + f4 * beyond7) + twice5 * beyond6;
        var h2 = (twice0 * f2 + twice1 * f1) + (twice3 * beyond9 + twice4 * beyond8) + (twice5 * beyond7 + f6 * beyond6);
        var h3 = (twice0 * f3 + twice1 * f2) + (f4 * beyond9 + twice5 * beyond8) + f6 * beyond7;
        var h4 = (twice0 * f4 + twice1 * twice3) + (f2 * f2 + twice5 * beyond9) + (twice6 * beyond8 + f7 * beyond7);
        var h5 = (twice0 * f5 + twice1 * f4) + (twice2 * f3 + f6 * beyond9) + twice7 * beyond8;
        var h6 = (twice0 * f6 + twice1 * twice5) + (twice2 * f4 + twice3 * f3) + (twice7 * beyond9 + f8 * beyond8);
        var h7 = (twice0 * f7 + twice1 * f6) + (twice2 * f5 + twice3 * f4) + f8 * beyond9;
        var h8 = (twice0 * f8 + twice1 * twice7) + (twice2 * f6 + twice3 * twice5) + (f4 * f4 + f9 * beyond9);
        var h9 = (twice0 * f9 + twice1 * f8) + (twice2 * f7 + twice3 * f6) + twice4 * f5;
        StoreReduced(ref to, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9);
    }

    /// <summary>Brings limbs of up to 63 bits back to 26 and 25.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreReduced(ref ulong to, T h0, T h1, T h2, T h3, T h4, T h5, T h6, T h7, T h8, T h9)
    {
        var even = T.Pairs(EvenMask, EvenMask);
        var odd = T.Pairs(OddMask, OddMask);
        // Two carry chains side by side, from limb 0 and from limb 4, each one limb into the other's.
        h1 += h0 >>> 26;
        h5 += h4 >>> 26;
        h0 &= even;
        h4 &= even;
        h2 += h1 >>> 25;
        h6 += h5 >>> 25;
        h1 &= odd;
        h5 &= odd;
        h3 += h2 >>> 26;
        h7 += h6 >>> 26;
        h2 &= even;
        h6 &= even;
        h4 += h3 >>> 25;
        h8 += h7 >>> 25;
        h3 &= odd;
        h7 &= odd;
        h5 += h4 >>> 26;
        h9 += h8 >>> 26;
        h4 &= even;
        h8 &= even;
        var beyond = h9 >>> 25;
        h9 &= odd;
        // Nineteen times, by shifts: it may have more than 32 bits.
        h0 += (beyond << 4) + (beyond << 1) + beyond;
        h1 += h0 >>> 26;
        h0 &= even;

        h0.Store(ref to, 0);
        h1.Store(ref to, T.Count);
        h2.Store(ref to, 2 * T.Count);
        h3.Store(ref to, 3 * T.Count);
        h4.Store(ref to, 4 * T.Count);
        h5.Store(ref to, 5 * T.Count);
        h6.Store(ref to, 6 * T.Count);
        h7.Store(ref to, 7 * T.Count);
        h8.Store(ref to, 8 * T.Count);
        h9.Store(ref to, 9 * T.Count);
    }

    /// <summary>to = 1 / f = f^(p - 2), and 0 for 0. All three are different.</summary>
    /// <param name="room">For three numbers.</param>
    public static void Invert(ref ulong to, ref ulong f, ref ulong room)
    {
        // Bernstein's chain of 254 squarings and 11 products. Beside each line the exponent so far.
        ref var eleven = ref room;
        ref var ones = ref Unsafe.Add(ref room, Size);
        ref var high = ref Unsafe.Add(ref room, 2 * Size);
        Square(ref eleven, ref f, times: 1);                    // 2
        Square(ref ones, ref eleven, times: 2);                 // 8
        Multiply(ref ones, ref ones, ref f);         // 9
        Multiply(ref eleven, ref eleven, ref ones);  // 11
        Square(ref to, ref eleven, times: 1);                   // 22
        Multiply(ref ones, ref ones, ref to);        // 2^5 - 1
        Square(ref to, ref ones, times: 5);
        Multiply(ref ones, ref ones, ref to);        // 2^10 - 1
        Square(ref to, ref ones, times: 10);
        Multiply(ref to, ref to, ref ones);          // 2^20 - 1
        Square(ref high, ref to, times: 20);
        Multiply(ref to, ref to, ref high);          // 2^40 - 1
        Square(ref to, ref to, times: 10);
        Multiply(ref ones, ref ones, ref to);        // 2^50 - 1
        Square(ref to, ref ones, times: 50);
        Multiply(ref to, ref to, ref ones);          // 2^100 - 1
        Square(ref high, ref to, times: 100);
        Multiply(ref to, ref to, ref high);          // 2^200 - 1
        Square(ref to, ref to, times: 50);
        Multiply(ref to, ref to, ref ones);          // 2^250 - 1
        Square(ref to, ref to, times: 5);
        Multiply(ref to, ref to, ref eleven);        // 2^255 - 21
    }

    /// <summary>to = f^(2^times).</summary>
    static void Square(ref ulong to, ref ulong f, int times)
    {
        Square(ref to, ref f);
        for (var i = 1; i < times; i++)
            Square(ref to, ref to);
    }

    /// <summary>One limb of all words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Row(ref ulong number, int limb) => T.Load(ref number, limb * T.Count);
}
