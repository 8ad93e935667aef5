using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// The destinations that no exit reaches whatever its rules say: everything that is not an ordinary unicast address of
/// the public Internet (IANA special-purpose registries, RFC 6890), and the metadata services of hosting providers.
/// </summary>
static class DeniedRanges
{
    /// <summary>Denied unless a network on a single machine names a part of it.</summary>
    public static readonly Prefix Loopback = Prefix.Parse("127.0.0.0/8");

    /// <summary>Denied always, also when a lab network around it is allowed.</summary>
    static readonly PrefixSet Absolute = Parse(
        "0.0.0.0/8", // this network
        "169.254.0.0/16", // link-local, metadata 169.254.169.254 and 169.254.170.2
        "100.100.100.200/32", // metadata (Alibaba)
        "168.63.129.16/32", // host services (Azure), reached from any machine there
        "192.0.0.0/24", // protocol assignments, metadata 192.0.0.192 (Oracle)
        "192.88.99.0/24", // 6to4 relays (RFC 7526)
        "224.0.0.0/4", // multicast
        "255.255.255.255/32", // broadcast
        "::/8", // unspecified, loopback, IPv4-mapped and -compatible
        "64:ff9b::/96", // NAT64 (RFC 6052): IPv4 in disguise
        "64:ff9b:1::/48", // NAT64, local use (RFC 8215)
        "100::/64", // discard (RFC 6666)
        "2001::/23", // protocol assignments: Teredo, benchmarking, ORCHID
        "2002::/16", // 6to4: IPv4 in disguise
        "fd00:ec2::/64", // metadata (AWS): ::254, ::23, ::123
        "fd20:ce::254/128", // metadata (Google)
        "fd00:42::42/128", // metadata (Scaleway)
        "fe80::/10", // link-local
        "fec0::/10", // site-local (RFC 3879)
        "ff00::/8"); // multicast

    /// <summary>Denied unless the operator names them for a lab network.</summary>
    static readonly PrefixSet Private = Parse(
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // private (RFC 1918)
        "100.64.0.0/10", // carrier-grade NAT (RFC 6598), our inner addresses among it
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", // documentation
        "198.18.0.0/15", // benchmarking (RFC 2544)
        "240.0.0.0/4", // reserved
        "2001:db8::/32", "3fff::/20", // documentation
        "fc00::/7"); // unique local (RFC 4193)

    static readonly PrefixSet s_none = new([]);

    static readonly Prefix GlobalUnicastV6 = Prefix.Parse("2000::/3");

    /// <param name="allowed">Prefixes that lift the private ranges.</param>
    /// <param name="allowedLoopback">Prefixes that lift loopback.</param>
    public static bool Contain(IpAddress address, PrefixSet allowed, PrefixSet allowedLoopback)
    {
        if (Absolute.Contains(address))
            return true;
        if (Loopback.Contains(address))
            return !allowedLoopback.Contains(address);
        // What is not assigned as global unicast (RFC 4291 2.4) is nobody's yet.
        var isPrivate = Private.Contains(address) || (address.IsV6 && !GlobalUnicastV6.Contains(address));
        return isPrivate && !allowed.Contains(address);
    }

    /// <summary>An address of the public Internet, which every exit may reach.</summary>
    public static bool IsPublic(IpAddress address) => !Contain(address, s_none, s_none);

    static PrefixSet Parse(params string[] texts) => new(texts.Select(Prefix.Parse));
}
