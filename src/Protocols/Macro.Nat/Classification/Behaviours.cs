using Macro.Core;

namespace Macro.Nat.Classification;

/// <summary>When a NAT uses one outside port for several destinations (RFC 4787 4.1).</summary>
public enum MappingBehaviour
{
    Unknown,

    /// <summary>Our own endpoint is what others see.</summary>
    NotTranslated,

    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent,
}

/// <summary>What a gateway lets in to a port that we have sent from (RFC 4787 5).</summary>
public enum FilteringBehaviour
{
    Unknown,

    /// <summary>Anything.</summary>
    EndpointIndependent,

    /// <summary>What comes from an address that we have sent to.</summary>
    AddressDependent,

    /// <summary>What comes from an endpoint that we have sent to.</summary>
    AddressAndPortDependent,
}

/// <summary>How a NAT chooses outside ports.</summary>
public enum PortAssignment
{
    Unknown,

    /// <summary>Our own, where it is free.</summary>
    Preserved,

    /// <summary>One after the other: the next can be foretold.</summary>
    Sequential,

    Random,
}

/// <summary>The names that people give to what stands between a node and the network.</summary>
public enum NatKind
{
    Unknown,
    UdpBlocked,
    Public,
    Firewall,
    FullCone,
    AddressRestricted,
    PortRestricted,
    SequentialSymmetric,
    RandomSymmetric,
}

/// <summary>What is known of the way between one socket and the network, in one address family.</summary>
public sealed record NatClass
{
    public NatKind Kind { get; init; }

    /// <summary>Our endpoint as most others see it; the port is 0 where it depends on who looks.</summary>
    public Endpoint Outside { get; init; }

    public MappingBehaviour Mapping { get; init; }

    public FilteringBehaviour Filtering { get; init; }

    public PortAssignment Assignment { get; init; }

    /// <summary>From one outside port to the next where they are <see cref="PortAssignment.Sequential"/>; may be negative.</summary>
    public int PortStep { get; init; }

    /// <summary>Whether two nodes behind this gateway reach each other by their outside endpoints; null: not known.</summary>
    public bool? Hairpin { get; init; }

    /// <summary>The provider shares one public address among customers: no gateway of ours can open a port there.</summary>
    public bool IsCarrierGrade { get; init; }

    /// <summary>Silence that a mapping has survived; null: not measured.</summary>
    public TimeSpan? LivesAtLeast { get; init; }

    /// <summary>Silence after which a mapping was gone; null: none so far.</summary>
    public TimeSpan? LivesAtMost { get; init; }

    /// <summary>Observers that contradict the majority.</summary>
    public int Liars { get; init; }

    /// <summary>Whether others have agreed on what they see.</summary>
    public bool IsKnown => Kind is not NatKind.Unknown;
}
