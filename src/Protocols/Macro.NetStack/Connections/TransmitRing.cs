namespace Macro.NetStack;

/// <summary>
/// Connections that want to transmit, in turns: each may send so many segments in a row, which is cheaper for whoever takes
/// them, then the next one comes. No bulk transfer keeps the others waiting for longer than that.
/// </summary>
sealed class TransmitRing(int segmentsPerTurn)
{
    HeldConnection? _last;
    int _sent;

    public HeldConnection? First { get; private set; }

    public void Add(HeldConnection held)
    {
        if (held.IsQueued)
            return;
        held.IsQueued = true;
        if (_last is null)
            First = held;
        else
            _last.NextQueued = held;
        _last = held;
    }

    /// <summary>The first one has sent a segment.</summary>
    public void NoteSent()
    {
        if (++_sent < segmentsPerTurn || First is not { NextQueued: not null } held)
            return;
        RemoveFirst();
        Add(held);
    }

    public void RemoveFirst()
    {
        var held = First!;
        First = held.NextQueued;
        if (First is null)
            _last = null;
        (held.NextQueued, held.IsQueued) = (null, false);
        _sent = 0;
    }
}
