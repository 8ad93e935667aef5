using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>What is known of one upstream: its round trip (RFC 6298 smoothing) and whether it answers.</summary>
sealed class UpstreamHealth(TimeSpan firstTimeout)
{
    static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);

    static readonly TimeSpan WithoutEdns = TimeSpan.FromMinutes(10);

    TimeSpan _smoothed;
    TimeSpan _variation;
    int _failures;
    Instant _pausedUntil;
    Instant _withoutEdnsUntil;

    /// <summary>False for a while after it said that it does not understand EDNS (RFC 6891 7).</summary>
    public bool TakesEdns(Instant now) => now >= _withoutEdnsUntil;

    public void RefusedEdns(Instant now) => _withoutEdnsUntil = now + WithoutEdns;

    /// <summary>Lower is better; an upstream that failed comes after all that did not.</summary>
    public TimeSpan Cost(Instant now) => _smoothed + (now < _pausedUntil ? LongestPause * _failures : TimeSpan.Zero);

    /// <summary>How long to wait for the answer to attempt 0, 1, ...</summary>
    public TimeSpan Timeout(int attempt)
    {
        var basis = _smoothed == default ? firstTimeout : _smoothed + 4 * _variation;
        var wait = (basis > Shortest ? basis : Shortest) * (1 << Math.Min(attempt, 4));
        return wait < Longest ? wait : Longest;
    }

    public void Answered(TimeSpan roundTrip)
    {
        if (_smoothed == default)
        {
            (_smoothed, _variation) = (roundTrip, roundTrip / 2);
        }
        else
        {
            _variation = 0.75 * _variation + 0.25 * (_smoothed - roundTrip).Duration();
            _smoothed = 0.875 * _smoothed + 0.125 * roundTrip;
        }
        (_failures, _pausedUntil) = (0, default);
    }

    /// <summary>No answer, or no use in it: others are asked first for a while.</summary>
    public void Failed(Instant now)
    {
        _failures = Math.Min(_failures + 1, 6);
        var pause = TimeSpan.FromSeconds(1 << _failures);
        _pausedUntil = now + (pause < LongestPause ? pause : LongestPause);
    }
}
