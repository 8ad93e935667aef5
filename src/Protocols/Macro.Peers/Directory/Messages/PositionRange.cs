namespace Macro.Peers;

/// <summary>
/// All positions that begin with the same bits, 0..60 of them and a multiple of 4: what reconciliation compares. A range has
/// sixteen parts. Positions are uniform, so the parts hold about the same number of relays.
/// </summary>
public readonly record struct PositionRange
{
    public const int Parts = 16, BitsPerPart = 4, MostBits = 60;

    /// <param name="bits">0, 4, .. 60.</param>
    /// <param name="first">The first position in it: all bits after those are zero.</param>
    public PositionRange(int bits, ulong first)
    {
        if (!IsRange(bits, first))
            throw new ArgumentException("A range begins with 0, 4, .. 60 bits, and zeros follow.", nameof(bits));
        (Bits, First) = (bits, first);
    }

    /// <summary>Everything.</summary>
    public static readonly PositionRange All = new(0, 0);

    public int Bits { get; }

    public ulong First { get; }

    public ulong Last => First | ulong.MaxValue >> Bits;

    public bool CanSplit => Bits < MostBits;

    public PositionRange Part(int number) => new(Bits + BitsPerPart, First | (ulong)number << (64 - Bits - BitsPerPart));

    public bool Contains(Position position) => position.Value >= First && position.Value <= Last;

    internal static bool IsRange(int bits, ulong first) =>
        bits is >= 0 and <= MostBits && bits % BitsPerPart == 0 && (first & ulong.MaxValue >> bits) == 0;
}
