using Macro.Core;

namespace Macro.Nat.Reachability;

/// <summary>What a node can be in the network, by who can reach it.</summary>
public enum NodeRole
{
    /// <summary>It reaches others; nobody reaches it.</summary>
    Client,

    /// <summary>A middle hop or an exit, which others reach through relays that introduce them.</summary>
    Introduced,

    /// <summary>An entry too: anybody reaches it.</summary>
    Public,
}

/// <summary>Why others should be able to reach an endpoint of ours.</summary>
public enum ReachableBy
{
    /// <summary>The operator says so.</summary>
    Settings,

    /// <summary>Nothing is between it and the network.</summary>
    Nothing,

    /// <summary>A port that the gateway leads to us.</summary>
    Mapping,

    /// <summary>A hole in the gateway's IPv6 firewall.</summary>
    Pinhole,

    /// <summary>A NAT that lets anybody in while our own traffic keeps the mapping.</summary>
    FullCone,
}

/// <summary>What a node may be now, and what the user is told about it.</summary>
public sealed record Standing
{
    public NodeRole Role { get; init; }

    /// <summary>Where anybody reaches it: what its descriptor may name.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; init; } = [];

    /// <summary>One plain sentence.</summary>
    public string Why { get; init; } = "It is not known yet how others see this node.";

    /// <summary>One plain sentence: what the user could do about it. Null when there is nothing to do.</summary>
    public string? Help { get; init; }
}
