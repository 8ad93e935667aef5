namespace Macro.Linux;

/// <summary>
/// Rejects whatever would leave the machine outside the tunnel: all but the tunnel interface, loopback, the node's own
/// marked datagrams, and what a link needs to work at all (DHCP, neighbour and router discovery). Should the node die, it
/// stays closed until the next start sweeps it away.
/// </summary>
public sealed class KillSwitch : IDisposable
{
    /// <summary>What no router passes on to the internet: private and link-local addresses, and multicast as far as a site. Its names are asked inside.</summary>
    const string LocalNetwork = """

                    meta l4proto { tcp, udp } th dport { 53, 853 } reject with icmpx type admin-prohibited
                    ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, 224.0.0.0/24, 239.0.0.0/8, 255.255.255.255 } accept
                    ip6 daddr { fc00::/7, fe80::/10, ff02::/16, ff05::/16 } accept
        """;

    readonly OwnTable _table;

    KillSwitch(OwnTable table) => _table = table;

    /// <param name="interfaceName">The tunnel's interface; it must exist.</param>
    /// <param name="mark">Firewall mark of the node's own socket.</param>
    /// <param name="allowsLan">The local network stays reachable.</param>
    /// <param name="exempt">Further interfaces that forwarded packets may use, such as an exit's.</param>
    /// <exception cref="LinuxException">nft refused; nothing is left in place.</exception>
    public static KillSwitch Install(string interfaceName, uint mark, bool allowsLan = false, params IReadOnlyList<string> exempt)
    {
        ArgumentOutOfRangeException.ThrowIfZero(mark);
        ArgumentNullException.ThrowIfNull(exempt);
        var table = TableOf(interfaceName);
        var inside = string.Join(", ", exempt.Append(interfaceName).Append("lo").Select(name => $"\"{name}\""));
        table.Install($$"""
                chain output {
                    type filter hook output priority filter; policy accept;
                    oifname { "lo", "{{interfaceName}}" } accept
                    meta mark {{mark}} accept
                    fib daddr type local accept
                    udp sport 68 udp dport 67 accept
                    udp sport 546 udp dport 547 accept
                    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept{{(allowsLan ? LocalNetwork : "")}}
                    reject with icmpx type admin-prohibited
                }
                chain forward {
                    type filter hook forward priority filter; policy accept;
                    iifname { {{inside}} } accept
                    oifname { {{inside}} } accept
                    reject with icmpx type admin-prohibited
                }
            """);
        return new KillSwitch(table);
    }

    public void Dispose() => _table.Remove();

    internal static OwnTable TableOf(string interfaceName) => new(interfaceName, "_guard", "install the kill switch");
}
