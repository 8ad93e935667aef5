using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits;

/// <summary>
/// Where an exit lets its clients go: what is always denied, then the operator's rules, of which the first that matches
/// decides; what no rule matches is refused. Immutable, so any thread may ask. Allocates nothing when asked.
/// </summary>
/// <remarks>
/// Fragments are judged without keeping state. The first fragment carries the whole transport header (else it is
/// refused) and is judged like a whole packet; a later fragment is judged by its address and protocol alone: without its
/// first fragment nobody can put it together, and as it begins behind the ports it cannot change them. For this to hold,
/// IPv6 extension headers behind the fragment header (RFC 7112) and TCP fragments at offset 8 (RFC 3128) are refused.
/// </remarks>
public sealed class ExitPolicy
{
    const ushort Smtp = 25;
    static readonly Prefix s_ownLoopback = Prefix.Parse("127.0.0.0/16");

    readonly ExitRule[] _rules;
    readonly FrozenSet<IpAddress> _own;
    readonly PrefixSet _allowPrivate, _allowLoopback;

    /// <param name="rules">In order.</param>
    /// <param name="ownAddresses">All addresses of the exit's machine, inside and outside.</param>
    /// <param name="allowPrivate">
    /// Private, documentation and other non-public prefixes that a lab network uses. They lift no rule, and neither the
    /// exit's own addresses nor link-local, multicast or metadata addresses; of loopback addresses only those of prefixes
    /// that <see cref="MayAllowLoopback"/>.
    /// </param>
    public ExitPolicy(IEnumerable<ExitRule> rules, IEnumerable<IpAddress> ownAddresses, IEnumerable<Prefix>? allowPrivate = null)
    {
        _rules = [.. rules];
        _own = ownAddresses.ToFrozenSet();
        Prefix[] allowed = [.. allowPrivate ?? []];
        _allowPrivate = new PrefixSet(allowed);
        _allowLoopback = new PrefixSet(allowed.Where(MayAllowLoopback));
    }

    /// <summary>
    /// A part of 127.0.0.0/8 that a network on a single machine may use: /16 and longer, and not 127.0.0.0/16, where the
    /// machine's own services are.
    /// </summary>
    public static bool MayAllowLoopback(Prefix prefix) =>
        prefix.Length >= 16 && DeniedRanges.Loopback.Contains(prefix.Address) && !s_ownLoopback.Contains(prefix.Address);

    public IReadOnlyList<ExitRule> Rules => _rules;

    /// <summary>"accept *": everything that is not always denied.</summary>
    public static ExitRule AcceptAll { get; } = new(Accepts: true, Addresses: null, 0, ushort.MaxValue, Protocol: null);

    /// <summary>
    /// <see cref="AcceptAll"/> for an exit whose own addresses all lie in denied ranges. One with a public address names
    /// it in the constructor.
    /// </summary>
    public static ExitPolicy Default { get; } = new([AcceptAll], []);

    /// <summary>
    /// Reads rules, one per line; empty lines and what follows a '#' do not count. False with the number of the first
    /// bad line, from 1.
    /// </summary>
    public static bool TryParseRules(string text, [NotNullWhen(true)] out ExitRule[]? rules, out int badLine)
    {
        rules = null;
        badLine = 0;
        var read = new List<ExitRule>();
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            badLine++;
            var comment = line.IndexOf('#');
            var content = (comment < 0 ? line : line[..comment]).Trim();
            if (content.IsEmpty)
                continue;
            if (!ExitRule.TryParse(content, out var rule))
                return false;
            read.Add(rule);
        }
        badLine = 0;
        rules = [.. read];
        return true;
    }

    /// <summary>The exit reaches nothing at this address, whatever the port: nobody need be told of it.</summary>
    public bool Denies(IpAddress destination) => DecideAddress(destination) != ExitVerdict.Accept;

    /// <summary>Judges one flow, or one datagram. The port counts for TCP and UDP only.</summary>
    public ExitVerdict Decide(IpProtocol protocol, IpAddress destination, ushort port)
    {
        if (!IsSupported(protocol, destination.IsV4))
            return ExitVerdict.UnsupportedProtocol;
        var address = DecideAddress(destination);
        if (address != ExitVerdict.Accept)
            return address;
        if (port == Smtp && protocol is (IpProtocol.Tcp or IpProtocol.Udp))
            return ExitVerdict.DeniedPort;
        foreach (ref readonly var rule in _rules.AsSpan())
            if (rule.Matches(protocol, destination, port))
                return rule.Accepts ? ExitVerdict.Accept : ExitVerdict.DeniedByRule;
        return ExitVerdict.DeniedByRule;
    }

    /// <inheritdoc cref="Decide(in IpView)"/>
    public ExitVerdict Decide(ReadOnlySpan<byte> ipPacket) => IpView.TryParse(ipPacket, out var packet) ? Decide(packet) : ExitVerdict.Malformed;

    /// <summary>Judges one IP packet on its way from a client to the Internet. Its source is not looked at: see <see cref="SourceRewrite"/>.</summary>
    public ExitVerdict Decide(in IpView packet)
    {
        var destination = packet.Destination;
        // An IPv6 packet to an IPv4-mapped address: IPv4 in disguise, not to be judged as the IPv4 address.
        if (packet.IsV4 != destination.IsV4)
            return ExitVerdict.DeniedRange;
        if (packet.IsSourceRouted)
            return ExitVerdict.SourceRouted;
        if (!IsSupported(packet.Protocol, packet.IsV4))
            return ExitVerdict.UnsupportedProtocol;
        if (packet.IsLaterFragment)
            return packet.Protocol == IpProtocol.Tcp && packet.FragmentOffset == 8 ? ExitVerdict.UnsafeFragment : DecideAddress(destination);
        if (packet.MoreFragments && packet.HasExtensionsInFragment)
            return ExitVerdict.UnsafeFragment;

        switch (packet.Protocol)
        {
            case IpProtocol.Tcp:
                return TcpView.TryParse(packet.Payload, out var tcp) ? Decide(IpProtocol.Tcp, destination, tcp.DestinationPort) : ExitVerdict.Malformed;
            case IpProtocol.Udp:
                // The datagram of a first fragment is longer than the fragment.
                return packet.Payload.Length >= UdpView.HeaderLength && (packet.MoreFragments || UdpView.TryParse(packet.Payload, out _))
                    ? Decide(IpProtocol.Udp, destination, UdpView.DestinationPortOf(packet.Payload))
                    : ExitVerdict.Malformed;
            default:
                if (!IcmpView.TryParse(packet.Payload, !packet.IsV4, out var icmp))
                    return ExitVerdict.Malformed;
                return icmp.IsEchoRequest || icmp.IsError ? Decide(packet.Protocol, destination, 0) : ExitVerdict.UnsupportedProtocol;
        }
    }

    ExitVerdict DecideAddress(IpAddress destination) =>
        _own.Contains(destination) ? ExitVerdict.OwnAddress
        : DeniedRanges.Contain(destination, _allowPrivate, _allowLoopback) ? ExitVerdict.DeniedRange
        : ExitVerdict.Accept;

    static bool IsSupported(IpProtocol protocol, bool v4) =>
        protocol is IpProtocol.Tcp or IpProtocol.Udp || protocol == (v4 ? IpProtocol.Icmp : IpProtocol.IcmpV6);
}
