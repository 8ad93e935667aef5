namespace Macro.Peers;

/// <summary>
/// One aspect under which relays are announced, a byte on the wire: 0 all, 1 exit, 2 reached over TCP port 443, 3 reached
/// over IPv6, 16 and up the eight <see cref="WorldRegion"/>s.
/// </summary>
public readonly record struct Facet(byte Code)
{
    /// <summary>Most facets that one relay announces.</summary>
    public const int Most = 4;

    public static readonly Facet All = new(0), Exit = new(1), Tcp443 = new(2), V6 = new(3);

    public static Facet Of(WorldRegion region) => new((byte)(16 + (byte)region));

    /// <summary>
    /// The facets of a relay, the most useful first, at most four: all, its part of the world, exit, TCP 443, IPv6. A region
    /// that no country has yields none.
    /// </summary>
    public static IReadOnlyList<Facet> Of(Descriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        var facets = new List<Facet>(5) { All };
        if (Country.Find(descriptor.Region) is { } country)
            facets.Add(Of(country.Region));
        if (descriptor.IsExit)
            facets.Add(Exit);
        if (descriptor.Capabilities.HasFlag(Capabilities.Tcp443))
            facets.Add(Tcp443);
        if (descriptor.Endpoints.Any(e => e.Address.IsV6))
            facets.Add(V6);
        return facets.Count <= Most ? facets : facets[..Most];
    }
}
