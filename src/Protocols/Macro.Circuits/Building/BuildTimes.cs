namespace Macro.Circuits;

/// <summary>
/// How long to wait for a circuit, learnt from how long circuits took: a Pareto distribution is fitted to the last thousand, and
/// whoever takes longer than four of five do is given up for another try. Builds that were given up count as longer than they lasted.
/// One for each number of hops. Source: Tor's path specification, section 2.4 (build timeouts).
/// </summary>
public sealed class BuildTimes
{
    public const int Window = 1000, EnoughToLearn = 100;

    const double Quantile = 0.8;
    const int BinMs = 20, TooManyLate = 18, Recent = 20;

    /// <summary>Bounds of what is learnt; the upper one holds until enough is known.</summary>
    public static readonly TimeSpan Least = TimeSpan.FromMilliseconds(500), Most = TimeSpan.FromSeconds(10);

    readonly Queue<(double Ms, bool Late)> _builds = new();

    public TimeSpan Patience { get; private set; } = Most;

    public int Count => _builds.Count;

    /// <summary>A circuit stood after that time.</summary>
    public void Finished(TimeSpan time) => Add(time, late: false);

    /// <summary>A circuit was given up after that time, because it took too long.</summary>
    public void GaveUp(TimeSpan time) => Add(time, late: true);

    void Add(TimeSpan time, bool late)
    {
        if (_builds.Count == Window)
            _builds.Dequeue();
        _builds.Enqueue((Math.Max(1, time.TotalMilliseconds), late));
        // The network is another one now, and what was learnt of the old one does not help.
        if (late && _builds.TakeLast(Recent).Count(build => build.Late) >= TooManyLate)
            _builds.Clear();
        Patience = _builds.Count < EnoughToLearn ? Most : Learn();
    }

    TimeSpan Learn()
    {
        var least = Mode();
        double logs = 0, finished = 0;
        foreach (var (ms, late) in _builds)
        {
            logs += Math.Log(Math.Max(ms, least) / least);
            finished += late ? 0 : 1;
        }
        // All alike: nothing is known of how late the late ones are.
        if (logs < 1e-9)
            return Bounded(2 * least);
        var exponent = finished / logs;
        return Bounded(least * Math.Pow(1 - Quantile, -1 / exponent));
    }

    /// <summary>Where most builds are: the middle of the fullest bin.</summary>
    double Mode()
    {
        var bins = new Dictionary<int, int>();
        foreach (var (ms, late) in _builds)
            if (!late)
                bins[(int)(ms / BinMs)] = bins.GetValueOrDefault((int)(ms / BinMs)) + 1;
        return bins.Count == 0 ? Most.TotalMilliseconds : (bins.MaxBy(bin => (bin.Value, -bin.Key)).Key + 0.5) * BinMs;
    }

    static TimeSpan Bounded(double ms) => TimeSpan.FromMilliseconds(Math.Clamp(ms, Least.TotalMilliseconds, Most.TotalMilliseconds));
}
