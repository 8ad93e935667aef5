namespace Macro.NetStack.Tcp;

/// <summary>CUBIC (RFC 9438). Windows in segments, times in ticks; the window itself belongs to <see cref="CongestionControl"/>.</summary>
struct Cubic
{
    const double C = 0.4, Beta = 0.7, Alpha = 3 * (1 - Beta) / (1 + Beta);

    // Steps finer than this bring nothing but cube arithmetic for every ACK.
    const long Step = TimeSpan.TicksPerSecond / 32;

    double _lastMax, _origin, _k, _estimate, _acksPerSegment, _credit;
    long _epoch, _computed;
    int _computedFor;

    /// <summary>The window after congestion (4.6), with fast convergence (4.7).</summary>
    public int Reduce(int window)
    {
        _lastMax = window < _lastMax ? window * (1 + Beta) / 2 : window;
        _epoch = 0;
        return Math.Max((int)(window * Beta), 2);
    }

    /// <summary>Forgets the past: after a time-out, when the path may be another (4.8).</summary>
    public void Reset() => this = default;

    /// <summary>The sender was idle: that time does not count (5.8).</summary>
    public void SkipIdle(long idle)
    {
        if (_epoch != 0)
            _epoch += idle;
    }

    /// <summary>By how many segments the window grows for <paramref name="acked"/> acknowledged ones, outside slow start.</summary>
    public int Grow(int window, int acked, long rtt, long now)
    {
        if (_epoch == 0)
            Begin(window, now);
        _estimate += (_estimate < _lastMax ? Alpha : 1) * acked / window;
        if (now - _computed >= Step || window != _computedFor)
            Compute(window, rtt, now);
        _credit += acked / _acksPerSegment;
        var grown = (int)_credit;
        _credit -= grown;
        return grown;
    }

    void Begin(int window, long now)
    {
        _epoch = now;
        _estimate = window;
        _credit = 0;
        _computedFor = 0;
        _origin = Math.Max(_lastMax, window);
        _k = Math.Cbrt((_origin - window) / C);
    }

    /// <summary>4.2 to 4.5: concave, convex, or Reno-friendly, whichever grows faster; at most by half in a round trip.</summary>
    void Compute(int window, long rtt, long now)
    {
        (_computed, _computedFor) = (now, window);
        var t = (now - _epoch + rtt) / (double)TimeSpan.TicksPerSecond - _k;
        var target = Math.Max(_origin + C * t * t * t, _estimate);
        // Near the plateau it creeps, and before the first loss it goes on probing.
        var slowest = _lastMax == 0 ? 20 : 100.0 * window;
        _acksPerSegment = target > window ? Math.Clamp(window / (target - window), 2, slowest) : slowest;
    }
}
