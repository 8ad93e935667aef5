using Macro.Dht;

namespace Macro.Engine;

/// <summary>How well the node knows its network, for people.</summary>
public sealed record DiscoveryStatus
{
    public uint Epoch { get; init; }

    public int Relays { get; init; }

    public int Exits { get; init; }

    /// <summary>Relays in the whole network, estimated.</summary>
    public long EstimatedRelays { get; init; }

    /// <summary>0..1; null before two roots could be compared.</summary>
    public double? RootAgreement { get; init; }

    public int RootsCompared { get; init; }

    public BootstrapSource? Searching { get; init; }

    public BootstrapSource? FoundBy { get; init; }

    /// <summary>From the wish to connect to the first relay that could be used.</summary>
    public TimeSpan? FirstRelayAfter { get; init; }

    /// <summary>From that wish to the first circuit that carried packets.</summary>
    public TimeSpan? FirstCircuitAfter { get; init; }

    /// <summary>Null where the node takes no part.</summary>
    public NetworkState? DhtV4 { get; init; }

    public NetworkState? DhtV6 { get; init; }

    public IReadOnlyList<string> Warnings { get; init; } = [];
}
