using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Macro.Core;

namespace Macro.Daemon.Settings;

/// <summary>The transport that a rule speaks of.</summary>
public enum PolicyProtocol
{
    Any,
    Tcp,
    Udp,
    Icmp,
}

/// <summary>
/// One rule of the exit policy: "allow|deny any|PREFIX [tcp|udp|icmp] [PORT|FIRST-LAST]", for example
/// "deny 203.0.113.0/24", "allow any tcp 80-443". No prefix: every destination; ports default to 0-65535.
/// </summary>
public sealed record ExitPolicyLine
{
    public required bool Allow { get; init; }
    public Prefix? Destination { get; init; }
    public PolicyProtocol Protocol { get; init; }
    public ushort FirstPort { get; init; }
    public ushort LastPort { get; init; } = ushort.MaxValue;

    public static bool TryParse(string text, [NotNullWhen(true)] out ExitPolicyLine? line)
    {
        line = null;
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is < 2 or > 4 || words[0] is not ("allow" or "deny"))
            return false;

        Prefix? destination = null;
        if (words[1] != "any")
        {
            if (!Prefix.TryParse(words[1], out var prefix))
                return false;
            destination = prefix;
        }

        var rest = words.AsSpan(2);
        var protocol = PolicyProtocol.Any;
        if (rest is [var name, ..] && TryParseProtocol(name, out protocol))
            rest = rest[1..];

        ushort first = 0, last = ushort.MaxValue;
        if (rest is [var ports, ..])
        {
            if (protocol is not (PolicyProtocol.Tcp or PolicyProtocol.Udp) || !TryParsePorts(ports, out first, out last))
                return false;
            rest = rest[1..];
        }
        if (!rest.IsEmpty)
            return false;

        line = new ExitPolicyLine { Allow = words[0] == "allow", Destination = destination, Protocol = protocol, FirstPort = first, LastPort = last };
        return true;
    }

    static bool TryParseProtocol(string name, out PolicyProtocol protocol)
    {
        protocol = name switch
        {
            "tcp" => PolicyProtocol.Tcp,
            "udp" => PolicyProtocol.Udp,
            "icmp" => PolicyProtocol.Icmp,
            _ => PolicyProtocol.Any,
        };
        return protocol != PolicyProtocol.Any;
    }

    static bool TryParsePorts(string text, out ushort first, out ushort last)
    {
        last = 0;
        var parts = text.Split('-');
        return ushort.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out first)
            && ushort.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out last)
            && parts.Length <= 2 && first <= last;
    }
}
