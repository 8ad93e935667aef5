using Macro.Core;

namespace Macro.Simulation;

/// <summary>
/// What is to happen when, in a world of virtual time: the earliest first, of the same moment what was entered first. Made for
/// millions of entries: the heap moves 24 bytes for each, whatever size they have.
/// </summary>
public sealed class Agenda<T>
{
    readonly PriorityQueue<int, (long Ticks, long Order)> _queue = new();
    readonly Stack<int> _free = new();
    T[] _entries = new T[256];
    int _used;
    long _order;

    public int Count => _queue.Count;

    /// <summary>When the next thing happens.</summary>
    public Instant Next => _queue.TryPeek(out _, out var when) ? new Instant(when.Ticks) : Instant.Never;

    public void Add(T entry, Instant when)
    {
        if (!_free.TryPop(out var place))
        {
            place = _used++;
            if (place == _entries.Length)
                Array.Resize(ref _entries, 2 * _entries.Length);
        }
        _entries[place] = entry;
        _queue.Enqueue(place, (when.Ticks, _order++));
    }

    /// <summary>Takes the next entry; the caller has seen that there is one.</summary>
    public T Take(out Instant when)
    {
        _queue.TryDequeue(out var place, out var moment);
        when = new Instant(moment.Ticks);
        var entry = _entries[place];
        _entries[place] = default!;
        _free.Push(place);
        return entry;
    }
}
