using System.Runtime.CompilerServices;

namespace Macro.Crypto.Batch;

/// <summary>
/// Poly1305 (RFC 8439 2.5) of one text in 64-bit limbs, for what the lanes leave over: a text's last bytes, and texts
/// that are alone. Blocks are always 16 bytes, since the AEAD pads (RFC 8439 2.8).
/// </summary>
ref struct Poly1305
{
    public const ulong ClampLow = 0x0ffffffc0fffffff, ClampHigh = 0x0ffffffc0ffffffc;

    readonly ulong _r0, _r1, _fiveQuartersR1;
    ulong _h0, _h1, _h2;

    public Poly1305(ulong low, ulong high)
    {
        _r0 = low & ClampLow;
        _r1 = high & ClampHigh;
        _fiveQuartersR1 = _r1 + (_r1 >> 2); // exact: the clamp clears its two lowest bits
    }

    /// <summary>Goes on from a lane's sum.</summary>
    public void Resume(ref ulong rows, int lane)
    {
        var sum = (UInt128)Poly1305Lanes.Limb(ref rows, lane, 0)
            + ((UInt128)Poly1305Lanes.Limb(ref rows, lane, 1) << 26)
            + ((UInt128)Poly1305Lanes.Limb(ref rows, lane, 2) << 52)
            + ((UInt128)Poly1305Lanes.Limb(ref rows, lane, 3) << 78);
        var top = Poly1305Lanes.Limb(ref rows, lane, 4);
        var whole = sum + ((UInt128)top << 104);
        _h0 = (ulong)whole;
        _h1 = (ulong)(whole >> 64);
        _h2 = (top >> 24) + (whole < sum ? 1UL : 0);
    }

    /// <summary>A text or the rest of one, padded with zeros to whole blocks.</summary>
    public void Absorb(ReadOnlySpan<byte> text)
    {
        while (text.Length >= 16)
        {
            Absorb(BitConverter.ToUInt64(text), BitConverter.ToUInt64(text[8..]));
            text = text[16..];
        }
        if (text.IsEmpty)
            return;
        Span<byte> last = stackalloc byte[16];
        text.CopyTo(last);
        Absorb(BitConverter.ToUInt64(last), BitConverter.ToUInt64(last[8..]));
    }

    /// <summary>One block: h = (h + 2^128 + block) r mod 2^130 - 5, in part reduced.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Absorb(ulong low, ulong high)
    {
        _h0 += low;
        var carry = _h0 < low ? 1UL : 0;
        high += carry; // the carry out of this is the next line's: high was at most 2^64 - 1
        _h2 += 1 + (high < carry ? 1UL : 0);
        _h1 += high;
        _h2 += _h1 < high ? 1UL : 0;

        var sum0 = Product(_h0, _r0) + Product(_h1, _fiveQuartersR1);
        var sum1 = Product(_h0, _r1) + Product(_h1, _r0) + _h2 * _fiveQuartersR1 + (sum0 >> 64);
        _h0 = (ulong)sum0;
        _h1 = (ulong)sum1;
        _h2 = _h2 * _r0 + (ulong)(sum1 >> 64);

        var beyond = (_h2 >> 2) + (_h2 & ~3UL); // 5 x (h / 2^130)
        _h2 &= 3;
        _h0 += beyond;
        carry = _h0 < beyond ? 1UL : 0;
        _h1 += carry;
        _h2 += _h1 < carry ? 1UL : 0;
    }

    /// <summary>The tag: (h mod 2^130 - 5) + s mod 2^128.</summary>
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static UInt128 Product(ulong a, ulong b) => new(Math.BigMul(a, b, out var low), low);
}
