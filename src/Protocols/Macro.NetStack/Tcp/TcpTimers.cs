using System.Runtime.CompilerServices;
using Macro.Core;

namespace Macro.NetStack.Tcp;

/// <summary>The timers of a connection.</summary>
enum TcpTimer : byte
{
    /// <summary>RTO: the oldest segment counts as lost (RFC 6298). Also repeats SYN and SYN-ACK.</summary>
    Retransmit,

    /// <summary>PTO: the tail is probed before the RTO (RFC 8985 7).</summary>
    LossProbe,

    /// <summary>The reordering window of some segment ends (RFC 8985 6.3).</summary>
    Reorder,

    /// <summary>The peer's window is asked for again (RFC 9293 3.8.6.1).</summary>
    Persist,

    /// <summary>An ACK has waited long enough for company.</summary>
    DelayedAck,

    /// <summary>The idle peer is asked whether it is there (RFC 9293 3.8.4).</summary>
    KeepAlive,

    /// <summary>The end of TIME-WAIT, or of an attempt to connect.</summary>
    Lifetime,

    /// <summary>Memory was short: try again.</summary>
    Shortage,
}

/// <summary>When each timer runs out, in ticks.</summary>
struct TcpTimers
{
    const int Count = (int)TcpTimer.Shortage + 1;

    Table _due;
    int _set;

    /// <summary>The next to run out.</summary>
    public readonly Instant Next
    {
        get
        {
            var next = long.MaxValue;
            for (var left = _set; left != 0; left &= left - 1)
                next = Math.Min(next, _due[System.Numerics.BitOperations.TrailingZeroCount(left)]);
            return new Instant(next);
        }
    }

    public readonly bool IsSet(TcpTimer timer) => (_set & (1 << (int)timer)) != 0;

    public void Set(TcpTimer timer, long ticks)
    {
        _due[(int)timer] = ticks;
        _set |= 1 << (int)timer;
    }

    public void Clear(TcpTimer timer) => _set &= ~(1 << (int)timer);

    public void ClearAll() => _set = 0;

    /// <summary>True, and the timer no longer set, when it has run out.</summary>
    public bool Expire(TcpTimer timer, long now)
    {
        if (!IsSet(timer) || _due[(int)timer] > now)
            return false;
        Clear(timer);
        return true;
    }

    [InlineArray(Count)]
    struct Table
    {
        long _first;
    }
}
