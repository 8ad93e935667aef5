using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Macro.Peers;

/// <summary>The eight parts of the world under which relays are announced and looked for. The numbers are those of <see cref="Facet"/>.</summary>
public enum WorldRegion : byte
{
    Europe = 0,
    NorthAmerica = 1,

    /// <summary>Mexico, Central and South America, the Caribbean.</summary>
    LatinAmerica = 2,
    Africa = 3,

    /// <summary>Turkey to Pakistan, and Central Asia.</summary>
    WestAsia = 4,

    /// <summary>India to the Philippines.</summary>
    SouthAsia = 5,

    /// <summary>China, Japan, Korea, Mongolia, Taiwan.</summary>
    EastAsia = 6,
    Oceania = 7,
}

/// <summary>
/// A country or territory of ISO 3166-1 (and Kosovo, XK): where it lies, coarsely. Every point of it is within
/// <see cref="Radius"/> of its centre. Data: countries.txt beside this file.
/// </summary>
/// <param name="Code">Two capital letters.</param>
/// <param name="Latitude">Degrees, north positive.</param>
/// <param name="Longitude">Degrees, east positive.</param>
/// <param name="Radius">Kilometres, rounded up.</param>
public sealed record Country(string Code, WorldRegion Region, int Latitude, int Longitude, int Radius)
{
    const string Letters = "ENLAMSJO";
    const double EarthRadius = 6371;

    static readonly FrozenDictionary<string, Country> s_all = Load();
    static readonly FrozenDictionary<string, Country>.AlternateLookup<ReadOnlySpan<char>> s_bySpan = s_all.GetAlternateLookup<ReadOnlySpan<char>>();

    public static IReadOnlyCollection<Country> All => s_all.Values;

    /// <summary>Null for a code that names no country, "ZZ" among them.</summary>
    public static Country? Find(string code) => s_all.GetValueOrDefault(code);

    internal static bool IsOne(ReadOnlySpan<char> code) => s_bySpan.ContainsKey(code);

    /// <summary>Kilometres between the nearest points that the two countries can have, along the surface; 0 when their circles touch.</summary>
    public double LeastDistance(Country other)
    {
        ArgumentNullException.ThrowIfNull(other);
        double lat1 = double.DegreesToRadians(Latitude), lat2 = double.DegreesToRadians(other.Latitude);
        var across = double.DegreesToRadians(other.Longitude - Longitude);
        // Haversine.
        var h = Math.Pow(Math.Sin((lat2 - lat1) / 2), 2) + Math.Cos(lat1) * Math.Cos(lat2) * Math.Pow(Math.Sin(across / 2), 2);
        return Math.Max(0, 2 * EarthRadius * Math.Asin(Math.Min(1, Math.Sqrt(h))) - Radius - other.Radius);
    }

    static FrozenDictionary<string, Country> Load()
    {
        using var stream = typeof(Country).Assembly.GetManifestResourceStream("countries.txt")!;
        Span<byte> bytes = stackalloc byte[checked((int)stream.Length)];
        stream.ReadExactly(bytes);
        return Encoding.ASCII.GetString(bytes).Split('\n')
            .Where(line => line is not ([] or ['#', ..]))
            .Select(line => line.Split(' '))
            .Select(f => new Country(f[0], (WorldRegion)Letters.IndexOf(f[1], StringComparison.Ordinal), Number(f[2]), Number(f[3]), Number(f[4])))
            .ToFrozenDictionary(c => c.Code);
    }

    static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
