namespace Macro.Linux;

/// <summary>
/// Rejects whatever would leave the machine outside the tunnel: all but the tunnel interface, loopback, the node's own
/// marked datagrams, and what a link needs to work at all (DHCP, neighbour and router discovery). Should the node die, it
/// stays closed until the next start sweeps it away.
/// </summary>
public sealed class KillSwitch : IDisposable
{
    readonly OwnTable _table;

    KillSwitch(OwnTable table) => _table = table;

    /// <param name="interfaceName">The tunnel's interface; it must exist.</param>
    /// <param name="mark">Firewall mark of the node's own socket.</param>
    /// <param name="exempt">Further interfaces that forwarded packets may use, such as an exit's.</param>
    /// <exception cref="LinuxException">nft refused; nothing is left in place.</exception>
    public static KillSwitch Install(string interfaceName, uint mark, params IReadOnlyList<string> exempt)
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
                    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept
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
