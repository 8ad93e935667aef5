using System.Globalization;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits;

/// <summary>
/// One line of an exit policy: <c>accept|reject ADDRESSES[:PORTS][/PROTOCOL]</c>. ADDRESSES is <c>*</c>, an IPv4 prefix,
/// or an IPv6 prefix in brackets; PORTS is <c>*</c>, a port, or <c>first-last</c>; PROTOCOL is tcp, udp or icmp.
/// Examples: <c>accept 0.0.0.0/0:443/tcp</c>, <c>reject *:25</c>, <c>accept [2001:db8::/32]:6000-7000/udp</c>.
/// </summary>
/// <param name="Accepts">Accept, else reject.</param>
/// <param name="Addresses">Null: all addresses of both families.</param>
/// <param name="FirstPort">0..65535; a rule for fewer than all ports speaks of TCP and UDP only.</param>
/// <param name="LastPort">Not below <paramref name="FirstPort"/>.</param>
/// <param name="Protocol">Null: all; <see cref="IpProtocol.Icmp"/> means ICMPv6 too.</param>
public readonly record struct ExitRule(bool Accepts, Prefix? Addresses, ushort FirstPort, ushort LastPort, IpProtocol? Protocol)
{
    bool IsForAllPorts => FirstPort == 0 && LastPort == ushort.MaxValue;

    public bool Matches(IpProtocol protocol, IpAddress destination, ushort port)
    {
        if (Addresses is { } prefix && !prefix.Contains(destination))
            return false;
        if (Protocol is { } only && only != protocol && !(only == IpProtocol.Icmp && protocol == IpProtocol.IcmpV6))
            return false;
        return IsForAllPorts || (protocol is IpProtocol.Tcp or IpProtocol.Udp && port >= FirstPort && port <= LastPort);
    }

    public static bool TryParse(ReadOnlySpan<char> text, out ExitRule rule)
    {
        rule = default;
        text = text.Trim();
        var blank = text.IndexOfAny(' ', '\t');
        if (blank < 0)
            return false;
        var action = text[..blank];
        if (action is not ("accept" or "reject"))
            return false;
        var target = text[blank..].Trim();

        Prefix? addresses = null;
        int end;
        if (target is ['*', ..])
        {
            end = 1;
        }
        else if (target is ['[', ..])
        {
            end = target.IndexOf(']') + 1;
            if (end == 0 || !Prefix.TryParse(target[1..(end - 1)], out var prefix) || prefix.IsV4)
                return false;
            addresses = prefix;
        }
        else
        {
            end = EndOfV4Prefix(target);
            if (!Prefix.TryParse(target[..end], out var prefix) || !prefix.IsV4)
                return false;
            addresses = prefix;
        }

        var rest = target[end..];
        ushort first = 0, last = ushort.MaxValue;
        if (rest is [':', ..])
        {
            var slash = rest.IndexOf('/');
            var ports = slash < 0 ? rest[1..] : rest[1..slash];
            if (!TryParsePorts(ports, out first, out last))
                return false;
            rest = slash < 0 ? default : rest[slash..];
        }
        IpProtocol? protocol = null;
        if (!rest.IsEmpty)
        {
            protocol = rest switch { "/tcp" => IpProtocol.Tcp, "/udp" => IpProtocol.Udp, "/icmp" => IpProtocol.Icmp, _ => null };
            if (protocol is null)
                return false;
        }
        rule = new ExitRule(action is "accept", addresses, first, last, protocol);
        return rule.IsForAllPorts || protocol != IpProtocol.Icmp;
    }

    public override string ToString()
    {
        var addresses = Addresses is { } prefix ? prefix.IsV4 ? $"{prefix}" : $"[{prefix}]" : "*";
        var ports = IsForAllPorts ? "" : FirstPort == LastPort ? $":{FirstPort}" : $":{FirstPort}-{LastPort}";
        var protocol = Protocol switch { IpProtocol.Tcp => "/tcp", IpProtocol.Udp => "/udp", IpProtocol.Icmp => "/icmp", _ => "" };
        return $"{(Accepts ? "accept" : "reject")} {addresses}{ports}{protocol}";
    }

    /// <summary>The slash of the prefix length is followed by a digit, that of the protocol by a letter.</summary>
    static int EndOfV4Prefix(ReadOnlySpan<char> target)
    {
        var end = 0;
        while (end < target.Length && (char.IsAsciiDigit(target[end]) || target[end] == '.'
            || (target[end] == '/' && end + 1 < target.Length && char.IsAsciiDigit(target[end + 1]))))
            end++;
        return end;
    }

    static bool TryParsePorts(ReadOnlySpan<char> text, out ushort first, out ushort last)
    {
        (first, last) = (0, ushort.MaxValue);
        if (text is "*")
            return true;
        var dash = text.IndexOf('-');
        if (!ushort.TryParse(dash < 0 ? text : text[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out first))
            return false;
        last = first;
        return dash < 0 || (ushort.TryParse(text[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out last) && first <= last);
    }
}
