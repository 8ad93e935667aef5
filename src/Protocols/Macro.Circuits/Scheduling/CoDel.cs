using Macro.Core;

namespace Macro.Circuits;

/// <summary>What the head of a queue is to become.</summary>
enum CoDelVerdict
{
    Send,

    /// <summary>Send it with a mark.</summary>
    Mark,

    /// <summary>Drop it and ask about the next.</summary>
    Drop,
}

/// <summary>
/// Controlled delay: tells a queue that stands from one that only smooths bursts, by how long packets waited. When they waited longer
/// than the target for a whole interval, packets are marked or dropped, ever more often, until the queue is short again. One for each
/// queue, asked about each packet that leaves it. Source: RFC 8289, sections 5.4 to 5.6.
/// </summary>
struct CoDel
{
    public static readonly TimeSpan Target = TimeSpan.FromMilliseconds(5), Interval = TimeSpan.FromMilliseconds(100);

    // Flows that answer marks are slower within a few round trips; after a second of a queue that stands, marks help no more (RFC 7567 4.2.1).
    const int MostMarks = 32;

    // A count that is remembered for so long lets a queue that stands again be controlled as before.
    const int RememberedIntervals = 16;

    Instant _firstAbove, _next;
    uint _count, _lastCount;
    bool _dropping;

    /// <summary>Packets are being dropped or marked.</summary>
    public readonly bool IsControlling => _dropping;

    /// <param name="bytesLeft">Of the queue, this packet included.</param>
    /// <param name="mtu">A queue of one packet is none.</param>
    public CoDelVerdict Decide(in QueuedPacket packet, int bytesLeft, int mtu, Instant now)
    {
        var stands = Stands(now - packet.Since, bytesLeft, mtu, now);
        if (!_dropping)
        {
            if (!stands)
                return CoDelVerdict.Send;
            _dropping = true;
            var dropped = _count - _lastCount;
            _count = dropped > 1 && now - _next < RememberedIntervals * Interval ? dropped : 1;
            _lastCount = _count;
            _next = After(now);
            return Punish(packet);
        }
        if (!stands)
        {
            _dropping = false;
            return CoDelVerdict.Send;
        }
        if (now < _next)
            return CoDelVerdict.Send;
        _count++;
        _next = After(_next);
        return Punish(packet);
    }

    /// <summary>The queue ran empty.</summary>
    public void Emptied()
    {
        _firstAbove = default;
        _dropping = false;
    }

    readonly CoDelVerdict Punish(in QueuedPacket packet) => packet.EcnCapable && _count <= MostMarks ? CoDelVerdict.Mark : CoDelVerdict.Drop;

    bool Stands(TimeSpan waited, int bytesLeft, int mtu, Instant now)
    {
        if (waited < Target || bytesLeft <= mtu)
        {
            _firstAbove = default;
            return false;
        }
        if (_firstAbove == default)
        {
            _firstAbove = now + Interval;
            return false;
        }
        return now >= _firstAbove;
    }

    readonly Instant After(Instant then) => then + Interval / Math.Sqrt(_count);
}
