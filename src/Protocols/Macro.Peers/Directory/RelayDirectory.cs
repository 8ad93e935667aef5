using Macro.Core;

namespace Macro.Peers;

/// <summary>What became of a descriptor that was offered to a <see cref="RelayDirectory"/>.</summary>
public enum DirectoryChange
{
    Added,

    /// <summary>It supersedes the one that was held.</summary>
    Replaced,

    /// <summary>The held one is the same or newer.</summary>
    Known,

    /// <summary>There is no room, and nothing held has expired.</summary>
    Full,

    /// <summary>Others hold it: it stands in another part of the network, of which contacts enough are held.</summary>
    Elsewhere,
}

/// <summary>
/// The verified descriptors that this node holds, one for each node: the newest. Ordered by their <see cref="Position"/>s in
/// the running epoch. Bounded. Not thread-safe; what it hands out is immutable.
/// </summary>
public sealed class RelayDirectory
{
    public const int DefaultCapacity = 50_000;

    readonly Dictionary<NodeId, SignedDescriptor> _descriptors = [];
    readonly PriorityQueue<SignedDescriptor, long> _expiries = new();
    readonly byte[] _epochValue = new byte[NetworkKey.Size];
    readonly NetworkKey _network;
    readonly int _capacity;
    PositionIndex _index = new();

    /// <param name="capacity">Most descriptors, about 0.7 kB each.</param>
    public RelayDirectory(NetworkKey network, int capacity = DefaultCapacity)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        (_network, _capacity) = (network, capacity);
        _network.EpochValue(Epoch, _epochValue);
    }

    public int Count => _descriptors.Count;

    /// <summary>The epoch whose order holds; <see cref="Advance"/> sets it.</summary>
    public uint Epoch { get; private set; }

    /// <summary>The part of the network that is held, see <see cref="Coverage"/>; everything at first.</summary>
    public Shard Part { get; private set; } = new(0, 0);

    /// <summary>From now on this part is held, and contacts in the others.</summary>
    public void Cover(Shard part)
    {
        Part = part;
        foreach (var signed in _descriptors.Values.Where(s => !part.Contains(PositionOf(s.Id))).ToArray())
            if (HasContacts(PositionOf(signed.Id), Coverage.Contacts + 1))
                Remove(signed);
    }

    public SignedDescriptor? Find(NodeId id) => _descriptors.GetValueOrDefault(id);

    /// <summary>Those that count now, in the order of their ids.</summary>
    public IReadOnlyList<SignedDescriptor> Current(Instant now) =>
        [.. _descriptors.Values.Where(d => now < d.Descriptor.Expires).OrderBy(d => d.Id)];

    /// <param name="signed">Verified under the rules of this network.</param>
    public DirectoryChange Offer(SignedDescriptor signed, Instant now)
    {
        ArgumentNullException.ThrowIfNull(signed);
        Advance(now);
        var held = Find(signed.Id);
        if (held is not null && !signed.Supersedes(held))
            return DirectoryChange.Known;
        if (held is not null)
            Remove(held);
        else if (_descriptors.Count >= _capacity)
            return DirectoryChange.Full;
        else if (!Part.Contains(PositionOf(signed.Id)) && HasContacts(PositionOf(signed.Id), Coverage.Contacts))
            return DirectoryChange.Elsewhere;
        _descriptors.Add(signed.Id, signed);
        _expiries.Enqueue(signed, signed.Descriptor.Expires.Ticks);
        AddToIndex(signed);
        return held is null ? DirectoryChange.Added : DirectoryChange.Replaced;
    }

    /// <summary>Forgets what has expired, and takes the order of the epoch that <paramref name="now"/> is in. How many were forgotten.</summary>
    public int Advance(Instant now)
    {
        var forgotten = 0;
        while (_expiries.TryPeek(out var signed, out var expires) && expires <= now.Ticks)
        {
            _expiries.Dequeue();
            // One that was superseded is gone already.
            if (Find(signed.Id) != signed)
                continue;
            Remove(signed);
            forgotten++;
        }
        if (Peers.Epoch.At(now) != Epoch)
            Turn(Peers.Epoch.At(now));
        return forgotten;
    }

    /// <summary>In the order of positions.</summary>
    public IEnumerable<SignedDescriptor> In(Shard shard) => _index.Between(shard.First, shard.Last);

    public Position PositionOf(NodeId id) => Position.Of(id, _epochValue);

    internal DirectoryItem ItemOf(SignedDescriptor signed) => new(PositionOf(signed.Id), (uint)signed.Sequence, signed.Digest);

    internal IEnumerable<SignedDescriptor> Between(ulong first, ulong last) => _index.Between(first, last);

    internal RangeSummary Summarize(ulong first, ulong last) => _index.Summarize(first, last);

    internal ulong Fingerprint(PositionRange range, ulong salt) => Summarize(range.First, range.Last).Fingerprint(salt);

    internal ReadOnlySpan<byte> EpochValue => _epochValue;

    bool HasContacts(Position position, int many) =>
        position.ShardOf(Part.Bits) is var part && _index.Summarize(part.First, part.Last).Count >= many;

    void AddToIndex(SignedDescriptor signed) =>
        _index.Add(Position.Of(signed.Id, _epochValue), signed, RangeSummary.Of(signed, _epochValue));

    void Remove(SignedDescriptor signed)
    {
        _descriptors.Remove(signed.Id);
        _index.Remove(Position.Of(signed.Id, _epochValue), signed);
    }

    void Turn(uint epoch)
    {
        Epoch = epoch;
        _network.EpochValue(epoch, _epochValue);
        _index = new PositionIndex();
        foreach (var signed in _descriptors.Values)
            AddToIndex(signed);
    }
}
