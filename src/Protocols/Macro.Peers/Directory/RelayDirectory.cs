using Macro.Core;

namespace Macro.Peers;

/// <summary>What became of a descriptor that was offered to a <see cref="RelayDirectory"/>.</summary>
public enum DirectoryChange
{
    Added,

    /// <summary>Newer than the one that was held.</summary>
    Replaced,

    /// <summary>The held one is the same or newer.</summary>
    Known,

    /// <summary>There is no room, and nothing held has expired.</summary>
    Full,
}

/// <summary>
/// The verified descriptors that this node holds, one for each node: the newest. Bounded. Not thread-safe; what it hands
/// out is immutable.
/// </summary>
public sealed class RelayDirectory
{
    public const int DefaultCapacity = 50_000;

    readonly Dictionary<NodeId, SignedDescriptor> _descriptors = [];
    readonly int _capacity;

    /// <param name="capacity">Most descriptors, about 0.5 kB each.</param>
    public RelayDirectory(int capacity = DefaultCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _capacity = capacity;
    }

    public int Count => _descriptors.Count;

    public SignedDescriptor? Find(NodeId id) => _descriptors.GetValueOrDefault(id);

    /// <summary>Those that count now, in the order of their ids.</summary>
    public IReadOnlyList<SignedDescriptor> Current(Instant now) =>
        [.. _descriptors.Values.Where(d => now < d.Descriptor.Expires).OrderBy(d => d.Id)];

    /// <param name="signed">Verified under the rules of this network.</param>
    public DirectoryChange Offer(SignedDescriptor signed, Instant now)
    {
        ArgumentNullException.ThrowIfNull(signed);
        if (_descriptors.TryGetValue(signed.Id, out var held))
        {
            if (held.Sequence >= signed.Sequence)
                return DirectoryChange.Known;
            _descriptors[signed.Id] = signed;
            return DirectoryChange.Replaced;
        }
        if (_descriptors.Count >= _capacity && RemoveExpired(now) == 0)
            return DirectoryChange.Full;
        _descriptors.Add(signed.Id, signed);
        return DirectoryChange.Added;
    }

    /// <summary>How many were forgotten.</summary>
    public int RemoveExpired(Instant now)
    {
        var expired = _descriptors.Values.Where(d => now >= d.Descriptor.Expires).Select(d => d.Id).ToArray();
        foreach (var id in expired)
            _descriptors.Remove(id);
        return expired.Length;
    }
}
