namespace Macro.WireGuard;

/// <summary>
/// The sessions that one batch uses: each acquired once, with what passed through it. Belongs to one pump thread.
/// </summary>
/// <param name="capacity">Most different sessions at a time.</param>
public sealed class HeldSessions(int capacity)
{
    readonly Held[] _held = new Held[capacity];

    public int Count { get; private set; }

    public ref Held this[int index] => ref _held[index];

    /// <summary>Index of the session, acquired; -1 when it was retired or there is no room.</summary>
    public int Hold(Session session)
    {
        for (var i = Count - 1; i >= 0; i--)
            if (_held[i].Session == session)
                return i;
        if (Count == _held.Length || !session.TryAcquire())
            return -1;
        _held[Count] = new Held { Session = session };
        return Count++;
    }

    public void ReleaseAll()
    {
        for (var i = 0; i < Count; i++)
        {
            _held[i].Session.Release();
            _held[i] = default;
        }
        Count = 0;
    }

    /// <summary>One session and its part of the batch.</summary>
    public struct Held
    {
        public Session Session;
        public int Messages, DataPackets;
        public long Bytes;
    }
}
