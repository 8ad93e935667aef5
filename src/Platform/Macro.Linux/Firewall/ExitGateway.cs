using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// Kernel NAT for an exit: what comes out of its TUN interface from the address pool is forwarded and masqueraded, answers
/// come back, and nothing else passes to or from that interface; this machine itself is not reached, whatever addresses it
/// comes to have. Forwarding is switched on while it stands. Disposing
/// removes the table and restores forwarding.
/// </summary>
/// <remarks>A firewall of the machine that drops forwarded packets by policy still does; its owner must let the interface pass.</remarks>
public sealed class ExitGateway : IDisposable
{
    readonly OwnTable _table;
    readonly IReadOnlyList<Prefix> _pools;

    ExitGateway(OwnTable table, IReadOnlyList<Prefix> pools) => (_table, _pools) = (table, pools);

    /// <param name="interfaceName">The TUN interface of the exit; it must exist.</param>
    /// <param name="pools">Inner addresses that may leave, of both families.</param>
    /// <param name="mark">
    /// Firewall mark for what leaves, so that on a machine whose own traffic goes into a tunnel (<see cref="ClientRoutes"/>,
    /// with the same mark) the exit's does not; 0 for none.
    /// </param>
    /// <exception cref="LinuxException">nft or the kernel refused; nothing is left in place.</exception>
    public static ExitGateway Install(string interfaceName, IReadOnlyList<Prefix> pools, uint mark = 0)
    {
        ArgumentNullException.ThrowIfNull(pools);
        var table = new OwnTable(interfaceName, "", "install the exit's NAT");
        var allowed = string.Concat(pools.Select(pool => $"        iifname \"{interfaceName}\" {Family(pool)} saddr {pool} accept\n"));
        var masqueraded = string.Concat(pools.Select(pool => $"        oifname != \"{interfaceName}\" {Family(pool)} saddr {pool} masquerade\n"));
        // The mark of the connection too: the table of ClientRoutes gives packets that, before or after this rule.
        var marked = mark == 0 ? "" : $"        iifname \"{interfaceName}\" meta mark set {mark} ct mark set {mark}\n";
        try
        {
            AcceptRouterAdvertisements();
            table.Install($$"""
                    chain prerouting {
                        type filter hook prerouting priority mangle; policy accept;
                {{marked}}
                    }
                    chain input {
                        type filter hook input priority filter; policy accept;
                        iifname "{{interfaceName}}" drop
                    }
                    chain forward {
                        type filter hook forward priority filter; policy accept;
                        iifname "{{interfaceName}}" oifname "{{interfaceName}}" drop
                {{allowed}}
                        iifname "{{interfaceName}}" drop
                        oifname "{{interfaceName}}" ct state established,related accept
                        oifname "{{interfaceName}}" drop
                    }
                    chain postrouting {
                        type nat hook postrouting priority srcnat; policy accept;
                {{masqueraded}}
                    }
                """, [("net.ipv4.ip_forward", "1"), ("net.ipv6.conf.all.forwarding", "1")]);
        }
        catch
        {
            table.Remove();
            throw;
        }
        return new ExitGateway(table, pools);
    }

    /// <summary>
    /// Forgets the connections of addresses of the pools that nobody has now, so that what still comes by them reaches no
    /// later client. To be called before the first one comes, for those of an earlier run, and then more often than an
    /// address can come into other hands. Lists all connections of the machine, about 0.2 s for each 100 000.
    /// </summary>
    /// <param name="isTaken">Whether a client has this address.</param>
    /// <exception cref="LinuxException">The kernel does not let it.</exception>
    public void ForgetConnections(Func<IpAddress, bool> isTaken)
    {
        ArgumentNullException.ThrowIfNull(isTaken);
        TrackedConnections.Forget(address => _pools.Any(pool => pool.Contains(address)) && !isTaken(address));
    }

    public void Dispose() => _table.Remove();

    /// <summary>
    /// A machine that forwards IPv6 ignores router advertisements unless accept_ra is 2, and would lose its own default
    /// route. Without forwarding 2 means the same as 1, so there is nothing to restore.
    /// </summary>
    static void AcceptRouterAdvertisements()
    {
        const string interfaces = "/proc/sys/net/ipv6/conf";
        if (!Directory.Exists(interfaces))
            return;
        foreach (var folder in Directory.EnumerateDirectories(interfaces))
        {
            var setting = Path.Combine(folder, "accept_ra");
            if (File.Exists(setting) && File.ReadAllText(setting).Trim() == "1")
                File.WriteAllText(setting, "2");
        }
    }

    static string Family(Prefix prefix) => prefix.IsV4 ? "ip" : "ip6";
}
