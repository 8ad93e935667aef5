using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>What a gateway was asked by.</summary>
public enum MappingProtocol
{
    /// <summary>Port Control Protocol, RFC 6887; over IPv6 it opens a pinhole.</summary>
    Pcp,

    /// <summary>NAT Port Mapping Protocol, RFC 6886.</summary>
    NatPmp,

    /// <summary>UPnP Internet Gateway Device, WANIPConnection:2 or WANIPv6FirewallControl:1.</summary>
    Igd2,

    /// <summary>UPnP Internet Gateway Device, WANIPConnection:1 or WANPPPConnection:1.</summary>
    Igd1,
}

/// <summary>Whether the outside address that a gateway names is the one that others see.</summary>
public enum MappingTrust
{
    /// <summary>Nobody has told yet which address others see.</summary>
    Unchecked,

    /// <summary>Others see the same.</summary>
    Confirmed,

    /// <summary>The gateway's outside is a private or carrier's address: it is itself behind a NAT.</summary>
    Nested,

    /// <summary>Others see another public address: the gateway is wrong, or lies.</summary>
    Contradicted,
}

/// <summary>A UDP port of a gateway's outside that leads to ours, or a hole in its IPv6 firewall.</summary>
public sealed record Mapping
{
    public required MappingProtocol Protocol { get; init; }

    /// <summary>Where others reach us, as the gateway has it; of a pinhole our own endpoint.</summary>
    public required Endpoint Outside { get; init; }

    public required ushort InternalPort { get; init; }

    /// <summary>When the gateway forgets it unless it is renewed.</summary>
    public required Instant Ends { get; init; }

    public MappingTrust Trust { get; init; }

    /// <summary>May be offered to others.</summary>
    public bool IsUsable => Trust is MappingTrust.Unchecked or MappingTrust.Confirmed;
}

/// <summary>The gateway of a network, and this machine in it.</summary>
/// <param name="Address">Of the gateway; link-local for IPv6 as a rule.</param>
/// <param name="Own">This machine's address in that network, from which it is asked.</param>
public readonly record struct Gateway(IpAddress Address, IpAddress Own);

/// <summary>What is wanted of gateways.</summary>
public sealed record PortMapperOptions
{
    /// <summary>Our UDP port, 1..65535; also the outside port that is wished for.</summary>
    public required ushort Port { get; init; }

    /// <summary>Asked for, in seconds; renewed at half of what is granted. Default 7200, bounds 120..86400.</summary>
    public int LeaseSeconds { get; init; } = 7200;

    /// <summary>
    /// 16 to 32 bytes that survive a restart and that nobody else knows: with them PCP recognises the mapping of the run
    /// before. Without them it stays out of reach until its lease ends.
    /// </summary>
    public required ReadOnlyMemory<byte> Secret { get; init; }

    /// <summary>How long better protocols are waited for before a lesser one that answered is used. Default 1 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>What happened at a gateway.</summary>
public enum MapperEventKind
{
    /// <summary>It speaks this protocol.</summary>
    Found,

    /// <summary>A mapping stands that did not, or it has another outside endpoint than before.</summary>
    Mapped,

    Renewed,

    /// <summary>The mapping has ended, or the gateway has forgotten it.</summary>
    Lost,

    /// <summary>The gateway does not want to.</summary>
    Refused,

    /// <summary>The gateway began anew; mappings are asked for again.</summary>
    Restarted,

    Released,
}

/// <param name="Code">Of a refusal: the protocol's own result code.</param>
public readonly record struct MapperEvent(MapperEventKind Kind, MappingProtocol Protocol, Mapping? Mapping = null, int Code = 0);
