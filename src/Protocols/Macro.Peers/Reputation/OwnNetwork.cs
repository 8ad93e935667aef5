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

    /// <summary>Between two messages of a node that are no further apart the network worked all the time.</summary>
    static readonly TimeSpan s_together = TimeSpan.FromSeconds(2);

    readonly (NodeId Id, Instant From, Instant At)[] _heard = new (NodeId, Instant, Instant)[Remembered];
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
        var (known, from, last) = _heard[place];
        if (known != id || now > last)
            _heard[place] = (id, known == id && now - last <= s_together ? from : now, Instant.Max(now, last));
    }

    /// <summary>The owner comes back at <paramref name="now"/>, and was to come at <paramref name="due"/>.</summary>
    public void Returned(Instant due, Instant now)
    {
        if (due != Instant.Never && now - due > Asleep)
            _woke = now;
    }

    /// <summary>Somebody else was heard since then, and before the last question was put: what was asked so late could be answered.</summary>
    public bool WorkedSince(Instant since, Instant asked, NodeId butFor)
    {
        foreach (var (id, from, at) in _heard)
            if (id != butFor && at > since && from <= asked)
                return true;
        return false;
    }

    /// <summary>The machine slept at some time since then.</summary>
    public bool SleptSince(Instant since) => _woke > since;
}
