using Macro.Core;

namespace Macro.Linux;

/// <summary>Where the routes of a client's tunnel live.</summary>
public sealed record ClientRouteOptions
{
    /// <summary>"mv": the mark of the node's own datagrams, and the number of the table that they pass beside.</summary>
    public const uint DefaultMark = 0x6d76;

    /// <summary>Mark of the node's own socket, whose datagrams take the ordinary routes. Not 0.</summary>
    public uint Mark { get; init; } = DefaultMark;

    /// <summary>Routing table for the tunnel: 1..252 or 256 and above.</summary>
    public uint Table { get; init; } = DefaultMark;

    /// <summary>Priority of the first of the two policy rules; the second has the next. 1..32764.</summary>
    public int Priority { get; init; } = 19000;

    /// <summary>What goes into the tunnel; by default everything.</summary>
    public IReadOnlyList<Prefix> Prefixes { get; init; } = [new(IpAddress.V4Any, 0), new(IpAddress.V6Any, 0)];
}

/// <summary>
/// Sends the machine's traffic into a tunnel, as wg-quick does it: routes in a table of their own, one rule that sends all
/// unmarked packets there, and before it one that lets the main table answer except with its default route. Disposing takes
/// all of it back.
/// </summary>
public sealed class ClientRoutes : IDisposable
{
    readonly OwnTable _table;
    readonly ClientRouteOptions _options;

    ClientRoutes(OwnTable table, ClientRouteOptions options)
    {
        _table = table;
        _options = options;
    }

    /// <param name="interfaceName">The tunnel's interface; it must be up and have its addresses.</param>
    /// <exception cref="LinuxException">A step failed; what was done before is taken back.</exception>
    public static ClientRoutes Install(string interfaceName, ClientRouteOptions? options = null)
    {
        options ??= new ClientRouteOptions();
        ArgumentOutOfRangeException.ThrowIfZero(options.Mark);
        ArgumentOutOfRangeException.ThrowIfZero(options.Table);
        var routes = new ClientRoutes(new OwnTable(interfaceName, "_routes", "install the tunnel's packet marks"), options);
        try
        {
            routes.InstallMarks();
            foreach (var v6 in Families())
                routes.InstallFamily(interfaceName, v6);
        }
        catch
        {
            routes.Dispose();
            throw;
        }
        return routes;
    }

    public void Dispose()
    {
        foreach (var v6 in Families())
        {
            RemoveRules(v6);
            IpCommand.TryBatch(v6, $"route flush table {_options.Table}");
        }
        _table.Remove();
    }

    /// <summary>Both families, or IPv4 alone where the kernel has no IPv6.</summary>
    internal static bool[] Families() => Machine.HasV6 ? [false, true] : [false];

    /// <summary>Answers to the node's datagrams must bear its mark too, or strict reverse path filters drop them.</summary>
    void InstallMarks() => _table.Install($$"""
            chain premangle {
                type filter hook prerouting priority mangle; policy accept;
                meta l4proto udp meta mark set ct mark
            }
            chain postmangle {
                type filter hook postrouting priority mangle; policy accept;
                meta l4proto udp meta mark {{_options.Mark}} ct mark set meta mark
            }
        """, [("net.ipv4.conf.all.src_valid_mark", "1")]);

    void InstallFamily(string interfaceName, bool v6)
    {
        var prefixes = _options.Prefixes.Where(prefix => prefix.IsV4 != v6).ToList();
        if (prefixes.Count == 0)
            return;
        RemoveRules(v6);
        IpCommand.Batch(v6,
        [
            .. prefixes.Select(prefix => $"route replace {prefix} dev {interfaceName} table {_options.Table} proto {IpCommand.Protocol}"),
            $"rule add table main suppress_prefixlength 0 priority {_options.Priority} protocol {IpCommand.Protocol}",
            $"rule add not fwmark {_options.Mark} table {_options.Table} priority {_options.Priority + 1} protocol {IpCommand.Protocol}",
        ]);
    }

    void RemoveRules(bool v6) => IpCommand.TryBatch(v6,
        $"rule del priority {_options.Priority} protocol {IpCommand.Protocol}",
        $"rule del priority {_options.Priority + 1} protocol {IpCommand.Protocol}");
}
