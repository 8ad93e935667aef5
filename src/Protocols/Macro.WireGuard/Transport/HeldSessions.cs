using System.Numerics;

namespace Macro.WireGuard;

/// <summary>
/// The sessions that one batch uses: each acquired once, with what passed through it. Belongs to one pump thread.
/// </summary>
/// <param name="capacity">Most different sessions at a time.</param>
public sealed class HeldSessions(int capacity)
{
    readonly Held[] _held = new Held[capacity];

    // Open addressing by our own index of the session, which is random: 1 + its place in the list, 0 free.
    readonly int[] _places = new int[BitOperations.RoundUpToPowerOf2((uint)(2 * capacity))];

    public int Count { get; private set; }

    public ref Held this[int index] => ref _held[index];

    /// <summary>Index of the session, acquired; -1 when it was retired or there is no room.</summary>
    public int Hold(Session session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var mask = _places.Length - 1;
        var place = (int)session.LocalIndex & mask;
        for (; _places[place] is > 0 and var found; place = (place + 1) & mask)
            if (_held[found - 1].Session == session)
                return found - 1;
        if (Count == _held.Length || !session.TryAcquire())
            return -1;
        _held[Count] = new Held { Session = session, Place = place };
        _places[place] = ++Count;
        return Count - 1;
    }

    public void ReleaseAll()
    {
        for (var i = 0; i < Count; i++)
        {
            _places[_held[i].Place] = 0;
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
        internal int Place;
    }
}
