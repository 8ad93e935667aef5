namespace Macro.NetStack.Tcp;

/// <summary>Round-trip time and retransmission time-out (RFC 6298). All times in ticks of 100 ns.</summary>
/// <remarks>
/// The floor is 200 ms above the smoothed time, as every large implementation has it, and not the 1 s of RFC 6298 2.4:
/// RACK-TLP repairs what an early time-out would.
/// </remarks>
sealed class RttEstimator
{
    const long Initial = TimeSpan.TicksPerSecond, Floor = TimeSpan.TicksPerSecond / 5, Ceiling = 120 * TimeSpan.TicksPerSecond;

    // The minimum holds for five minutes, kept in two halves (RFC 8985 6.2 step 1 leaves the length open).
    const long Half = 150 * TimeSpan.TicksPerSecond;

    long _variation, _timeout = Initial, _halfBegan;
    long _minimum = long.MaxValue, _earlierMinimum = long.MaxValue;
    int _backoff;

    /// <summary>SRTT; 0 before the first sample.</summary>
    public long Smoothed { get; private set; }

    /// <summary>0 before the first sample.</summary>
    public long Minimum => Smoothed == 0 ? 0 : Math.Min(_minimum, _earlierMinimum);

    /// <summary>RTO with backoff.</summary>
    public long Timeout => Math.Min(_timeout << _backoff, Ceiling);

    /// <summary>RTO without backoff.</summary>
    public long BaseTimeout => _timeout;

    public void Sample(long rtt, long now)
    {
        rtt = Math.Max(rtt, 1);
        if (Smoothed == 0)
        {
            Smoothed = rtt;
            _variation = rtt / 2;
            _halfBegan = now;
        }
        else
        {
            _variation += (Math.Abs(Smoothed - rtt) - _variation) / 4;
            Smoothed = Math.Max(Smoothed + (rtt - Smoothed) / 8, 1);
        }
        if (now - _halfBegan > Half)
            (_earlierMinimum, _minimum, _halfBegan) = (_minimum, long.MaxValue, now);
        _minimum = Math.Min(_minimum, rtt);
        _timeout = Math.Min(Smoothed + Math.Max(4 * _variation, Floor), Ceiling);
    }

    /// <summary>A sample of the timestamp clock: whole milliseconds, the last one begun.</summary>
    public void SampleCoarse(long rtt, long now)
    {
        if (rtt >= 0 && rtt < Ceiling)
            Sample(Math.Max(rtt, TimeSpan.TicksPerMillisecond), now);
    }

    public void BackOff() => _backoff = Math.Min(_backoff + 1, 10);

    public void Progress() => _backoff = 0;
}
