using System.Text.Json.Serialization;

namespace Macro.Api;

/// <summary>What stands between this node and the network, and what it may be there.</summary>
public sealed record NetcheckAnswer : Answer
{
    /// <summary>Somebody answered a datagram.</summary>
    public required bool Udp { get; init; }

    /// <summary>TCP connections to relays that stand now, because UDP did not pass.</summary>
    public int TcpConnections { get; init; }

    public required NetcheckFamily Ipv4 { get; init; }

    public required NetcheckFamily Ipv6 { get; init; }

    /// <summary>The router is asked for a port only by a relay; false: it was not asked.</summary>
    public required bool GatewayAsked { get; init; }

    /// <summary>What the router speaks: "pcp", "nat-pmp", "igd2", "igd1".</summary>
    public required IReadOnlyList<string> MappingProtocols { get; init; }

    public NetcheckMapping? Mapping { get; init; }

    /// <summary>The hole in the router's IPv6 firewall.</summary>
    public NetcheckMapping? Pinhole { get; init; }

    /// <summary>Endpoints at which strangers get through to this node, or the operator says so: what a relay announces.</summary>
    public IReadOnlyList<string> ReachedAt { get; init; } = [];

    /// <summary>Whether a portal of a hotel or a train stands in the way, or why that was not looked at.</summary>
    public required string CaptivePortal { get; init; }

    /// <summary>The nearest relays, nearest first.</summary>
    public required IReadOnlyList<RelayLatency> Relays { get; init; }

    public required NetworkRole Role { get; init; }

    /// <summary>Why this role, in one sentence.</summary>
    public required string Why { get; init; }

    /// <summary>What would help, in one sentence; null when there is nothing to do.</summary>
    public string? Advice { get; init; }
}

/// <summary>One address family.</summary>
public sealed record NetcheckFamily
{
    /// <summary>Somebody answered.</summary>
    public required bool Works { get; init; }

    /// <summary>Where others see this node; without a port where that depends on who looks.</summary>
    public string? Outside { get; init; }

    /// <summary>A stable word: "unknown", "udp-blocked", "public", "firewall", "full-cone", "address-restricted", "port-restricted", "sequential-symmetric", "random-symmetric".</summary>
    public required string Nat { get; init; }

    /// <summary>The same in plain words.</summary>
    public required string Description { get; init; }

    /// <summary>How the NAT chooses outside ports: "preserved", "sequential", "random"; null: not known.</summary>
    public string? PortAssignment { get; init; }

    /// <summary>Silence that an open port has survived; null: not measured, as on a node that is only a client.</summary>
    public int? LivesAtLeastSeconds { get; init; }

    /// <summary>Silence after which it was closed; null: none so far.</summary>
    public int? LivesAtMostSeconds { get; init; }

    public bool? Hairpin { get; init; }

    /// <summary>The provider shares an address among customers.</summary>
    public bool CarrierGrade { get; init; }

    /// <summary>Observers that contradict the majority.</summary>
    public int Liars { get; init; }
}

/// <summary>A port that the router leads to this node.</summary>
public sealed record NetcheckMapping
{
    public required string Protocol { get; init; }

    public required string Outside { get; init; }

    /// <summary>"unchecked", "confirmed", "nested" behind another NAT, "contradicted" by what others see.</summary>
    public required string Trust { get; init; }

    /// <summary>Until the router forgets it; null: never.</summary>
    public int? SecondsLeft { get; init; }
}

public sealed record RelayLatency
{
    public required string NodeId { get; init; }

    public required string Region { get; init; }

    public required double RttMs { get; init; }
}

[JsonConverter(typeof(WordConverter<NetworkRole>))]
public enum NetworkRole
{
    Client,
    Introduced,
    Public,
}
