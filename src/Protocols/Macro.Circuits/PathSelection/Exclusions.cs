namespace Macro.Circuits;

/// <summary>How many relays each rule kept out of one place in a path. A relay counts once, by the first rule that it breaks.</summary>
public sealed class Exclusions
{
    readonly int[] _counts = new int[Enum.GetValues<Exclusion>().Length];

    public int this[Exclusion rule] => _counts[(int)rule];

    public int Total => _counts.Sum();

    internal void Add(Exclusion rule) => _counts[(int)rule]++;

    /// <summary>"2 in the network of another hop, 1 in its country"; empty when none was kept out.</summary>
    public override string ToString() => string.Join(
        ", ", Enum.GetValues<Exclusion>().Where(rule => this[rule] > 0 && rule != Exclusion.SameRelay).Select(rule => $"{this[rule]} {Words(rule)}"));

    static string Words(Exclusion rule) => rule switch
    {
        Exclusion.SameRelay => "in the path already",
        Exclusion.SameFamily => "of another hop's operator",
        Exclusion.SameNetwork => "in another hop's network (/16, or /32 of IPv6)",
        Exclusion.SameAsn => "in another hop's autonomous system",
        Exclusion.SameCountry => "in another hop's country",
        Exclusion.Unreachable => "behind a NAT that the hop before cannot pass",
        Exclusion.NoTcp => "that take no TCP, while UDP does not pass from here",
        Exclusion.OtherRegion => "in other regions",
        Exclusion.ExitRule => "that refuse what is wanted",
    };
}
