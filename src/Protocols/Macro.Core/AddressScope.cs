namespace Macro.Core;

/// <summary>Which addresses can belong to a node of the public network (IANA special-purpose registries, RFC 6890).</summary>
public static class AddressScope
{
    static readonly Prefix[] NotPublic =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
            "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        }.Select(Prefix.Parse),
    ];

    static readonly Prefix GlobalUnicast = Prefix.Parse("2000::/3");

    static readonly Prefix[] NotPublicV6 = [.. new[] { "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20" }.Select(Prefix.Parse)];

    public static bool IsPublic(IpAddress address) => address.IsV4
        ? !Contains(NotPublic, address)
        : GlobalUnicast.Contains(address) && !Contains(NotPublicV6, address);

    static bool Contains(Prefix[] prefixes, IpAddress address)
    {
        foreach (var prefix in prefixes)
            if (prefix.Contains(address))
                return true;
        return false;
    }
}
