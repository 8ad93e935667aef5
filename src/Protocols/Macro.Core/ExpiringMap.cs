using System.Diagnostics.CodeAnalysis;

namespace Macro.Core;

/// <summary>
/// A map that forgets: an entry lives for a fixed time after it was set or touched, and there are never more than a
/// fixed number, so that strangers cannot fill the memory. All operations take constant time (amortized) and, once the
/// map has grown, allocate nothing. Not thread-safe.
/// </summary>
public sealed class ExpiringMap<TKey, TValue> where TKey : notnull
{
    const int None = -1;

    struct Node
    {
        public TKey Key;
        public TValue Value;
        public Instant Expiry;
        public int Older, Newer;
    }

    readonly Dictionary<TKey, int> _places = [];
    readonly int _capacity;
    readonly TimeSpan _lifetime;
    Node[] _nodes = new Node[4];
    // All lives are equally long, so the order of the last touch is the order of expiry.
    int _oldest = None, _newest = None, _free = None, _used;

    /// <param name="capacity">Most entries.</param>
    /// <param name="lifetime">From the last touch to the end of an entry.</param>
    public ExpiringMap(int capacity, TimeSpan lifetime)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lifetime, TimeSpan.Zero);
        _capacity = capacity;
        _lifetime = lifetime;
    }

    /// <summary>Entries, those counted that expired since the last call with a later time.</summary>
    public int Count => _places.Count;

    /// <summary>When the next entry expires.</summary>
    public Instant? NextTimeout => _oldest == None ? null : _nodes[_oldest].Expiry;

    /// <summary>Drops what has expired; every other call does so too.</summary>
    public void HandleTimeout(Instant now)
    {
        while (_oldest != None && _nodes[_oldest].Expiry <= now)
            Free(_oldest);
    }

    /// <summary>Looks an entry up without making it younger.</summary>
    public bool TryGet(TKey key, Instant now, [MaybeNullWhen(false)] out TValue value)
    {
        HandleTimeout(now);
        var found = _places.TryGetValue(key, out var place);
        value = found ? _nodes[place].Value : default;
        return found;
    }

    /// <summary>Looks an entry up and starts its life anew.</summary>
    public bool TryTouch(TKey key, Instant now, [MaybeNullWhen(false)] out TValue value)
    {
        var found = TryGet(key, now, out value);
        if (found)
            Renew(_places[key], now);
        return found;
    }

    /// <summary>Adds an entry. False when the key is there or the map is full.</summary>
    public bool TryAdd(TKey key, TValue value, Instant now)
    {
        HandleTimeout(now);
        if (Count == _capacity || _places.ContainsKey(key))
            return false;
        Add(key, now).Value = value;
        return true;
    }

    /// <summary>Adds or replaces an entry and starts its life anew; in a full map the oldest entry makes room.</summary>
    public void Set(TKey key, TValue value, Instant now) => GetOrAdd(key, now, out _) = value;

    /// <summary>
    /// The value itself, to be changed in place until the next call, its life started anew; a new entry begins with the
    /// default value. In a full map the oldest entry makes room.
    /// </summary>
    public ref TValue GetOrAdd(TKey key, Instant now, out bool existed)
    {
        HandleTimeout(now);
        existed = _places.TryGetValue(key, out var place);
        if (existed)
        {
            Renew(place, now);
            return ref _nodes[place].Value;
        }
        if (Count == _capacity)
            Free(_oldest);
        return ref Add(key, now).Value;
    }

    public bool Remove(TKey key)
    {
        var found = _places.TryGetValue(key, out var place);
        if (found)
            Free(place);
        return found;
    }

    ref Node Add(TKey key, Instant now)
    {
        int place;
        if (_free != None)
        {
            place = _free;
            _free = _nodes[place].Newer;
        }
        else
        {
            if (_used == _nodes.Length)
                Array.Resize(ref _nodes, Math.Min(2 * _used, Math.Max(_capacity, 4)));
            place = _used++;
        }
        _places.Add(key, place);
        ref var node = ref _nodes[place];
        node.Key = key;
        node.Value = default!;
        Append(place, now);
        return ref node;
    }

    void Renew(int place, Instant now)
    {
        Unlink(place);
        Append(place, now);
    }

    void Append(int place, Instant now)
    {
        ref var node = ref _nodes[place];
        // A caller whose time went back must not break the order.
        node.Expiry = _newest == None ? now + _lifetime : Instant.Max(now + _lifetime, _nodes[_newest].Expiry);
        (node.Older, node.Newer) = (_newest, None);
        if (_newest == None)
            _oldest = place;
        else
            _nodes[_newest].Newer = place;
        _newest = place;
    }

    void Unlink(int place)
    {
        var (older, newer) = (_nodes[place].Older, _nodes[place].Newer);
        if (older == None)
            _oldest = newer;
        else
            _nodes[older].Newer = newer;
        if (newer == None)
            _newest = older;
        else
            _nodes[newer].Older = older;
    }

    void Free(int place)
    {
        _places.Remove(_nodes[place].Key);
        Unlink(place);
        _nodes[place] = new Node { Key = default!, Value = default!, Newer = _free };
        _free = place;
    }
}
