namespace Macro.NetStack.Tcp;

/// <summary>
/// How large the receive window has to be: twice what the application took in one round trip, and more while that grows
/// ("dynamic right-sizing"). Times in ticks.
/// </summary>
struct ReceiveTuning
{
    long _rtt, _measuredAt, _measuredRead, _windowBegan, _windowEnd;
    int _space;

    public static ReceiveTuning Begin(int limit) => new() { _space = Math.Min(limit, 16 << 10) };

    /// <summary>A data segment echoes a timestamp of ours: that is one round trip, of the sender's pace at worst.</summary>
    public void TakeEcho(long age) => TakeRtt(Math.Max(age, TimeSpan.TicksPerMillisecond));

    /// <summary>Without timestamps: the time in which a whole window comes in.</summary>
    public void TakeArrival(long next, long window, long now)
    {
        if (next < _windowEnd)
            return;
        if (_windowEnd != 0)
            TakeRtt(now - _windowBegan);
        (_windowBegan, _windowEnd) = (now, next + window);
    }

    /// <summary>The limit from now on, in bytes.</summary>
    /// <param name="read">Position up to which the application has taken the stream.</param>
    public int Tune(long read, int limit, int most, int mss, long now)
    {
        if (_measuredAt == 0)
            (_measuredAt, _measuredRead) = (now, read);
        if (_rtt == 0 || now - _measuredAt < _rtt)
            return limit;
        var taken = read - _measuredRead;
        (_measuredAt, _measuredRead) = (now, read);
        if (taken <= _space)
            return limit;
        var wanted = 2 * taken + 16 * mss;
        // A sender in slow start will double again.
        wanted += 2 * (wanted * (taken - _space) / _space);
        _space = (int)Math.Min(taken, int.MaxValue);
        return (int)Math.Min(Math.Max(wanted, limit), most);
    }

    void TakeRtt(long sample)
    {
        sample = Math.Max(sample, 1);
        // The smallest matters: larger ones contain the sender's pauses.
        _rtt = _rtt == 0 || sample < _rtt ? sample : _rtt + (sample - _rtt) / 8;
    }
}
