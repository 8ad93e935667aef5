namespace Macro.Core;

/// <summary>
/// The next wake-up of each of many state machines. Setting costs O(log n); a deadline that is moved leaves a stale
/// entry behind, which is skipped when its time comes. Owned by one thread.
/// </summary>
public sealed class Deadlines<T> where T : class
{
    readonly PriorityQueue<T, long> _queue = new();
    readonly Dictionary<T, long> _due = new(ReferenceEqualityComparer.Instance);

    public int Count => _due.Count;

    /// <summary>The earliest deadline, or <see cref="Instant.Never"/>.</summary>
    public Instant Next
    {
        get
        {
            while (_queue.TryPeek(out var item, out var ticks))
            {
                if (_due.TryGetValue(item, out var due) && due == ticks)
                    return new Instant(ticks);
                _queue.Dequeue();
            }
            return Instant.Never;
        }
    }

    /// <summary>Sets or moves an item's deadline; <see cref="Instant.Never"/> removes it.</summary>
    public void Set(T item, Instant when)
    {
        if (when == Instant.Never)
        {
            _due.Remove(item);
            return;
        }
        if (_due.TryGetValue(item, out var due) && due == when.Ticks)
            return;
        _due[item] = when.Ticks;
        _queue.Enqueue(item, when.Ticks);
    }

    public void Remove(T item) => _due.Remove(item);

    /// <summary>Takes one item whose deadline has passed; the caller sets its next one.</summary>
    public bool TryTakeDue(Instant now, out T item)
    {
        if (Next <= now)
        {
            item = _queue.Dequeue();
            _due.Remove(item);
            return true;
        }
        item = null!;
        return false;
    }
}
