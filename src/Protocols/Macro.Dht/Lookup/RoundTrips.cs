namespace Macro.Dht;

/// <summary>
/// How long an answer may take: smoothed round trip and its deviation over all nodes (RFC 6298 2). One second until
/// something is known, and never more.
/// </summary>
struct RoundTrips
{
    static readonly TimeSpan s_least = TimeSpan.FromMilliseconds(100), s_most = TimeSpan.FromSeconds(1);

    double _smoothed, _deviation;

    /// <summary>After this an answer counts as late: the place is given to another node, and the query is sent once more.</summary>
    public readonly TimeSpan Patience
    {
        get
        {
            if (_smoothed == 0)
                return s_most;
            var patience = TimeSpan.FromSeconds(_smoothed + 4 * _deviation);
            return patience < s_least ? s_least : patience > s_most ? s_most : patience;
        }
    }

    /// <param name="time">Of a query that was sent once (Karn's rule).</param>
    public void Add(TimeSpan time)
    {
        var seconds = Math.Max(1e-6, time.TotalSeconds);
        if (_smoothed == 0)
            (_smoothed, _deviation) = (seconds, seconds / 2);
        else
        {
            _deviation += (Math.Abs(seconds - _smoothed) - _deviation) / 4;
            _smoothed += (seconds - _smoothed) / 8;
        }
    }
}
