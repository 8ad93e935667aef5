using Macro.Core;

namespace Macro.Nat;

/// <summary>
/// How often keepalives go out so that no NAT forgets a silent flow, learnt from flows that were lost and from measurements
/// of how long mappings live. RFC 4787 REQ-5 asks for two minutes, home routers give 30 s, and some less.
/// </summary>
public sealed class KeepaliveInterval
{
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(25), Shortest = TimeSpan.FromSeconds(5);

    /// <summary>A loss may have had another reason: after so many pauses that went well, a longer one is tried.</summary>
    const int GoodPauses = 20;

    int _good;

    /// <summary>Pause between keepalives of a path that carries nothing else. Default and most 25 s, least 5 s.</summary>
    public TimeSpan Interval { get; private set; } = Longest;

    /// <summary>A measurement says that this is often enough.</summary>
    public void Measured(TimeSpan interval) => (_good, Interval) = (0, Clamp(interval));

    /// <summary>A path answered after a pause.</summary>
    public void Survived(TimeSpan pause)
    {
        if (Interval < Longest && pause >= Interval && ++_good >= GoodPauses)
            (_good, Interval) = (0, Clamp(Interval * 1.25));
    }

    /// <summary>A path was dead after a pause.</summary>
    public void Lost(TimeSpan pause)
    {
        _good = 0;
        if (pause >= Shortest)
            Interval = Clamp((pause < Interval ? pause : Interval) * 0.6);
    }

    static TimeSpan Clamp(TimeSpan time) => time < Shortest ? Shortest : time > Longest ? Longest : time;
}
