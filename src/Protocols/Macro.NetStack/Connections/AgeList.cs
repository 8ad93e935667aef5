namespace Macro.NetStack;

/// <summary>Connections in the order in which they came. Adding and removing cost O(1) and allocate nothing.</summary>
sealed class AgeList
{
    HeldConnection? _youngest;

    public HeldConnection? Oldest { get; private set; }

    public int Count { get; private set; }

    public void Add(HeldConnection held)
    {
        held.List = this;
        held.Older = _youngest;
        held.Younger = null;
        if (_youngest is null)
            Oldest = held;
        else
            _youngest.Younger = held;
        _youngest = held;
        Count++;
    }

    public void Remove(HeldConnection held)
    {
        if (held.Older is null)
            Oldest = held.Younger;
        else
            held.Older.Younger = held.Younger;
        if (held.Younger is null)
            _youngest = held.Older;
        else
            held.Younger.Older = held.Older;
        (held.List, held.Older, held.Younger) = (null, null, null);
        Count--;
    }
}
