using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// What relays, and clients with relays, say to each other about the directory: the body of a Directory control message.
/// Byte table: docs/protocol/directory.md. A request and its answer are at most <see cref="MaxSize"/> bytes each, and the
/// answering side keeps nothing between two of them.
/// </summary>
public abstract record DirectoryMessage
{
    /// <summary>Most bytes of an encoded message: with its frame it fits one datagram everywhere.</summary>
    public const int MaxSize = 1152;

    /// <summary>Most descriptors of a message.</summary>
    public const int MostDescriptors = 8;

    /// <summary>Most items of a message.</summary>
    public const int MostItems = 71;

    /// <summary>Most positions of a <see cref="Fetch"/>, and ranges of a <see cref="Reconcile"/>.</summary>
    public const int MostAsked = 32;
}

/// <summary>Take these in. The answer is <see cref="Published"/>.</summary>
/// <param name="Descriptors">1..8, each as <see cref="SignedDescriptor.Encode"/> gives it.</param>
public sealed record Publish(IReadOnlyList<ReadOnlyMemory<byte>> Descriptors) : DirectoryMessage;

/// <summary>What became of each descriptor of a <see cref="Publish"/>, in its order.</summary>
public sealed record Published(IReadOnlyList<PublishVerdict> Verdicts) : DirectoryMessage;

/// <summary>What became of a descriptor that was published. A byte on the wire.</summary>
public enum PublishVerdict : byte
{
    /// <summary>Held and passed on.</summary>
    Taken = 0,

    /// <summary>This one, or a newer one of the node, is held already.</summary>
    Known = 1,

    /// <summary>Good, and passed on as soon as the node has answered on every endpoint that it lists.</summary>
    Pending = 2,

    /// <summary>Refused for what it says, or for its signature.</summary>
    Invalid = 3,

    /// <summary>Its proof of work does not suffice here now.</summary>
    TooLittleWork = 4,

    /// <summary>Too many at the moment: later, or elsewhere.</summary>
    Busy = 5,
}

/// <summary>A question that names positions, which hold for one epoch. One about another is answered with <see cref="OtherEpoch"/>.</summary>
public abstract record EpochQuestion(uint Epoch) : DirectoryMessage;

/// <summary>Which relays are in this shard? The answer is <see cref="ShardListed"/>.</summary>
/// <param name="From">Only positions from here on: 0 at first, then the one after the last that was listed.</param>
public sealed record AskShard(uint Epoch, Shard Shard, ulong From) : EpochQuestion(Epoch);

/// <param name="Size">Relays in the whole shard.</param>
/// <param name="More">More follow after the last item.</param>
/// <param name="Items">In the order of positions, at most 71.</param>
public sealed record ShardListed(uint Epoch, uint Size, bool More, IReadOnlyList<DirectoryItem> Items) : DirectoryMessage;

/// <summary>One relay in a list: 16 bytes.</summary>
/// <param name="Position">Its place in the epoch of the message; also how it is asked for.</param>
/// <param name="Sequence">Number of its descriptor.</param>
/// <param name="Digest">See <see cref="SignedDescriptor.Digest"/>.</param>
public readonly record struct DirectoryItem(Position Position, uint Sequence, uint Digest)
{
    public const int Size = 16;

    /// <summary>Order of age: the same node's higher item counts.</summary>
    public bool Supersedes(DirectoryItem other) => (Sequence, Digest).CompareTo((other.Sequence, other.Digest)) > 0;
}

/// <summary>
/// Who are you? Asked of a relay under whose relay key a session stands: so a node cannot list the endpoint and the key of
/// another one as its own. The answer is <see cref="SelfTold"/>.
/// </summary>
public sealed record AskSelf : DirectoryMessage;

/// <param name="Descriptor">The node's own newest, as <see cref="SignedDescriptor.Encode"/> gives it; empty: it has none.</param>
public sealed record SelfTold(ReadOnlyMemory<byte> Descriptor) : DirectoryMessage;

/// <summary>How much do you know? The answer is <see cref="RootTold"/>.</summary>
public sealed record AskRoot : DirectoryMessage;

/// <param name="Epoch">The one in which the answering node is.</param>
/// <param name="RootEpoch">Epoch of the root; 0: it has none yet.</param>
/// <param name="Root">See <see cref="DirectoryRoot"/>.</param>
/// <param name="Held">Relays that it holds.</param>
/// <param name="Estimate">Relays in the network, by its estimate.</param>
/// <param name="Work">Bits of work that it asks of newcomers, see <see cref="WorkDemand"/>.</param>
public sealed record RootTold(uint Epoch, uint RootEpoch, PublicKey Root, uint Held, uint Estimate, byte Work) : DirectoryMessage;

/// <summary>
/// What have you in these ranges, about which we differ or of which I know nothing yet? The answer is
/// <see cref="Reconciled"/>.
/// </summary>
/// <param name="Salt">Drawn at random by the asker for every message: goes into the fingerprints, so that nobody prepares two sets with one.</param>
/// <param name="Ranges">1..32.</param>
public sealed record Reconcile(uint Epoch, ulong Salt, IReadOnlyList<PositionRange> Ranges) : EpochQuestion(Epoch);

/// <param name="Contents">One for each range of the question, in its order, as many as fit; at least one.</param>
public sealed record Reconciled(uint Epoch, IReadOnlyList<RangeContent> Contents) : DirectoryMessage;

/// <summary>A range in an answer: either all its items, or fingerprints of its sixteen parts.</summary>
public abstract record RangeContent;

/// <param name="Items">In the order of positions.</param>
public sealed record RangeItems(IReadOnlyList<DirectoryItem> Items) : RangeContent;

/// <param name="Parts">16 fingerprints, see <see cref="RangeSummary.Fingerprint"/>.</param>
public sealed record RangeSplit(IReadOnlyList<ulong> Parts) : RangeContent;

/// <summary>Give me these descriptors. The answer is <see cref="Fetched"/>.</summary>
/// <param name="Positions">1..32, as items named them.</param>
public sealed record Fetch(uint Epoch, IReadOnlyList<Position> Positions) : EpochQuestion(Epoch);

/// <param name="Considered">So many of the positions asked for, from the first, are answered: found here or not held. The rest did not fit.</param>
/// <param name="Descriptors">Each as <see cref="SignedDescriptor.Encode"/> gives it; to be checked by the asker.</param>
public sealed record Fetched(int Considered, IReadOnlyList<ReadOnlyMemory<byte>> Descriptors) : DirectoryMessage;

/// <summary>The answer to a question about another epoch: the one in which the answering node is.</summary>
public sealed record OtherEpoch(uint Epoch) : DirectoryMessage;
