namespace Macro.NetStack.Tcp;

/// <summary>The congestion window in segments: slow start by HyStart++, avoidance by CUBIC, idle restart (RFC 5681, RFC 7661).</summary>
sealed class CongestionControl
{
    /// <summary>RFC 6928.</summary>
    public const int InitialWindow = 10;

    const int Largest = 1 << 20;

    Cubic _cubic, _cubicBefore;
    HyStart _start;
    int _mostOut;
    long _usageEnd;
    bool _isLimited;

    public int Window { get; set; } = InitialWindow;

    /// <summary>ssthresh.</summary>
    public int Threshold { get; set; } = int.MaxValue;

    public bool InSlowStart => Window < Threshold;

    /// <summary>ssthresh after the window was left unused for a while keeps memory of it (RFC 2861 3).</summary>
    int CurrentThreshold => Math.Max(Threshold, (Window >> 1) + (Window >> 2));

    /// <summary>Notes how much of the window was in use when the sender stopped (RFC 7661 4.1).</summary>
    /// <param name="limited">It stopped because of the window.</param>
    public void Validate(int segmentsOut, long una, long next, bool limited)
    {
        if (una < _usageEnd && !limited && (_isLimited || segmentsOut <= _mostOut))
            return;
        (_isLimited, _mostOut, _usageEnd) = (limited, segmentsOut, next);
    }

    /// <summary>Segments were acknowledged outside of recovery.</summary>
    /// <param name="rtt">Of this ACK, ticks; 0: no sample.</param>
    public void Acknowledge(int acked, long una, long next, long rtt, long smoothedRtt, long now)
    {
        var slow = InSlowStart;
        if (!_isLimited && (!slow || Window >= 2 * _mostOut))
            return;
        if (slow)
        {
            var grown = _start.Grow(acked, Window, una, next, rtt, now, out var leave);
            Window = Math.Min(Window + grown, Math.Min(Threshold, Largest));
            if (leave)
                Threshold = Window;
            return;
        }
        Window = Math.Min(Window + _cubic.Grow(Window, acked, smoothedRtt, now), Largest);
    }

    /// <summary>Congestion: sets the threshold to where the window has to go.</summary>
    public void Reduce()
    {
        _cubicBefore = _cubic;
        Threshold = _cubic.Reduce(Window);
    }

    /// <summary>A time-out: one segment, and slow start towards the threshold.</summary>
    public void Collapse(int window)
    {
        Window = window;
        _cubic.Reset();
        _start = default;
    }

    /// <summary>The congestion was none (RFC 9438 4.9).</summary>
    public void Restore(int window, int threshold)
    {
        Window = Math.Max(Window, window);
        Threshold = Math.Max(Threshold, threshold);
        _cubic = _cubicBefore;
    }

    /// <summary>Nothing was sent for a while (RFC 5681 4.1, RFC 2861): the window halves for every time-out that passed.</summary>
    public void RestartAfterIdle(long idle, long timeout)
    {
        _cubic.SkipIdle(idle);
        if (idle < timeout)
            return;
        var threshold = CurrentThreshold;
        var floor = Math.Min(Window, InitialWindow);
        for (; idle >= timeout && Window > floor; idle -= timeout)
            Window >>= 1;
        Window = Math.Max(Window, floor);
        if (Threshold != int.MaxValue)
            Threshold = threshold;
        _start = default;
        _isLimited = false;
        _mostOut = 0;
    }
}
