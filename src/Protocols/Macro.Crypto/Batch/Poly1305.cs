using System.Runtime.CompilerServices;

namespace Macro.Crypto.Batch;

/// <summary>
/// Poly1305 (RFC 8439 2.5) of one text in 64-bit limbs, for what the lanes leave over: a text's last bytes, and texts
/// that are alone. Blocks are always 16 bytes, since the AEAD pads (RFC 8439 2.8).
/// </summary>
ref struct Poly1305
{
    public const int BlockSize = 16;

    public const ulong ClampLow = 0x0ffffffc0fffffff, ClampHigh = 0x0ffffffc0ffffffc;

    readonly ulong _r0, _r1, _fiveQuartersR1;
    ulong _h0, _h1, _h2;

    public Poly1305(ulong low, ulong high)
    {
        _r0 = low & ClampLow;
        _r1 = high & ClampHigh;
        _fiveQuartersR1 = _r1 + (_r1 >> 2); // exact: the clamp clears its two lowest bits
    }

    /// <summary>Goes on from a sum that is in part reduced.</summary>
    public Poly1305(ulong low, ulong high, (ulong Low, ulong High, ulong Top) sum) : this(low, high) => (_h0, _h1, _h2) = sum;

    /// <summary>A text or the rest of one, padded with zeros to whole blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Absorb(scoped ReadOnlySpan<byte> text)
    {
        // In locals: through memory the chain from block to block would be half as long again.
        var (h0, h1, h2) = (_h0, _h1, _h2);
        while (!text.IsEmpty)
        {
            var (low, high) = TakeBlock(ref text);
            Step(low, high, _r0, _r1, _fiveQuartersR1, ref h0, ref h1, ref h2);
        }
        (_h0, _h1, _h2) = (h0, h1, h2);
    }

    /// <summary>The first block of what is left of a text, padded with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (ulong Low, ulong High) TakeBlock(ref ReadOnlySpan<byte> text)
    {
        var block = text;
        text = text[Math.Min(BlockSize, text.Length)..];
        if (block.Length >= BlockSize)
            return (BitConverter.ToUInt64(block), BitConverter.ToUInt64(block[sizeof(ulong)..]));
        return block.Length < sizeof(ulong) ? (ReadShort(block), 0) : (BitConverter.ToUInt64(block), ReadShort(block[sizeof(ulong)..]));
    }

    /// <summary>Up to seven bytes and zeros behind them.</summary>
    static ulong ReadShort(ReadOnlySpan<byte> bytes)
    {
        // Not by way of a copy: a load that takes from several stores waits until all are in the cache.
        var (word, at) = (0UL, 0);
        if ((bytes.Length & 4) != 0)
            (word, at) = (BitConverter.ToUInt32(bytes), 4);
        if ((bytes.Length & 2) != 0)
        {
            word |= (ulong)BitConverter.ToUInt16(bytes[at..]) << (8 * at);
            at += 2;
        }
        if ((bytes.Length & 1) != 0)
            word |= (ulong)bytes[at] << (8 * at);
        return word;
    }

    /// <summary>The block that ends the AEAD's text: the lengths of the associated data, of which there is none, and of the text.</summary>
    public void AbsorbLengths(int length) => Step(0, (ulong)length, _r0, _r1, _fiveQuartersR1, ref _h0, ref _h1, ref _h2);

    /// <summary>One block: h = (h + 2^128 + block) r mod 2^130 - 5, in part reduced.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Step(ulong low, ulong high, ulong r0, ulong r1, ulong fiveQuartersR1, ref ulong h0, ref ulong h1, ref ulong h2)
    {
        h0 += low;
        var carry = h0 < low ? 1UL : 0;
        h1 += high;
        var carry1 = h1 < high ? 1UL : 0;
        h1 += carry;
        h2 += 1 + carry1 + (h1 < carry ? 1UL : 0);

        // d0 = h0 r0 + 5/4 h1 r1, d1 = h0 r1 + h1 r0 + 5/4 h2 r1, d2 = h2 r0; the clamp leaves room for the sums.
        var d0High = Math.BigMul(h0, r0, out var d0) + Math.BigMul(h1, fiveQuartersR1, out var low1);
        d0 += low1;
        d0High += d0 < low1 ? 1UL : 0;
        var d1High = Math.BigMul(h0, r1, out var d1) + Math.BigMul(h1, r0, out low1);
        d1 += low1;
        d1High += d1 < low1 ? 1UL : 0;
        low1 = h2 * fiveQuartersR1;
        d1 += low1;
        d1High += d1 < low1 ? 1UL : 0;
        d1 += d0High;
        h2 = h2 * r0 + d1High + (d1 < d0High ? 1UL : 0);
        (h0, h1) = (d0, d1);
        Reduce(ref h0, ref h1, ref h2);
    }

    /// <summary>Takes what lies beyond 2^130 in again at the other end, five times, and leaves at most 4 x 2^128.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Reduce(ref ulong h0, ref ulong h1, ref ulong h2)
    {
        var beyond = (h2 >> 2) + (h2 & ~3UL);
        h2 &= 3;
        h0 += beyond;
        var carry = h0 < beyond ? 1UL : 0;
        h1 += carry;
        h2 += h1 < carry ? 1UL : 0;
    }

    /// <summary>The tag: (h mod 2^130 - 5) + s mod 2^128.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly (ulong Low, ulong High) Finish(ulong sLow, ulong sHigh)
    {
        // h - p is h + 5 - 2^130; taken without a branch, since h is secret.
        var g0 = _h0 + 5;
        var carry = g0 < 5 ? 1UL : 0;
        var g1 = _h1 + carry;
        var reduce = 0 - ((_h2 + (g1 < carry ? 1UL : 0)) >> 2);
        var low = (_h0 & ~reduce) | (g0 & reduce);
        var high = (_h1 & ~reduce) | (g1 & reduce);
        low += sLow;
        return (low, high + sHigh + (low < sLow ? 1UL : 0));
    }
}
