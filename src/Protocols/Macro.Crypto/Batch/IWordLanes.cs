using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>A vector of 64-bit words, of one width or another: what the field arithmetic needs of it, all in constant time.</summary>
interface IWordLanes<T> where T : struct, IWordLanes<T>
{
    /// <summary>Words in a vector.</summary>
    static abstract int Count { get; }

    static abstract T Load(ref ulong words, int offset);

    /// <summary>The same two words again and again.</summary>
    static abstract T Pairs(ulong first, ulong second);

    void Store(ref ulong words, int offset);

    static abstract T operator +(T left, T right);

    static abstract T operator &(T left, T right);

    static abstract T operator ^(T left, T right);

    static abstract T operator <<(T value, int count);

    static abstract T operator >>>(T value, int count);

    /// <summary>The product of the words' lower halves.</summary>
    static abstract T operator *(T left, T right);

    /// <summary>a b + c d.</summary>
    static abstract T Dot(T a, T b, T c, T d);

    /// <summary>Every two words that are neighbours exchanged.</summary>
    static abstract T Swapped(T value);

    /// <summary>Bits of one where the mask has ones, of the other elsewhere.</summary>
    static abstract T Select(T mask, T ones, T zeros);
}

/// <summary>AVX-512: eight words.</summary>
readonly struct EightWords(Vector512<ulong> words) : IWordLanes<EightWords>
{
    readonly Vector512<ulong> _words = words;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords Load(ref ulong words, int offset) => new(Vector512.LoadUnsafe(ref words, (nuint)offset));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords Pairs(ulong first, ulong second) =>
        new(Vector512.Create(first, second, first, second, first, second, first, second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ref ulong words, int offset) => _words.StoreUnsafe(ref words, (nuint)offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords operator +(EightWords left, EightWords right) => new(left._words + right._words);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords operator &(EightWords left, EightWords right) => new(left._words & right._words);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords operator ^(EightWords left, EightWords right) => new(left._words ^ right._words);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords operator <<(EightWords value, int count) => new(value._words << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords operator >>>(EightWords value, int count) => new(value._words >>> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords operator *(EightWords left, EightWords right) =>
        new(Avx512F.Multiply(left._words.AsUInt32(), right._words.AsUInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords Dot(EightWords a, EightWords b, EightWords c, EightWords d) => new(
        Avx512F.Multiply(a._words.AsUInt32(), b._words.AsUInt32()) + Avx512F.Multiply(c._words.AsUInt32(), d._words.AsUInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords Swapped(EightWords value) => new(Avx512F.Shuffle(value._words.AsUInt32(), 0b_01_00_11_10).AsUInt64());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightWords Select(EightWords mask, EightWords ones, EightWords zeros) =>
        new(Vector512.ConditionalSelect(mask._words, ones._words, zeros._words));
}

/// <summary>AVX2: four words.</summary>
readonly struct FourWords(Vector256<ulong> words) : IWordLanes<FourWords>
{
    readonly Vector256<ulong> _words = words;

    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords Load(ref ulong words, int offset) => new(Vector256.LoadUnsafe(ref words, (nuint)offset));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords Pairs(ulong first, ulong second) => new(Vector256.Create(first, second, first, second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ref ulong words, int offset) => _words.StoreUnsafe(ref words, (nuint)offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords operator +(FourWords left, FourWords right) => new(left._words + right._words);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords operator &(FourWords left, FourWords right) => new(left._words & right._words);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords operator ^(FourWords left, FourWords right) => new(left._words ^ right._words);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords operator <<(FourWords value, int count) => new(value._words << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords operator >>>(FourWords value, int count) => new(value._words >>> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords operator *(FourWords left, FourWords right) =>
        new(Avx2.Multiply(left._words.AsUInt32(), right._words.AsUInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords Dot(FourWords a, FourWords b, FourWords c, FourWords d) => new(
        Avx2.Multiply(a._words.AsUInt32(), b._words.AsUInt32()) + Avx2.Multiply(c._words.AsUInt32(), d._words.AsUInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords Swapped(FourWords value) => new(Avx2.Shuffle(value._words.AsUInt32(), 0b_01_00_11_10).AsUInt64());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourWords Select(FourWords mask, FourWords ones, FourWords zeros) =>
        new(Vector256.ConditionalSelect(mask._words, ones._words, zeros._words));
}
