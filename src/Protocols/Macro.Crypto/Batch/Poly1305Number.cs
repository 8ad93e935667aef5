namespace Macro.Crypto.Batch;

/// <summary>A number modulo 2^130 - 5 in five limbs of 26 bits and little more, for products of any two.</summary>
readonly struct Poly1305Number
{
    const ulong LimbMask = (1 << 26) - 1;

    readonly ulong _l0, _l1, _l2, _l3, _l4;

    Poly1305Number(ulong l0, ulong l1, ulong l2, ulong l3, ulong l4) => (_l0, _l1, _l2, _l3, _l4) = (l0, l1, l2, l3, l4);

    /// <param name="top">How often 2^128: at most 4.</param>
    public Poly1305Number(ulong low, ulong high, ulong top = 0)
        : this(low & LimbMask, (low >> 26) & LimbMask, ((low >> 52) | (high << 12)) & LimbMask, (high >> 14) & LimbMask, (high >> 40) | (top << 24))
    {
    }

    /// <summary>As <see cref="Poly1305"/> has its sum, in part reduced.</summary>
    public (ulong Low, ulong High, ulong Top) Words
    {
        get
        {
            var sum = (UInt128)_l0 + ((UInt128)_l1 << 26) + ((UInt128)_l2 << 52) + ((UInt128)_l3 << 78);
            var whole = sum + ((UInt128)_l4 << 104);
            return ((ulong)whole, (ulong)(whole >> 64), (_l4 >> 24) + (whole < sum ? 1UL : 0));
        }
    }

    /// <summary>The same steps whatever the number; the exponent, at least 1, is no secret.</summary>
    public static Poly1305Number Power(Poly1305Number number, int exponent)
    {
        var square = number;
        while ((exponent & 1) == 0)
        {
            square = MultiplyAdd(square, square, default);
            exponent >>= 1;
        }
        var power = square;
        while ((exponent >>= 1) != 0)
        {
            square = MultiplyAdd(square, square, default);
            if ((exponent & 1) != 0)
                power = MultiplyAdd(power, square, default);
        }
        return power;
    }

    /// <summary>a b + c.</summary>
    public static Poly1305Number MultiplyAdd(in Poly1305Number a, in Poly1305Number b, in Poly1305Number c)
    {
        var (a0, a1, a2, a3, a4) = (a._l0, a._l1, a._l2, a._l3, a._l4);
        var (b0, b1, b2, b3, b4) = (b._l0, b._l1, b._l2, b._l3, b._l4);
        var (five1, five2, five3, five4) = (5 * b1, 5 * b2, 5 * b3, 5 * b4);
        var d0 = c._l0 + a0 * b0 + a1 * five4 + a2 * five3 + a3 * five2 + a4 * five1;
        var d1 = c._l1 + a0 * b1 + a1 * b0 + a2 * five4 + a3 * five3 + a4 * five2;
        var d2 = c._l2 + a0 * b2 + a1 * b1 + a2 * b0 + a3 * five4 + a4 * five3;
        var d3 = c._l3 + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + a4 * five4;
        var d4 = c._l4 + a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0;
        d1 += d0 >> 26;
        d2 += d1 >> 26;
        d3 += d2 >> 26;
        d4 += d3 >> 26;
        d0 = (d0 & LimbMask) + 5 * (d4 >> 26);
        d1 = (d1 & LimbMask) + (d0 >> 26);
        return new(d0 & LimbMask, d1, d2 & LimbMask, d3 & LimbMask, d4 & LimbMask);
    }
}
