using System.Text.Json.Serialization;

namespace Macro.Api;

/// <summary>Where relays are looked for, in the order in which it is tried.</summary>
[JsonConverter(typeof(WordConverter<SearchSource>))]
public enum SearchSource
{
    /// <summary>Relays of an earlier run, from the disk.</summary>
    Cache,

    /// <summary>The relays that the invite names.</summary>
    Invite,

    /// <summary>The signed list that came with the program.</summary>
    SeedList,

    /// <summary>The distributed hash table.</summary>
    Dht,
}

/// <summary>How this node knows that a relay is what its descriptor says.</summary>
[JsonConverter(typeof(WordConverter<PeerVerification>))]
public enum PeerVerification
{
    /// <summary>It is this node.</summary>
    Self,

    /// <summary>It answered a handshake under its relay key at every endpoint that it lists.</summary>
    Handshake,

    /// <summary>Its own endpoint gave out its descriptor.</summary>
    Answered,

    /// <summary>Relays of different networks list it alike.</summary>
    Agreed,

    /// <summary>It stood in a directory file.</summary>
    File,

    /// <summary>It was known in an earlier run.</summary>
    Cached,
}

/// <summary>When a relay signed what is known of it, coarsely.</summary>
[JsonConverter(typeof(WordConverter<LastSeen>))]
public enum LastSeen
{
    /// <summary>Within a quarter of an hour.</summary>
    Now,

    WithinHour,

    WithinDay,

    Earlier,
}

/// <summary>A relay, without its address.</summary>
public sealed record PeerEntry
{
    public required string NodeId { get; init; }

    /// <summary>Two letters, "ZZ" unknown.</summary>
    public required string Region { get; init; }

    public bool Relay { get; init; }

    public bool Exit { get; init; }

    /// <summary>At least so many Mbit/s each way, by its own word; 0: not told.</summary>
    public int MegabitsPerSecond { get; init; }

    public required PeerVerification Verified { get; init; }

    public required LastSeen LastSeen { get; init; }
}

/// <summary>The relays that this node would use.</summary>
public sealed record PeersAnswer : Answer
{
    public required IReadOnlyList<PeerEntry> Peers { get; init; }
}

/// <summary>What kind of network this is.</summary>
[JsonConverter(typeof(WordConverter<NetworkKind>))]
public enum NetworkKind
{
    /// <summary>Everybody may join.</summary>
    Public,

    /// <summary>Only who was invited.</summary>
    Private,

    /// <summary>Without discovery: directory files.</summary>
    Static,
}

/// <summary>The routing table of the DHT in one address family.</summary>
public sealed record DhtFamily
{
    /// <summary>4 or 6.</summary>
    public required int Family { get; init; }

    /// <summary>Nodes in the routing table.</summary>
    public int Contacts { get; init; }

    /// <summary>"good": 20 contacts or more; "thin": fewer; "empty".</summary>
    public required string Health { get; init; }

    /// <summary>Estimated nodes in the DHT; null before enough look-ups were made.</summary>
    public long? EstimatedNodes { get; init; }
}

/// <summary>How well this node knows its network.</summary>
public sealed record NetworkStatusAnswer : Answer
{
    public required string Name { get; init; }

    public required NetworkKind Kind { get; init; }

    /// <summary>The period of six hours since 1970 that is running.</summary>
    public uint Epoch { get; init; }

    /// <summary>Relays known here, and how many of them are exits.</summary>
    public int Relays { get; init; }

    public int Exits { get; init; }

    /// <summary>Relays in the whole network, estimated.</summary>
    public long EstimatedRelays { get; init; }

    /// <summary>Share of what other relays' directories have in common, 0..1; null before two could be compared.</summary>
    public double? RootAgreement { get; init; }

    /// <summary>Directory roots that went into it.</summary>
    public int RootsCompared { get; init; }

    /// <summary>Where relays are being looked for; null when enough are known.</summary>
    public SearchSource? Searching { get; init; }

    /// <summary>Milliseconds from the wish to connect to the first relay that could be used; null before there was one.</summary>
    public long? FirstRelayMs { get; init; }

    /// <summary>Milliseconds from that wish to the first circuit.</summary>
    public long? FirstCircuitMs { get; init; }

    /// <summary>Where the first relays came from.</summary>
    public SearchSource? FoundBy { get; init; }

    public bool DhtEnabled { get; init; }

    public IReadOnlyList<DhtFamily> Dht { get; init; } = [];

    /// <summary>What an attentive user should know: signs of an attack, sources that gave nothing.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>Makes a network of one's own and moves this node into it.</summary>
public sealed record CreateNetworkRequest
{
    /// <summary>1..64 bytes of UTF-8, no control characters.</summary>
    public required string Name { get; init; }
}

/// <summary>Asks for a link by which others join the network that this node is in.</summary>
public sealed record InviteAnswer : Answer
{
    public required string Network { get; init; }

    /// <summary>Whoever has it is a member: it holds the network's key.</summary>
    public required string Link { get; init; }

    /// <summary>Relays that the link names.</summary>
    public int Relays { get; init; }
}

/// <summary>Moves this node into the network of a link.</summary>
public sealed record JoinRequest
{
    public required string Link { get; init; }
}

/// <summary>The network that this node is in from now on.</summary>
public sealed record JoinAnswer : Answer
{
    public required string Network { get; init; }
}
