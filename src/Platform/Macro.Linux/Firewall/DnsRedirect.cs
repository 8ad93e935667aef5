using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// Leads every DNS question of the machine's own programs (port 53, UDP and TCP) to one resolver on this machine, whomever
/// they ask: the resolver of the local network, too, which is reached beside the tunnel and would learn every name.
/// Questions to a stub on the machine itself are left alone; what the stub asks in turn is not. Disposing removes it.
/// </summary>
public sealed class DnsRedirect : IDisposable
{
    readonly OwnTable _table;

    DnsRedirect(OwnTable table) => _table = table;

    /// <param name="interfaceName">The tunnel's interface; it must exist.</param>
    /// <param name="resolvers">Endpoints on this machine that answer; at most one of each family. A family without one is not redirected.</param>
    /// <param name="mark">Firewall mark of the node's own sockets.</param>
    /// <param name="exempt">Resolvers that may be asked directly, inside the tunnel.</param>
    /// <exception cref="LinuxException">nft refused; nothing is left in place.</exception>
    public static DnsRedirect Install(string interfaceName, IReadOnlyList<Endpoint> resolvers, uint mark, params IReadOnlyList<IpAddress> exempt)
    {
        ArgumentNullException.ThrowIfNull(resolvers);
        ArgumentNullException.ThrowIfNull(exempt);
        ArgumentOutOfRangeException.ThrowIfZero(mark);
        var table = new OwnTable(interfaceName, "_dns", "lead DNS questions into the tunnel");
        var rules = exempt.Select(address => $"oifname \"{interfaceName}\" {Family(address)} daddr {address} accept")
            .Concat(resolvers.Select(to => $"meta l4proto {{ tcp, udp }} th dport 53 dnat {Family(to.Address)} to {to}"));
        table.Install($$"""
                chain output {
                    type nat hook output priority -100; policy accept;
                    oifname "lo" accept
                    meta mark {{mark}} accept
                    {{string.Join("\n        ", rules)}}
                }
            """);
        return new DnsRedirect(table);
    }

    public void Dispose() => _table.Remove();

    static string Family(IpAddress address) => address.IsV4 ? "ip" : "ip6";
}
