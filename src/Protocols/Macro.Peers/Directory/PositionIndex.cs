using System.Numerics;
using System.Runtime.InteropServices;

namespace Macro.Peers;

/// <summary>
/// Descriptors in the order of their positions, such that the summary of any range costs O(log n): positions are uniform, so
/// buckets by their first bits hold a few items each without any balancing, and a Fenwick tree (1994) sums up the buckets.
/// Who crowds a bucket makes looking into that bucket slower, no more.
/// </summary>
sealed class PositionIndex
{
    /// <summary>Items for each bucket, on average, at which there shall be more buckets.</summary>
    const int Crowded = 16;

    const int FewestBits = 4, MostBits = 16;

    readonly record struct Entry(ulong Position, SignedDescriptor Signed, RangeSummary Summary);

    List<Entry>?[] _buckets = new List<Entry>?[1 << FewestBits];
    RangeSummary[] _tree = new RangeSummary[(1 << FewestBits) + 1];
    int _bits = FewestBits;

    public int Count { get; private set; }

    public void Add(Position position, SignedDescriptor signed, RangeSummary summary)
    {
        if (Count >= Crowded << _bits && _bits < MostBits)
            Grow();
        Insert(new Entry(position.Value, signed, summary));
    }

    public void Remove(Position position, SignedDescriptor signed)
    {
        var bucket = BucketOf(position.Value);
        var entries = _buckets[bucket] ?? [];
        var at = entries.FindIndex(e => e.Signed == signed);
        if (at < 0)
            throw new ArgumentException("It is not held.", nameof(signed));
        var gone = entries[at].Summary;
        entries.RemoveAt(at);
        Count--;
        for (var node = bucket + 1; node < _tree.Length; node += node & -node)
            _tree[node] -= gone;
    }

    /// <summary>Both bounds belong to the range.</summary>
    public RangeSummary Summarize(ulong first, ulong last) =>
        last == ulong.MaxValue ? Before(last) + At(last) - Before(first) : Before(last + 1) - Before(first);

    /// <summary>In the order of positions. The index must not change meanwhile.</summary>
    public IEnumerable<SignedDescriptor> Between(ulong first, ulong last)
    {
        for (var bucket = BucketOf(first); bucket <= BucketOf(last); bucket++)
            foreach (var entry in _buckets[bucket] ?? [])
                if (entry.Position >= first && entry.Position <= last)
                    yield return entry.Signed;
    }

    int BucketOf(ulong position) => (int)(position >> (64 - _bits));

    RangeSummary Before(ulong position)
    {
        var bucket = BucketOf(position);
        var sum = default(RangeSummary);
        for (var node = bucket; node > 0; node &= node - 1)
            sum += _tree[node];
        foreach (ref readonly var entry in CollectionsMarshal.AsSpan(_buckets[bucket]))
        {
            if (entry.Position >= position)
                break;
            sum += entry.Summary;
        }
        return sum;
    }

    RangeSummary At(ulong position)
    {
        var sum = default(RangeSummary);
        foreach (ref readonly var entry in CollectionsMarshal.AsSpan(_buckets[BucketOf(position)]))
            if (entry.Position == position)
                sum += entry.Summary;
        return sum;
    }

    void Insert(Entry entry)
    {
        var bucket = BucketOf(entry.Position);
        var entries = _buckets[bucket] ??= [];
        var at = entries.Count;
        while (at > 0 && entries[at - 1].Position > entry.Position)
            at--;
        entries.Insert(at, entry);
        Count++;
        for (var node = bucket + 1; node < _tree.Length; node += node & -node)
            _tree[node] += entry.Summary;
    }

    void Grow()
    {
        var entries = _buckets.SelectMany(b => b ?? []).ToArray();
        _bits = Math.Min(MostBits, _bits + 2);
        _buckets = new List<Entry>?[1 << _bits];
        _tree = new RangeSummary[(1 << _bits) + 1];
        Count = 0;
        foreach (var entry in entries)
            Insert(entry);
    }
}
