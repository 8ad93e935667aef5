namespace Macro.NetStack.Tcp;

/// <summary>
/// HyStart++ (RFC 9406): leaves slow start when a round trip takes longer than the one before, first into a phase of
/// conservative growth, and back when that was a false alarm. That is seen a round late, when a queue as long as the path has overflowed
/// by then; so slow start is over, too, when the ACKs of a round have come in one train for half of the shortest round trip: the window
/// has passed half of what the path holds (HyStart: Ha and Rhee, Computer Networks 55, 2011, section 3.2). Times in ticks.
/// </summary>
struct HyStart
{
    const long MinThreshold = 4 * TimeSpan.TicksPerMillisecond, MaxThreshold = 16 * TimeSpan.TicksPerMillisecond;
    const int Samples = 8, ConservativeRounds = 5;

    /// <summary>ACKs that are further apart are no train.</summary>
    const long TrainGap = 2 * TimeSpan.TicksPerMillisecond;

    /// <summary>Segments, from which on trains are looked at.</summary>
    const int TrainWindow = 16;

    /// <summary>Divides growth in the conservative phase (CSS_GROWTH_DIVISOR).</summary>
    const int GrowthDivisor = 4;

    long _sampledAt, _roundEnd, _lastMinimum, _minimum, _baseline;
    long _shortest, _trainBegan, _trainAt;
    int _samples, _rounds, _credit;
    bool _conservative;

    public void Begin(long sendNext)
    {
        this = default;
        BeginRound(sendNext);
        (_lastMinimum, _shortest) = (long.MaxValue, long.MaxValue);
    }

    /// <summary>Takes an ACK in slow start; returns the growth in segments. <paramref name="leave"/>: slow start is over.</summary>
    /// <param name="rtt">0: the ACK gave no sample.</param>
    public int Grow(int acked, int window, long acknowledged, long sendNext, long rtt, long now, out bool leave)
    {
        if (_roundEnd == 0)
            Begin(sendNext);
        leave = IsLongTrain(now) && window >= TrainWindow;
        if (rtt > 0)
        {
            _minimum = Math.Min(_minimum, rtt);
            // ACKs that are handled at one moment were held up together: they tell one thing, not eight.
            if (now != _sampledAt)
                _samples++;
            _sampledAt = now;
            _shortest = Math.Min(_shortest, rtt);
            Judge();
        }
        if (acknowledged >= _roundEnd)
        {
            leave |= _conservative && ++_rounds >= ConservativeRounds;
            BeginRound(sendNext);
        }
        if (!_conservative)
            return acked;
        _credit += acked;
        var grown = _credit / GrowthDivisor;
        _credit %= GrowthDivisor;
        return grown;
    }

    void Judge()
    {
        if (_samples < Samples)
            return;
        if (_conservative)
        {
            if (_minimum < _baseline)
                _conservative = false;
        }
        else if (_lastMinimum != long.MaxValue && _minimum >= _lastMinimum + Math.Clamp(_lastMinimum / 8, MinThreshold, MaxThreshold))
        {
            (_conservative, _baseline, _rounds) = (true, _minimum, 0);
        }
    }

    bool IsLongTrain(long now)
    {
        if (now - _trainAt > TrainGap)
            _trainBegan = now;
        _trainAt = now;
        return _shortest != long.MaxValue && now - _trainBegan > _shortest / 2;
    }

    void BeginRound(long sendNext)
    {
        (_roundEnd, _lastMinimum, _minimum, _samples) = (sendNext, _minimum, long.MaxValue, 0);
    }
}
