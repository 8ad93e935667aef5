namespace Macro.NetStack.Dns;

/// <summary>
/// Names that are answered here and never sent, as asking for them would only tell somebody that they were asked for
/// (IANA "Special-Use Domain Names" and "Locally-Served DNS Zones").
/// </summary>
public static class SpecialNames
{
    static readonly Dictionary<byte[], NameRuling> Zones = Read(
        (NameRuling.Loopback,
        [
            "localhost", // RFC 6761 6.3
        ]),
        (NameRuling.NoSuchName,
        [
            "local", // multicast DNS, RFC 6762 22.1
            "onion", // RFC 7686 2
            "invalid", "test", // RFC 6761 6.2, 6.4
            "alt", // RFC 9476
            "internal", // private use (ICANN, 2024)
            "home.arpa", // RFC 8375
            "use-application-dns.net", // tells Firefox not to bypass this resolver on its own account
            "0.in-addr.arpa", "127.in-addr.arpa", "255.255.255.255.in-addr.arpa", // RFC 6303
            "10.in-addr.arpa", "168.192.in-addr.arpa", "254.169.in-addr.arpa",
            "2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa", "113.0.203.in-addr.arpa",
            .. Enumerable.Range(16, 16).Select(b => $"{b}.172.in-addr.arpa"),
            .. Enumerable.Range(64, 64).Select(b => $"{b}.100.in-addr.arpa"), // RFC 7793
            .. Enumerable.Range(0, 2).Select(b => $"{b}.{string.Concat(Enumerable.Repeat("0.", 31))}ip6.arpa"),
            "c.f.ip6.arpa", "d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa",
            "8.b.d.0.1.0.0.2.ip6.arpa",
        ]),
        (NameRuling.NoData,
        [
            "resolver.arpa", // RFC 9462 6.4: this resolver has no encrypted form to point to
        ]));

    static readonly Dictionary<byte[], NameRuling>.AlternateLookup<ReadOnlySpan<byte>> ByName =
        Zones.GetAlternateLookup<ReadOnlySpan<byte>>();

    /// <summary>The verdict of the zone that holds a name, and the zone; the root when the name is not special.</summary>
    public static NameRuling Decide(ReadOnlySpan<byte> name, out int zoneLength)
    {
        Span<byte> lowered = stackalloc byte[DomainName.MaxLength];
        DomainName.Lower(name, lowered);
        ReadOnlySpan<byte> rest = lowered[..name.Length];
        for (; rest.Length > 1; rest = DomainName.Parent(rest))
            if (ByName.TryGetValue(rest, out var verdict))
            {
                zoneLength = rest.Length;
                return verdict;
            }
        zoneLength = 1;
        return NameRuling.Resolve;
    }

    static Dictionary<byte[], NameRuling> Read(params (NameRuling Verdict, string[] Names)[] lists)
    {
        var zones = new Dictionary<byte[], NameRuling>(BytesComparer.Instance);
        foreach (var (verdict, names) in lists)
            foreach (var name in names)
                zones.Add(DomainName.Parse(name), verdict);
        return zones;
    }
}
