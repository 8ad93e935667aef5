using System.Text.Json.Serialization;

namespace Macro.Api;

/// <summary>Which relays to leave out of every circuit, or to take in again.</summary>
public sealed record BlockRequest
{
    /// <summary>A node id, a network as in "192.0.2.0/24", a country as in "CH", or an autonomous system as in "AS64496".</summary>
    public required string Rule { get; init; }
}

/// <summary>What a relay is blocked for by itself.</summary>
[JsonConverter(typeof(WordConverter<BlockReason>))]
public enum BlockReason
{
    /// <summary>It spoils many more circuits than others do, mostly by falling silent.</summary>
    Dropping,

    /// <summary>The same, and mostly the relay behind it fell silent.</summary>
    NotForwarding,

    /// <summary>An exit that refuses what its policy allows.</summary>
    PolicyLie,

    /// <summary>The same, and mostly what passed between it and a neighbour was changed.</summary>
    Tampering,
}

/// <summary>A relay that the node blocked by itself, for a time.</summary>
public sealed record BlockedRelay
{
    public required string NodeId { get; init; }

    public required BlockReason Reason { get; init; }

    /// <summary>Until it is tried again, rounded up.</summary>
    public int HoursLeft { get; init; }
}

/// <summary>Relays that take part in no circuit of this node.</summary>
public sealed record BlockedAnswer : Answer
{
    /// <summary>What the user blocked, in the order in which he did.</summary>
    public required IReadOnlyList<string> Rules { get; init; }

    public IReadOnlyList<BlockedRelay> Automatic { get; init; } = [];
}
