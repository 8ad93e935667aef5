using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>
/// The answers of one isolation key, bounded in bytes; the longest unused go first. Nothing is shared between caches, so
/// neither a hit nor its speed tells one key what another asked. Owned by one resolver.
/// </summary>
public sealed class AnswerCache
{
    internal sealed class Entry(byte[] key)
    {
        public readonly byte[] Key = key;
        public CachedAnswer Answer = null!;

        /// <summary>Times that it was told since it came.</summary>
        public int Hits;

        /// <summary>After a refresh that failed: until then the stale answer is told at once.</summary>
        public Instant RefreshFailedUntil;

        public Entry? Newer;
        public Entry? Older;

        public int Bytes => Answer.Bytes + Key.Length;
    }

    readonly Dictionary<byte[], Entry> _entries = new(BytesComparer.Instance);
    readonly Dictionary<byte[], Entry>.AlternateLookup<ReadOnlySpan<byte>> _byKey;
    readonly AnswerLimits _limits;
    Entry? _newest;
    Entry? _oldest;

    public AnswerCache(AnswerLimits limits)
    {
        _limits = limits;
        _byKey = _entries.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public int Count => _entries.Count;

    /// <summary>Never above <see cref="AnswerLimits.Bytes"/>.</summary>
    public int Bytes { get; private set; }

    /// <summary>Finds what is kept for a question, be it stale but usable; too old answers are dropped on the way.</summary>
    internal Entry? Find(ReadOnlySpan<byte> key, Instant now)
    {
        if (!_byKey.TryGetValue(key, out var entry))
            return null;
        if (now >= entry.Answer.Expires + (entry.Answer.IsResolved ? _limits.Stale : TimeSpan.Zero))
        {
            Remove(entry);
            return null;
        }
        if (entry != _newest)
        {
            Unlink(entry);
            Link(entry);
        }
        return entry;
    }

    internal void Store(byte[] key, CachedAnswer answer)
    {
        if (_entries.TryGetValue(key, out var entry))
        {
            Bytes -= entry.Bytes;
            Unlink(entry);
        }
        else
        {
            entry = new Entry(key);
            _entries.Add(key, entry);
        }
        entry.Answer = answer;
        entry.Hits = 0;
        entry.RefreshFailedUntil = default;
        Bytes += entry.Bytes;
        Link(entry);
        while (Bytes > _limits.Bytes && _oldest is { } oldest)
            Remove(oldest);
    }

    public void Clear()
    {
        _entries.Clear();
        (_newest, _oldest, Bytes) = (null, null, 0);
    }

    void Remove(Entry entry)
    {
        Unlink(entry);
        _entries.Remove(entry.Key);
        Bytes -= entry.Bytes;
    }

    void Link(Entry entry)
    {
        (entry.Older, entry.Newer) = (_newest, null);
        if (_newest is { } before)
            before.Newer = entry;
        _newest = entry;
        _oldest ??= entry;
    }

    void Unlink(Entry entry)
    {
        if (entry.Older is { } older)
            older.Newer = entry.Newer;
        else
            _oldest = entry.Newer;
        if (entry.Newer is { } newer)
            newer.Older = entry.Older;
        else
            _newest = entry.Older;
    }
}
