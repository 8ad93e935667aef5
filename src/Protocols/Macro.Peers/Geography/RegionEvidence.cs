namespace Macro.Peers;

/// <summary>What the claim of a relay to be in a country is worth.</summary>
public enum RegionVerdict
{
    /// <summary>It claims none ("ZZ").</summary>
    Unclaimed,

    /// <summary>Nothing speaks against it, and no table for it.</summary>
    Unverified,

    /// <summary>The table says the same of all its addresses that it knows.</summary>
    Confirmed,

    /// <summary>The table says otherwise of one of its addresses.</summary>
    Contradicted,

    /// <summary>It answered faster than light travels from there.</summary>
    Impossible,
}

/// <summary>A round trip to a relay as somebody measured it who is, or is proven to be, in a country.</summary>
/// <param name="Country">Where the measuring node is, two letters.</param>
public readonly record struct MeasuredRoundTrip(string Country, TimeSpan Time);

/// <summary>How a relay's region was checked, and what came of it.</summary>
/// <param name="ByTable">What the table says of its first address; null: nothing.</param>
/// <param name="RoundTrips">Measurements that were compared with the speed of light.</param>
public sealed record RegionEvidence(RegionVerdict Verdict, string Claimed, string? ByTable, int RoundTrips)
{
    /// <summary>Kilometres in a millisecond. In fibre it is a third less, but nobody shall be accused for a straight radio link.</summary>
    const double Light = 299.792458;

    /// <param name="table">Null: there is none on this machine.</param>
    /// <param name="measured">Round trips to this relay from wherever known.</param>
    public static RegionEvidence Check(Descriptor descriptor, GeoTable? table, IReadOnlyList<MeasuredRoundTrip> measured)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(measured);
        var claimed = descriptor.Region;
        var found = descriptor.Endpoints.Select(e => table?.Find(e.Address)).OfType<string>().ToArray();
        var first = found.FirstOrDefault();
        if (Country.Find(claimed) is not { } country)
            return new RegionEvidence(claimed == Descriptor.UnknownRegion ? RegionVerdict.Unclaimed : RegionVerdict.Contradicted, claimed, first, 0);
        var trips = measured.Where(m => Country.Find(m.Country) is not null).ToArray();
        var verdict = trips.Any(m => Country.Find(m.Country)!.LeastDistance(country) > m.Time.TotalMilliseconds / 2 * Light) ? RegionVerdict.Impossible
            : found.Any(c => c != claimed) ? RegionVerdict.Contradicted
            : first is null ? RegionVerdict.Unverified
            : RegionVerdict.Confirmed;
        return new RegionEvidence(verdict, claimed, first, trips.Length);
    }
}
