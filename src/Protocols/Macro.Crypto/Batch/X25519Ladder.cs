using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Macro.Crypto.Batch;

/// <summary>
/// X25519 (RFC 7748 section 5) of several scalars and points at once, two words of a vector for each: of the products of a
/// step two are always independent, so a pair of words goes through it in five rounds instead of ten. Constant time: no
/// branch and no address depends on a scalar or a point.
/// </summary>
static class X25519Ladder<T> where T : struct, IWordLanes<T>
{
    const ulong A24 = 121665;

    // Where each limb begins, in bits.
    static ReadOnlySpan<byte> LimbAt => [0, 26, 51, 77, 102, 128, 153, 179, 204, 230];

    /// <summary>Multiplications at once.</summary>
    public static int Lanes => T.Count / 2;

    /// <summary>Words of scratch, which hold secrets afterwards.</summary>
    public static int ScratchSize => 7 * Field25519<T>.Size + 4 * T.Count;

    /// <summary>Scalars and points of the first lanes, 32 bytes each. The others work on what they find.</summary>
    /// <param name="results">Gets 32 bytes for each.</param>
    public static void Run(Span<byte> results, ReadOnlySpan<byte> scalars, ReadOnlySpan<byte> points, ref ulong scratch)
    {
        // Pairs of coordinates: first = (x2 | z2), second = (x3 | z3) of RFC 7748.
        ref var first = ref scratch;
        ref var second = ref Number(ref scratch, 1);
        ref var start = ref Number(ref scratch, 2);
        ref var words = ref Number(ref scratch, 7);
        var count = points.Length / 32;
        for (var lane = 0; lane < count; lane++)
        {
            ReadPoint(points.Slice(32 * lane, 32), ref second, ref start, lane);
            ReadScalar(scalars.Slice(32 * lane, 32), ref words, lane);
        }
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
            T.Pairs(limb == 0 ? 1ul : 0, 0).Store(ref first, limb * T.Count);
        FillBias(ref Number(ref scratch, 3));

        Climb(ref scratch, ref words);

        // x2 / z2: the neighbour of each number's inverse belongs to it.
        ref var inverse = ref Number(ref scratch, 1);
        Field25519<T>.Invert(ref inverse, ref first, ref Number(ref scratch, 4));
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
            T.Swapped(Field25519<T>.Row(ref inverse, limb)).Store(ref inverse, limb * T.Count);
        Field25519<T>.Multiply(ref first, ref first, ref inverse);
        for (var lane = 0; lane < count; lane++)
            WriteResult(results.Slice(32 * lane, 32), ref first, lane);
    }

    /// <summary>The 255 steps of the ladder.</summary>
    static void Climb(ref ulong scratch, ref ulong words)
    {
        ref var first = ref scratch;
        ref var second = ref Number(ref scratch, 1);
        ref var start = ref Number(ref scratch, 2);
        ref var bias = ref Number(ref scratch, 3);
        ref var a = ref Number(ref scratch, 4);
        ref var c = ref Number(ref scratch, 5);
        ref var squares = ref Number(ref scratch, 6);
        var one = T.Pairs(1, 1);
        var swapped = T.Pairs(0, 0);
        for (var bit = 254; bit >= 0; bit--)
        {
            // 0 - b: all ones where the bit is set.
            var b = (T.Load(ref words, (bit >> 6) * T.Count) >>> (bit & 63)) & one;
            var mask = (b ^ T.Pairs(ulong.MaxValue, ulong.MaxValue)) + one;
            SumsAndDifferences(ref first, ref second, ref a, ref c, ref bias, mask ^ swapped);
            swapped = mask;

            Field25519<T>.Square(ref squares, ref a);                   // (AA | BB)
            Field25519<T>.Multiply(ref c, ref a, ref c);      // (DA | CB)
            SumAndDifference(ref c, ref bias);                          // (DA + CB | DA - CB)
            Field25519<T>.Square(ref c, ref c);                         // (x3 | z3 / x1)
            Field25519<T>.Multiply(ref second, ref c, ref start);
            Factors(ref squares, ref first, ref a, ref bias);           // (AA | E), (BB | AA + a24 E)
            Field25519<T>.Multiply(ref first, ref first, ref a);
        }
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
            T.Select(swapped, Field25519<T>.Row(ref second, limb), Field25519<T>.Row(ref first, limb)).Store(ref first, limb * T.Count);
    }

    /// <summary>Exchanges the pairs where the mask says so, and makes of them a = (x2 + z2 | x2 - z2) and c = (x3 - z3 | x3 + z3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void SumsAndDifferences(ref ulong first, ref ulong second, ref ulong a, ref ulong c, ref ulong bias, T mask)
    {
        var (negateFirst, negateSecond) = (T.Pairs(ulong.MaxValue, 0), T.Pairs(0, ulong.MaxValue));
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
        {
            var (p, q) = (Field25519<T>.Row(ref first, limb), Field25519<T>.Row(ref second, limb));
            var x2 = T.Select(mask, q, p);
            var x3 = T.Select(mask, p, q);
            var twiceP = Field25519<T>.Row(ref bias, limb);
            (T.Swapped(x2) + twiceP + (x2 ^ negateSecond)).Store(ref a, limb * T.Count);
            (x3 + T.Swapped(twiceP) + (T.Swapped(x3) ^ negateFirst)).Store(ref c, limb * T.Count);
        }
    }

