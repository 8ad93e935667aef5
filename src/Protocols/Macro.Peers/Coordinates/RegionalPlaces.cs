namespace Macro.Peers;

/// <summary>
/// Where relays are counted to stand. Nobody who has not measured a relay can check the place that it tells, and who claims to stand near to
/// everybody would be chosen often. So in a region where several stand, nine tenths of a place are the region's median, which no few liars move, and a
/// tenth is the relay's own word, as far as it is not outlandish. Most of the way to a relay is the way to its region. A relay without such a region has
/// only its word, and counts as a little further away. docs/decisions/0030-places-are-the-regions.md.
/// </summary>
public sealed class RegionalPlaces
{
    const int LeastRelays = 4;
    const double OwnWord = 0.1, MostSpreads = 2;

    /// <summary>0.1 ms.</summary>
    const int InDoubt = 200;

    readonly Dictionary<string, (NetworkCoordinates Middle, double Spread)> _regions = [];

    /// <param name="relays">All that are known, once each: region and told place.</param>
    public RegionalPlaces(IEnumerable<(string Region, NetworkCoordinates Told)> relays)
    {
        foreach (var region in relays.Where(relay => relay.Region != Descriptor.UnknownRegion && !relay.Told.IsUnknown()).GroupBy(relay => relay.Region, relay => relay.Told))
        {
            NetworkCoordinates[] told = [.. region];
            if (told.Length < LeastRelays)
                continue;
            var middle = new NetworkCoordinates(
                Median(told.Select(at => at.X)), Median(told.Select(at => at.Y)), Median(told.Select(at => at.Z)), Median(told.Select(at => at.Height)));
            _regions[region.Key] = (middle, Median(told.Select(at => Offset(middle, at).Length)));
        }
    }

    /// <summary>Unknown for a relay that tells no place.</summary>
    public NetworkCoordinates Of(string region, NetworkCoordinates told)
    {
        if (told.IsUnknown())
            return default;
        if (!_regions.TryGetValue(region, out var known))
            return told with { Height = (ushort)Math.Min(ushort.MaxValue, told.Height + InDoubt) };
        var (middle, spread) = known;
        var offset = Offset(middle, told);
        offset = OwnWord * Math.Min(1, MostSpreads * spread / Math.Max(offset.Length, 1)) * offset;
        return new NetworkCoordinates(
            (short)(middle.X + offset.X), (short)(middle.Y + offset.Y), (short)(middle.Z + offset.Z), (ushort)(middle.Height + OwnWord * (told.Height - middle.Height)));
    }

    static Vector3 Offset(NetworkCoordinates from, NetworkCoordinates to) => new(to.X - from.X, to.Y - from.Y, to.Z - from.Z);

    static T Median<T>(IEnumerable<T> values)
    {
        T[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
