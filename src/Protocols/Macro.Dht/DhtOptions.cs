using Macro.Core;

namespace Macro.Dht;

/// <summary>How a node behaves. The defaults are those for the public network.</summary>
public sealed record DhtOptions
{
    /// <summary>Take part in the IPv4 network.</summary>
    public bool V4 { get; init; } = true;

    /// <summary>Take part in the IPv6 network (BEP 32).</summary>
    public bool V6 { get; init; } = true;

    /// <summary>Where to ask when no contact is known. Asked in random order, at most eight at a time.</summary>
    public IReadOnlyList<Endpoint> Bootstrap { get; init; } = [];

    /// <summary>
    /// A network on one machine or in one LAN: addresses that are not public are taken, and nothing is limited by network.
    /// </summary>
    public bool Local { get; init; }

    /// <summary>Store only at nodes whose id belongs to their address (BEP 42). Addresses that are not public are exempt.</summary>
    public bool EnforceSecureIds { get; init; } = true;

    /// <summary>Ask, but neither answer nor become a contact (BEP 43).</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Disjoint paths of puts and of the gets that ask for them, 1..8.</summary>
    public int DisjointPaths { get; init; } = 3;

    /// <summary>Queries answered from one IPv4 address or IPv6 /64 in a second; ten times as many at once.</summary>
    public int QueriesPerSecond { get; init; } = 10;

    /// <summary>Most items kept for others, each up to 1000 bytes.</summary>
    public int MaxItems { get; init; } = 1000;

    /// <summary>Most info-hashes for which peers are kept.</summary>
    public int MaxInfoHashes { get; init; } = 2000;

    /// <summary>Most peers kept for one info-hash.</summary>
    public int MaxPeers { get; init; } = 256;
}
