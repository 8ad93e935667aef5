using System.Diagnostics.CodeAnalysis;

namespace Macro.Core;

/// <summary>
/// Many timers by name and the earliest of them: a heap with an index. Setting, cancelling and taking cost O(log n);
/// <see cref="NextTimeout"/> is constant. Timers due at the same time come in the order in which they were set. Not thread-safe.
/// </summary>
/// <typeparam name="TName">What names a timer, such as a pair of session and purpose; one name, one timer.</typeparam>
public sealed class TimerTable<TName> where TName : notnull
{
    readonly record struct Timer(Instant At, long Order, TName Name)
    {
        public bool IsBefore(in Timer other) => At < other.At || (At == other.At && Order < other.Order);
    }

    readonly List<Timer> _heap = [];
    readonly Dictionary<TName, int> _places = [];
    long _order;

    public int Count => _heap.Count;

    /// <summary>When the earliest timer is due.</summary>
    public Instant? NextTimeout => _heap.Count == 0 ? null : _heap[0].At;

    /// <summary>When this timer is due; null when it is not set.</summary>
    public Instant? this[TName name] => _places.TryGetValue(name, out var place) ? _heap[place].At : null;

    /// <summary>Sets a timer, or moves the one of this name. <see cref="Instant.Never"/> cancels it.</summary>
    public void Set(TName name, Instant at)
    {
        if (at == Instant.Never)
        {
            Cancel(name);
            return;
        }
        if (!_places.TryGetValue(name, out var place))
        {
            place = _heap.Count;
            _heap.Add(default);
        }
        Settle(place, new Timer(at, _order++, name));
    }

    /// <summary>Sets a timer only where that makes it earlier.</summary>
    public void SetEarlier(TName name, Instant at)
    {
        if (this[name] is not { } set || at < set)
            Set(name, at);
    }

    /// <summary>False when there was none.</summary>
    public bool Cancel(TName name)
    {
        if (!_places.Remove(name, out var place))
            return false;
        var last = _heap[^1];
        _heap.RemoveAt(_heap.Count - 1);
        if (place < _heap.Count)
            Settle(place, last);
        return true;
    }

    /// <summary>Takes the earliest timer that is due, off the table. Call until false.</summary>
    public bool TryTake(Instant now, [MaybeNullWhen(false)] out TName name)
    {
        name = default;
        if (_heap.Count == 0 || _heap[0].At > now)
            return false;
        name = _heap[0].Name;
        return Cancel(name);
    }

    /// <summary>Puts a timer at a place whose old content no longer counts, then up or down to where it belongs.</summary>
    void Settle(int place, Timer timer)
    {
        while (place > 0 && timer.IsBefore(_heap[(place - 1) / 2]))
        {
            Put(place, _heap[(place - 1) / 2]);
            place = (place - 1) / 2;
        }
        while (true)
        {
            var child = 2 * place + 1;
            if (child >= _heap.Count)
                break;
            if (child + 1 < _heap.Count && _heap[child + 1].IsBefore(_heap[child]))
                child++;
            if (!_heap[child].IsBefore(timer))
                break;
            Put(place, _heap[child]);
            place = child;
        }
        Put(place, timer);
    }

    void Put(int place, Timer timer)
    {
        _heap[place] = timer;
        _places[timer.Name] = place;
    }
}
