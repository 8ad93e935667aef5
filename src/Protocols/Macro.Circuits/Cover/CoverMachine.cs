using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// One direction of cover traffic between a client and its entry: bursts that begin at random, of a random length, as requests and
/// answers of the web come. Whatever else is sent meanwhile takes the place of a cover message: traffic costs nothing more.
/// A state machine without a clock; docs/protocol/padding.md has its distributions.
/// </summary>
/// <remarks>
/// In any hour it sends at most its budget: a tenth may be saved up, from nothing, and nine tenths come in the hour.
/// </remarks>
public sealed class CoverMachine
{
    /// <summary>Messages of a burst, on the average (geometric), and the time between two of them (exponential).</summary>
    const double MeanBurst = 8;

    static readonly TimeSpan s_meanGap = TimeSpan.FromMilliseconds(25), s_shortest = TimeSpan.FromMilliseconds(1);

    readonly IRandom _random;
    readonly double _size, _perSecond, _most;
    readonly TimeSpan _meanPause;
    Instant _filledAt, _steppedAt;
    double _credit;
    int _left;

    /// <param name="budget">Bytes an hour, at least ten datagrams; of fewer nothing comes.</param>
    /// <param name="size">Bytes of a datagram of this session.</param>
    public CoverMachine(long budget, int size, IRandom random, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(budget);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        (_random, _size, Budget) = (random, size, budget);
        (_perSecond, _most) = (0.9 * budget / 3600, 0.1 * budget);
        _meanPause = TimeSpan.FromSeconds(MeanBurst * size / _perSecond);
        _filledAt = _steppedAt = now;
        NextTimeout = now + Draw(_meanPause);
    }

    /// <summary>Bytes an hour.</summary>
    public long Budget { get; }

    /// <summary>Messages sent so far.</summary>
    public long Sent { get; private set; }

    public Instant NextTimeout { get; private set; }

    /// <summary>To be called at <see cref="NextTimeout"/>. True: one cover message is to be sent now.</summary>
    /// <param name="lastSent">When anything was last sent in this session.</param>
    public bool TrySend(Instant lastSent, Instant now)
    {
        if (now < NextTimeout)
            return false;
        if (_left == 0)
            _left = 1 + (int)(Math.Log(1 - _random.NextDouble()) / Math.Log(1 - 1 / MeanBurst));
        // Not this machine's own message, and so near that one more would not be seen.
        var isTaken = lastSent > _steppedAt && now - lastSent < 2 * s_meanGap;
        _steppedAt = now;
        _left--;
        NextTimeout = now + Draw(_left > 0 ? s_meanGap : _meanPause);
        _credit = Math.Min(_most, _credit + Math.Max(0, (now - _filledAt).TotalSeconds) * _perSecond);
        _filledAt = now;
        if (isTaken || _credit < _size)
            return false;
        _credit -= _size;
        Sent++;
        return true;
    }

    /// <summary>Exponential, so that the past tells nothing of what comes; no longer than ten times the mean.</summary>
    TimeSpan Draw(TimeSpan mean)
    {
        var drawn = mean * Math.Min(10, -Math.Log(1 - _random.NextDouble()));
        return drawn > s_shortest ? drawn : s_shortest;
    }
}
