using System.Globalization;
using System.Text.Json;

namespace Macro.Linux;

/// <summary>What a sweep took away, in words for the log.</summary>
public sealed record SweepReport(IReadOnlyList<string> Removed);

/// <summary>
/// Removes what a node that was killed left in the kernel. Its TUN interface went with it, and with that addresses and
/// routes; firewall tables "macrovpn_*" and policy rules (protocol 190) stay, and are told to be stale by their interface
/// or their routes being gone. What belongs to a node that runs is not touched. To be called at every start, before a
/// TUN device is made.
/// </summary>
public static class StateSweep
{
    /// <param name="closed">
    /// Interface whose kill switch shall stay although the interface is gone: a new one is about to take its place, and
    /// in between nothing may leave. Null: none.
    /// </param>
    /// <exception cref="LinuxException">Something stale was found and could not be removed.</exception>
    public static SweepReport Run(string? closed = null)
    {
        var removed = new List<string>();
        foreach (var table in OwnTable.Stale().ToList())
        {
            if (closed is not null && table == KillSwitch.TableOf(closed).Name)
                continue;
            OwnTable.Remove(table);
            removed.Add($"firewall table {table}");
        }
        foreach (var v6 in ClientRoutes.Families())
            RemoveRules(v6, removed);
        return new SweepReport(removed);
    }

    static void RemoveRules(bool v6, List<string> removed)
    {
        var rules = IpCommand.Query(v6, "rule", "show").Select(Rule.Read).Where(rule => rule.Protocol == IpCommand.Protocol).ToList();
        var alive = rules.Where(rule => !rule.IsSuppressor && IpCommand.Query(v6, "route", "show", "table", rule.Table).Count > 0)
            .Select(rule => rule.Priority).ToHashSet();
        foreach (var rule in rules.Where(rule => !alive.Contains(rule.IsSuppressor ? rule.Priority + 1 : rule.Priority)))
        {
            IpCommand.Batch(v6, $"rule del priority {rule.Priority} protocol {IpCommand.Protocol}");
            removed.Add($"policy rule {rule.Priority} (IPv{(v6 ? 6 : 4)})");
        }
    }

    readonly record struct Rule(int Priority, int Protocol, string Table, bool IsSuppressor)
    {
        internal static Rule Read(JsonElement rule) => new(
            rule.GetProperty("priority").GetInt32(),
            rule.TryGetProperty("protocol", out var protocol) && int.TryParse(protocol.GetString(), CultureInfo.InvariantCulture, out var number) ? number : 0,
            rule.TryGetProperty("table", out var table) ? table.GetString() ?? "" : "",
            rule.TryGetProperty("suppress_prefixlen", out _));
    }
}
