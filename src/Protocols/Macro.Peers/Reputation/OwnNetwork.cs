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

    /// <summary>
    /// Between two messages of a node that are no further apart the network worked all the time: a little more than between two probes of a circuit with traffic, and
    /// less than any outage in which all probes of a hop are lost.
    /// </summary>
    static readonly TimeSpan s_together = TimeSpan.FromMilliseconds(800);

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

    /// <summary>
    /// Somebody else was heard when the silent one should have answered already, and before he was asked for the last time: then he was asked while the network worked. Who was
    /// merely heard last when it failed is no better than the others.
    /// </summary>
    /// <param name="since">When his first answer was due.</param>
    /// <param name="asked">When the last question was put.</param>
    public bool WorkedDuring(Instant since, Instant asked, NodeId butFor)
    {
        foreach (var (id, from, at) in _heard)
            if (id != butFor && at > since && from <= asked)
                return true;
        return false;
    }

    /// <summary>The machine slept at some time since then.</summary>
    public bool SleptSince(Instant since) => _woke > since;
}