    /// <summary>(a | b) becomes (a + b | a - b).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void SumAndDifference(ref ulong number, ref ulong bias)
    {
        var negate = T.Pairs(0, ulong.MaxValue);
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
        {
            var value = Field25519<T>.Row(ref number, limb);
            (T.Swapped(value) + Field25519<T>.Row(ref bias, limb) + (value ^ negate)).Store(ref number, limb * T.Count);
        }
    }

    /// <summary>Of (AA | BB) makes left = (AA | E) and right = (BB | AA + a24 E), where E = AA - BB.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    static void Factors(ref ulong squares, ref ulong left, ref ulong right, ref ulong bias)
    {
        var (negate, factor) = (T.Pairs(0, ulong.MaxValue), T.Pairs(0, A24));
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
        {
            var value = Field25519<T>.Row(ref squares, limb);
            var other = T.Swapped(value);
            var e = (other & negate) + Field25519<T>.Row(ref bias, limb) + (value ^ negate);
            e.Store(ref left, limb * T.Count);
            (other + (factor * e)).Store(ref right, limb * T.Count);
        }
        Field25519<T>.StoreReduced(
            ref right, Field25519<T>.Row(ref right, 0), Field25519<T>.Row(ref right, 1), Field25519<T>.Row(ref right, 2),
            Field25519<T>.Row(ref right, 3), Field25519<T>.Row(ref right, 4), Field25519<T>.Row(ref right, 5), Field25519<T>.Row(ref right, 6),
            Field25519<T>.Row(ref right, 7), Field25519<T>.Row(ref right, 8), Field25519<T>.Row(ref right, 9));
    }

    /// <summary>What makes a difference of a negated word: 2p, so that it stays positive, and the one of the two's complement.</summary>
    static void FillBias(ref ulong bias)
    {
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
        {
            var twiceP = (limb & 1) == 0 ? (1ul << 27) - (limb == 0 ? 38ul : 2) : (1ul << 26) - 2;
            T.Pairs(0, twiceP + 1).Store(ref bias, limb * T.Count);
        }
    }

    /// <summary>The coordinate x1, its top bit ignored: second = (x1 | 1), start = (1 | x1).</summary>
    static void ReadPoint(ReadOnlySpan<byte> point, ref ulong second, ref ulong start, int lane)
    {
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
        {
            var at = LimbAt[limb];
            var mask = (1ul << (26 - (limb & 1))) - 1;
            var value = (BinaryPrimitives.ReadUInt32LittleEndian(point[(at >> 3)..]) >> (at & 7)) & mask;
            var one = limb == 0 ? 1ul : 0;
            var place = limb * T.Count + 2 * lane;
            (Unsafe.Add(ref second, place), Unsafe.Add(ref second, place + 1)) = (value, one);
            (Unsafe.Add(ref start, place), Unsafe.Add(ref start, place + 1)) = (one, value);
        }
    }

    /// <summary>Four words of a scalar, clamped, in both words of its lane.</summary>
    static void ReadScalar(ReadOnlySpan<byte> scalar, ref ulong words, int lane)
    {
        for (var i = 0; i < 4; i++)
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(scalar[(8 * i)..]);
            if (i == 0)
                word &= ~7ul;
            if (i == 3)
                word = (word & (ulong.MaxValue >> 1)) | (1ul << 62);
            var place = i * T.Count + 2 * lane;
            Unsafe.Add(ref words, place) = Unsafe.Add(ref words, place + 1) = word;
        }
    }

    /// <summary>The one number below p, 32 bytes little-endian.</summary>
    static void WriteResult(Span<byte> result, ref ulong number, int lane)
    {
        // The number is below 2p: it is p or more when 19 more of it reaches 2^255. Then 19 more without that bit is the rest.
        var beyond = 19ul;
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
            beyond = (Limb(ref number, limb, lane) + beyond) >> (26 - (limb & 1));
        var carry = 19 * beyond;
        UInt128 bits = 0;
        var (filled, at) = (0, 0);
        for (var limb = 0; limb < Field25519<T>.Limbs; limb++)
        {
            var width = 26 - (limb & 1);
            var value = Limb(ref number, limb, lane) + carry;
            carry = value >> width;
            bits |= (UInt128)(value & ((1ul << width) - 1)) << filled;
            filled += width;
            if (filled < 64 && limb < Field25519<T>.Limbs - 1)
                continue;
            BinaryPrimitives.WriteUInt64LittleEndian(result[at..], (ulong)bits);
            bits >>= 64;
            filled -= 64;
            at += 8;
        }
    }

    static ulong Limb(ref ulong number, int limb, int lane) => Unsafe.Add(ref number, limb * T.Count + 2 * lane);

    static ref ulong Number(ref ulong scratch, int place) => ref Unsafe.Add(ref scratch, place * Field25519<T>.Size);
}
