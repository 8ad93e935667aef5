using Macro.Core;

namespace Macro.Nat;

/// <summary>How a node came to think that it may be reached at an endpoint.</summary>
public enum CandidateKind : byte
{
    /// <summary>An address of its own interface: for neighbours in the same network.</summary>
    Host = 1,

    /// <summary>An IPv6 address of its own: at most a firewall stands before it.</summary>
    Ipv6 = 2,

    /// <summary>Its endpoint as others see it.</summary>
    Reflexive = 3,

    /// <summary>Opened by PCP, NAT-PMP or UPnP.</summary>
    Mapped = 4,

    /// <summary>Its endpoint between the home's NAT and the provider's: for neighbours behind the same provider.</summary>
    Outer = 5,

    /// <summary>Where a sequential NAT is expected to put its next flow.</summary>
    Predicted = 6,
}

/// <summary>An endpoint at which a node may be reached.</summary>
public readonly record struct PunchCandidate(CandidateKind Kind, Endpoint Endpoint);
