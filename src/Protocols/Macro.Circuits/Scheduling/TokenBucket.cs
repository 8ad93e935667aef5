using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// A rate that holds over any time: credit grows evenly up to a burst, and what is sent is taken off. A packet may go while there is any
/// credit, and what it costs beyond is paid off before the next. Whole numbers throughout, so that no rounding adds up.
/// </summary>
public sealed class TokenBucket
{
    // Credit is counted in bits x ticks per second: a tick of time adds exactly the rate.
    const long Scale = 8 * TimeSpan.TicksPerSecond;

    long _rate;
    Int128 _burst;
    Int128 _credit;
    Instant _at;

    /// <param name="bitsPerSecond">1 and up.</param>
    /// <param name="burst">Bytes that may go at once after a pause, 1 and up.</param>
    public TokenBucket(long bitsPerSecond, int burst, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bitsPerSecond, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        (_rate, _burst, _at) = (bitsPerSecond, (Int128)burst * Scale, now);
        _credit = _burst;
    }

    /// <summary>Another rate from now on; what was saved up or is owed stays.</summary>
    public void Change(long bitsPerSecond, int burst, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bitsPerSecond, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        Refill(now);
        (_rate, _burst) = (bitsPerSecond, (Int128)burst * Scale);
        _credit = Int128.Min(_burst, _credit);
    }

    /// <summary>A packet may go now.</summary>
    public bool IsOpen(Instant now)
    {
        Refill(now);
        return _credit > 0;
    }

    /// <summary>When the next packet may go: now or later.</summary>
    public Instant OpensAt(Instant now)
    {
        Refill(now);
        return _credit > 0 ? now : now + new TimeSpan((long)(-_credit / _rate) + 1);
    }

    /// <summary>A packet goes.</summary>
    public void Take(int bytes) => _credit -= (Int128)bytes * Scale;

    void Refill(Instant now)
    {
        if (now <= _at)
            return;
        _credit = Int128.Min(_burst, _credit + (Int128)(now - _at).Ticks * _rate);
        _at = now;
    }
}
