using System.Globalization;
using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// Countries by address, from the text tables geoip and geoip6 of Debian's tor-geoipdb: lines "first,last,CC" with both
/// bounds in the range, ascending; IPv4 addresses as decimal numbers, IPv6 as usual; '#' begins a comment. "??" is nowhere, and so is
/// what names no country: "EU", "AP" and their like stand for the registry that gave out the addresses. About 10 bytes for each IPv4
/// range and 34 for IPv6. Immutable.
/// </summary>
public sealed class GeoTable
{
    /// <summary>Most ranges of one family that are read.</summary>
    public const int MostRanges = 1_000_000;

    readonly uint[] _first4, _last4;
    readonly UInt128[] _first6, _last6;
    readonly ushort[] _countries4, _countries6;

    GeoTable(Ranges<uint> v4, Ranges<UInt128> v6)
    {
        (_first4, _last4, _countries4) = ([.. v4.First], [.. v4.Last], [.. v4.Countries]);
        (_first6, _last6, _countries6) = ([.. v6.First], [.. v6.Last], [.. v6.Countries]);
    }

    sealed class Ranges<T>
        where T : struct, IComparable<T>
    {
        public readonly List<T> First = [], Last = [];
        public readonly List<ushort> Countries = [];

        public bool Add(T first, T last, ReadOnlySpan<char> country)
        {
            if (First.Count >= MostRanges || first.CompareTo(last) > 0 || (Last.Count > 0 && first.CompareTo(Last[^1]) <= 0))
                return false;
            First.Add(first);
            Last.Add(last);
            Countries.Add((ushort)(country[0] << 8 | country[1]));
            return true;
        }
    }

    /// <summary>Ranges of both families.</summary>
    public int Count => _first4.Length + _first6.Length;

    /// <summary>
    /// Reads the lines of both tables, one at a time, because a whole table as text would be several times the size of this one; either may be empty.
    /// Null when a line is not of the form, and then which: 1 is the first, IPv6 lines negative.
    /// </summary>
    public static GeoTable? TryParse(IEnumerable<string> geoip, IEnumerable<string> geoip6, out int badLine)
    {
        ArgumentNullException.ThrowIfNull(geoip);
        ArgumentNullException.ThrowIfNull(geoip6);
        var v4 = new Ranges<uint>();
        var v6 = new Ranges<UInt128>();
        badLine = Read(geoip, line => uint.TryParse(line.First, NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            && uint.TryParse(line.Last, NumberStyles.None, CultureInfo.InvariantCulture, out var last) && v4.Add(first, last, line.Country));
        if (badLine == 0)
            badLine = -Read(geoip6, line => IpAddress.TryParse(line.First, out var first) && IpAddress.TryParse(line.Last, out var last)
                && first.IsV6 && last.IsV6 && v6.Add(first.Bits, last.Bits, line.Country));
        return badLine == 0 ? new GeoTable(v4, v6) : null;
    }

    /// <summary>Two capital letters, or null when the table does not say.</summary>
    public string? Find(IpAddress address)
    {
        var country = address.IsV4
            ? Find(_first4, _last4, _countries4, address.V4Bits)
            : Find(_first6, _last6, _countries6, address.Bits);
        return country == 0 ? null : string.Create(2, country, static (text, c) => (text[0], text[1]) = ((char)(c >> 8), (char)(c & 0xff)));
    }

    static ushort Find<T>(T[] first, T[] last, ushort[] countries, T address)
        where T : IComparable<T>
    {
        var at = Array.BinarySearch(first, address);
        at = at < 0 ? ~at - 1 : at;
        return at >= 0 && address.CompareTo(last[at]) <= 0 ? countries[at] : (ushort)0;
    }

    readonly ref struct Line
    {
        public required ReadOnlySpan<char> First { get; init; }
        public required ReadOnlySpan<char> Last { get; init; }
        public required ReadOnlySpan<char> Country { get; init; }
    }

    delegate bool AddLine(Line line);

    /// <summary>0, or the number of the first bad line.</summary>
    static int Read(IEnumerable<string> lines, AddLine add)
    {
        var number = 0;
        Span<System.Range> fields = stackalloc System.Range[4];
        foreach (var text in lines)
        {
            var line = text.AsSpan();
            number++;
            if (line is [] or ['#', ..])
                continue;
            if (line.Split(fields, ',') != 3)
                return number;
            var country = line[fields[2]];
            if (country is not ([>= 'A' and <= 'Z', >= 'A' and <= 'Z'] or ['?', '?']))
                return number;
            if (Country.IsOne(country) && !add(new Line { First = line[fields[0]], Last = line[fields[1]], Country = country }))
                return number;
        }
        return 0;
    }
}
