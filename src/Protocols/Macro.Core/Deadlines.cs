namespace Macro.Core;

/// <summary>Something that waits in a <see cref="Deadlines{T}"/>: it keeps its own place there.</summary>
public interface IDeadline
{
    /// <summary>0 while it waits for nothing. Only for the table, and only for one.</summary>
    int Place { get; set; }
}

/// <summary>
/// The next wake-up of each of many state machines: a heap whose items know their places. Setting, moving and removing
/// cost O(log n), looking costs nothing. Items due at the same moment come in no particular order. Owned by one thread.
/// </summary>
public sealed class Deadlines<T> where T : class, IDeadline
{
    // The root is at 1, so that place 0 means none and parents are a shift away.
    (long Ticks, T Item)[] _heap = new (long, T)[16];

    public int Count { get; private set; }

    /// <summary>The earliest deadline, or <see cref="Instant.Never"/>.</summary>
    public Instant Next => Count == 0 ? Instant.Never : new Instant(_heap[1].Ticks);

    /// <summary>Sets or moves an item's deadline; <see cref="Instant.Never"/> removes it.</summary>
    public void Set(T item, Instant when)
    {
        ArgumentNullException.ThrowIfNull(item);
        if (when == Instant.Never)
        {
            Remove(item);
            return;
        }
        if (item.Place == 0)
        {
            if (++Count == _heap.Length)
                Array.Resize(ref _heap, 2 * _heap.Length);
            Settle(Count, when.Ticks, item);
        }
        else if (_heap[item.Place].Ticks != when.Ticks)
            Settle(item.Place, when.Ticks, item);
    }

    public void Remove(T item)
    {
        ArgumentNullException.ThrowIfNull(item);
        var place = item.Place;
        if (place == 0)
            return;
        item.Place = 0;
        var last = _heap[Count];
        _heap[Count--] = default;
        if (last.Item != item)
            Settle(place, last.Ticks, last.Item);
    }

    /// <summary>Takes one item whose deadline has passed; the caller sets its next one.</summary>
    public bool TryTakeDue(Instant now, out T item)
    {
        item = null!;
        if (Next > now || Count == 0)
            return false;
        item = _heap[1].Item;
        Remove(item);
        return true;
    }

    /// <summary>Puts an item into a place whose content no longer counts, then up or down to where it belongs.</summary>
    void Settle(int place, long ticks, T item)
    {
        for (; place > 1 && ticks < _heap[place / 2].Ticks; place /= 2)
            Put(place, _heap[place / 2]);
        for (var child = 2 * place; child <= Count; place = child, child *= 2)
        {
            if (child < Count && _heap[child + 1].Ticks < _heap[child].Ticks)
                child++;
            if (ticks <= _heap[child].Ticks)
                break;
            Put(place, _heap[child]);
        }
        Put(place, (ticks, item));
    }

    void Put(int place, (long Ticks, T Item) entry)
    {
        _heap[place] = entry;
        entry.Item.Place = place;
    }
}
