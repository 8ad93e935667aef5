using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// Whether this machine could hear at all while somebody was silent: it could if others were heard meanwhile. Remembers the last few
/// nodes that were heard. Not thread-safe.
/// </summary>
public sealed class OwnNetwork
{
    const int Remembered = 8;

    /// <summary>A machine that comes this late to its own appointments was asleep.</summary>
    public static readonly TimeSpan Asleep = TimeSpan.FromSeconds(5);

    readonly (NodeId Id, Instant At)[] _heard = new (NodeId, Instant)[Remembered];
    Instant _woke;

    /// <summary>An authentic message came from this node.</summary>
    public void Heard(NodeId id, Instant now)
    {
        var place = 0;
        for (var i = 0; i < Remembered; i++)
        {
            if (_heard[i].Id == id)
            {
                place = i;
                break;
            }
            if (_heard[i].At < _heard[place].At)
                place = i;
        }
        _heard[place] = (id, Instant.Max(now, _heard[place].At));
    }

    /// <summary>The owner comes back at <paramref name="now"/>, and was to come at <paramref name="due"/>.</summary>
    public void Returned(Instant due, Instant now)
    {
        if (due != Instant.Never && now - due > Asleep)
            _woke = now;
    }

    /// <summary>Somebody else was heard since then.</summary>
    public bool WorkedSince(Instant since, NodeId butFor)
    {
        foreach (var (id, at) in _heard)
            if (id != butFor && at > since)
                return true;
        return false;
    }

    /// <summary>The machine slept at some time since then.</summary>
    public bool SleptSince(Instant since) => _woke > since;
}
