namespace Macro.Crypto.Batch;

/// <summary>A number modulo 2^130 - 5 in five limbs of 26 bits and little more, as in a lane of <see cref="Poly1305Lanes"/>.</summary>
readonly struct Poly1305Number(ulong l0, ulong l1, ulong l2, ulong l3, ulong l4)
{
    readonly ulong _l0 = l0, _l1 = l1, _l2 = l2, _l3 = l3, _l4 = l4;

    /// <summary>The five limbs from <paramref name="firstRow"/> on.</summary>
    public static Poly1305Number Load(ref ulong rows, int lane, int firstRow) => new(
        Poly1305Lanes.Word(ref rows, lane, firstRow), Poly1305Lanes.Word(ref rows, lane, firstRow + 1), Poly1305Lanes.Word(ref rows, lane, firstRow + 2),
        Poly1305Lanes.Word(ref rows, lane, firstRow + 3), Poly1305Lanes.Word(ref rows, lane, firstRow + 4));

    public void StoreSum(ref ulong rows, int lane)
    {
        Poly1305Lanes.Word(ref rows, lane, Poly1305Lanes.H) = _l0;
        Poly1305Lanes.Word(ref rows, lane, Poly1305Lanes.H + 1) = _l1;
        Poly1305Lanes.Word(ref rows, lane, Poly1305Lanes.H + 2) = _l2;
        Poly1305Lanes.Word(ref rows, lane, Poly1305Lanes.H + 3) = _l3;
        Poly1305Lanes.Word(ref rows, lane, Poly1305Lanes.H + 4) = _l4;
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
        d0 = (d0 & Poly1305Lanes.LimbMask) + 5 * (d4 >> 26);
        d1 = (d1 & Poly1305Lanes.LimbMask) + (d0 >> 26);
        return new(d0 & Poly1305Lanes.LimbMask, d1, d2 & Poly1305Lanes.LimbMask, d3 & Poly1305Lanes.LimbMask, d4 & Poly1305Lanes.LimbMask);
    }
}
