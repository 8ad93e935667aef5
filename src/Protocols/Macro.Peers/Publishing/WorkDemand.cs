using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// How many bits of work a relay asks of names that are new to it: more, the more new names come. A network of n relays sees up to a
/// quarter of them, and a thousand, come new in an hour without anybody minding. Twice that costs a bit more, four times two
/// bits, and so on: who floods pays for each name in proportion to how many he brings. Names that are held already renew at
/// the base price.
/// </summary>
public sealed class WorkDemand(int baseBits)
{
    /// <summary>Never asked for more: a proof then takes an honest relay about half a minute.</summary>
    public const int Most = 24;

    const int Bins = 6;
    const double Ordinary = 1000;

    static readonly TimeSpan s_bin = TimeSpan.FromMinutes(10);

    readonly int[] _newcomers = new int[Bins];
    long _bin;

    /// <summary>A name that the directory did not hold has come with enough work.</summary>
    public void NoteNewcomer(Instant now)
    {
        Turn(now);
        _newcomers[_bin % Bins]++;
    }

    /// <param name="held">Relays in the directory.</param>
    public int Bits(int held, Instant now)
    {
        if (baseBits == 0)
            return 0;
        Turn(now);
        var excess = _newcomers.Sum() / (Ordinary + held / 4.0);
        return Math.Clamp(baseBits + (excess > 1 ? (int)Math.Ceiling(Math.Log2(excess)) : 0), baseBits, Most);
    }

    void Turn(Instant now)
    {
        var bin = now.Ticks / s_bin.Ticks;
        for (var gone = Math.Max(_bin + 1, bin - Bins + 1); gone <= bin; gone++)
            _newcomers[gone % Bins] = 0;
        _bin = Math.Max(_bin, bin);
    }
}
