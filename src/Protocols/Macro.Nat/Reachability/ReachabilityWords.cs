using Macro.Nat.Classification;
using Macro.Nat.PortMapping;

namespace Macro.Nat.Reachability;

/// <summary>Plain sentences about how a node stands in the network.</summary>
public static class ReachabilityWords
{
    /// <summary>What stands between us and the network, as one would tell a friend.</summary>
    public static string Describe(NatClass seen) => seen.Kind switch
    {
        NatKind.Unknown => "not known yet",
        NatKind.UdpBlocked => "UDP does not pass",
        NatKind.Public => "no NAT and no firewall",
        NatKind.Firewall => "no NAT, but a firewall that lets in answers only",
        NatKind.FullCone => "a NAT that lets anybody in once a port is in use (full cone)",
        NatKind.AddressRestricted => "a NAT that lets in whom we have written to (address-restricted)",
        NatKind.PortRestricted => "a NAT that lets in answers only (port-restricted)",
        NatKind.SequentialSymmetric => "a NAT with another port for each destination, one after the other (symmetric)",
        NatKind.RandomSymmetric => "a NAT with another port for each destination, at random (symmetric)",
        _ => throw new ArgumentOutOfRangeException(nameof(seen)),
    };

    internal static (string Why, string? Help) About(
        NodeRole role, NatClass v4, NatClass v6, Mapping? mapping, Mapping? pinhole, bool offers, ushort port)
    {
        if (role == NodeRole.Public)
            return ("Others reach this node directly, so it can be an entry, a middle and an exit.", null);
        var way = role == NodeRole.Introduced ? "Others reach this node through introducers only" : "Nobody reaches this node from outside";
        if (v4.Kind == NatKind.UdpBlocked && !v6.IsKnown)
            return ("UDP does not pass this network, so the node can only be a client, over TCP.", "Allow outgoing UDP in the firewall of this network.");
        if (v4.Kind == NatKind.Unknown && v6.Kind == NatKind.Unknown)
            return ("It is not known yet how others see this node.", null);
        if (mapping?.Trust == MappingTrust.Contradicted)
            return ($"{way}: the router names an outside address that nobody else sees.", $"Restart the router, or forward UDP {port} to this machine by hand.");
        if (v4.IsCarrierGrade || mapping?.Trust == MappingTrust.Nested)
            return ($"{way}: a second NAT, as a rule the provider's, lies behind the router.",
                "Ask the provider for a public IPv4 address, or use IPv6.");
        if (mapping is not null || pinhole is not null)
            return ($"{way} yet: the router has opened UDP {(mapping ?? pinhole)!.Outside.Port}, and nobody has come through so far.", null);
        if (v4.Kind == NatKind.Public)
            return ($"{way} yet: nothing is in the way, and nobody has come through so far.", null);
        if (v4.Kind == NatKind.Firewall)
            return ($"{way}: a firewall lets in answers only.", $"Allow incoming UDP {port} in the firewall.");
        return offers
            ? ($"{way}: the router refused to open a port.", $"Allow port mappings for this machine in the router, or forward UDP {port} to it.")
            : ($"{way}: this is behind {Describe(v4)}.", $"Open UDP {port} in the router, or turn on UPnP or NAT-PMP there.");
    }
}
