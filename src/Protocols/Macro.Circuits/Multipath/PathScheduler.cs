using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// Chooses the path of each datagram of a session that has several: of those with room the one by which it arrives first, and when none
/// has room the one with the shortest queue. A path that stopped answering, or that differs too much from the best to help, gets nothing:
/// what is left then is one path. Any thread; the lock is held for less than a microsecond.
/// </summary>
/// <typeparam name="TWay">Where a path leads.</typeparam>
public sealed class PathScheduler<TWay>
{
    /// <summary>Paths that a session has at most.</summary>
    public const int Most = 4;

    /// <summary>A path that is slower than the fastest by more than the tenth part costs more than it brings.</summary>
    const double LeastShare = 0.1;

    static readonly TimeSpan s_near = TimeSpan.FromMilliseconds(2), s_unknown = TimeSpan.FromDays(365), s_stale = TimeSpan.FromMilliseconds(300);
    static readonly TimeSpan s_leastWait = TimeSpan.FromMilliseconds(10), s_mostWait = TimeSpan.FromMilliseconds(120);

    /// <summary>Microseconds: nobody waits longer for the packets of a longer way.</summary>
    const long MostDetour = 100_000;

    readonly Lock _gate = new();
    volatile Path[] _paths = [];
    volatile Path? _surest;
    int _last;

    public sealed record Path(TWay Way, PathMeter Meter);

    /// <summary>The first is where everything goes while nothing is known of any.</summary>
    public IReadOnlyList<Path> Paths => _paths;

    internal ReadOnlySpan<Path> All => _paths;

    /// <summary>Where goes what must arrive: the shortest of the ways that are used. There must be one.</summary>
    internal TWay Surest => _surest!.Way;

    /// <summary>How long what comes may be kept back for what went by a longer way.</summary>
    internal TimeSpan Wait { get; private set; } = s_leastWait;

    internal void Set(IEnumerable<Path> paths, Instant now)
    {
        lock (_gate)
        {
            _paths = [.. paths.Take(Most)];
            _last = 0;
            Review(now);
        }
    }

    /// <summary>Where a datagram of so many bytes goes now.</summary>
    internal TWay Choose(int bytes, Instant now)
    {
        lock (_gate)
        {
            var chosen = Best(now);
            _last = chosen;
            _paths[chosen].Meter.Take(bytes, now);
            return _paths[chosen].Way;
        }
    }

    /// <summary>The other end told something by that path; what is to be told it by the same path.</summary>
    internal PathReport Handle(PathMeter meter, in PathReport report, Instant now)
    {
        lock (_gate)
        {
            meter.Handle(report, now);
            Review(now);
            return meter.Report(now);
        }
    }

    internal PathReport Report(PathMeter meter, Instant now)
    {
        lock (_gate)
            return meter.Report(now);
    }

    int Best(Instant now)
    {
        var (best, bestHasRoom, bestRank) = (0, false, TimeSpan.MaxValue);
        for (var i = 0; i < _paths.Length; i++)
        {
            var meter = _paths[i].Meter;
            if (!meter.IsUsed)
                continue;
            var hasRoom = meter.HasRoom(now);
            // Runs of datagrams by one path leave in one system call.
            var rank = meter.Queue(now) - (i == _last ? s_near : TimeSpan.Zero);
            if (hasRoom ? !meter.IsKnown : meter.Rate == 0)
                rank = s_unknown;
            else if (hasRoom)
                rank += TimeSpan.FromMicroseconds(meter.Delay);
            if (hasRoom == bestHasRoom ? rank < bestRank : hasRoom)
                (best, bestHasRoom, bestRank) = (i, hasRoom, rank);
        }
        return best;
    }

    void Review(Instant now)
    {
        var (freshest, least, fastest, mayChoose) = (default(Instant), long.MaxValue, 0.0, false);
        foreach (var (_, meter) in _paths)
            freshest = Instant.Max(freshest, meter.FreshAt);
        foreach (var (_, meter) in _paths)
        {
            if (!IsFresh(meter))
                continue;
            mayChoose |= !meter.IsAside(now);
            if (meter.IsKnown)
                least = Math.Min(least, meter.Delay);
            fastest = Math.Max(fastest, meter.Rate);
        }
        var (earliest, latest) = (long.MaxValue, long.MinValue);
        foreach (var (_, meter) in _paths)
        {
            if (meter.Rate > 0 && meter.Rate < LeastShare * fastest)
                meter.PutAside(now);
            meter.IsUsed = IsFresh(meter) && !(mayChoose && meter.IsAside(now)) && (!meter.IsKnown || meter.Delay - least <= MostDetour);
            if (IsFresh(meter) && meter.Lateness is { } late)
                (earliest, latest) = (Math.Min(earliest, late), Math.Max(latest, late));
        }
        _surest = _paths.Where(path => path.Meter.IsUsed).MinBy(path => path.Meter.IsKnown ? path.Meter.Delay : long.MaxValue) ?? _paths.FirstOrDefault();
        var skew = latest > earliest ? 1.25 * TimeSpan.FromMicroseconds(latest - earliest) : TimeSpan.Zero;
        Wait = skew < s_leastWait ? s_leastWait : skew > s_mostWait ? s_mostWait : skew;

        // All are probed at the same time: one whose news are older than the others' has lost some.
        bool IsFresh(PathMeter meter) => meter.FreshAt >= freshest - s_stale;
    }
}
