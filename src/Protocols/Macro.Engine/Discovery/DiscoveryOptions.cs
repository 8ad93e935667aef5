using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>The network that a node finds, and by what it begins.</summary>
public sealed record DiscoveryOptions
{
    /// <summary>What the network accepts.</summary>
    public required DescriptorRules Rules { get; init; }

    /// <summary>This node's: signs what it says as a relay, and it is no candidate of its own. Not owned.</summary>
    public required NodeIdentity Identity { get; init; }

    public NodeId Self => Identity.Id;

    /// <summary>Countries by address, against which relays' claims are checked; null: no table.</summary>
    public GeoTable? Countries { get; init; }

    /// <summary>Of the sessions of a private network; null elsewhere. Not owned.</summary>
    public SecretBytes? PresharedKey { get; init; }

    /// <summary>Whether the UDP port carries IPv6.</summary>
    public bool HasV6 { get; init; }

    /// <summary>How a client samples the directory.</summary>
    public SamplerOptions Sampling { get; init; } = new();

    /// <summary>Whether the DHT is used.</summary>
    public bool UsesDht { get; init; } = true;

    /// <summary>A DHT on one machine or in one LAN.</summary>
    public bool IsLocal { get; init; }

    /// <summary>Where the DHT is entered.</summary>
    public IReadOnlyList<Endpoint> DhtRouters { get; init; } = [];

    /// <summary>What <see cref="Dht.DhtNode.Save"/> gave in an earlier run; empty: nothing.</summary>
    public ReadOnlyMemory<byte> SavedDht { get; init; }

    /// <summary>Relays of an earlier run: signatures are checked, expired ones may be among them. At most <see cref="Discovery.MostCached"/> are used.</summary>
    public IReadOnlyList<SignedDescriptor> Cached { get; init; } = [];

    /// <summary>Relays that the invite names.</summary>
    public IReadOnlyList<Seed> Invited { get; init; } = [];

    /// <summary>Relays of the signed list of the package.</summary>
    public IReadOnlyList<Seed> Seeds { get; init; } = [];
}
