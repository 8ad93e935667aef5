using Macro.Core;

namespace Macro.UserMode;

/// <summary>
/// What one session has open outside, and whether it may have more. Both addresses of a session share it.
/// </summary>
sealed class ExitSession(object identity, int newFlowsPerSecond)
{
    readonly long _costOfFlow = TimeSpan.TicksPerSecond / Math.Max(newFlowsPerSecond, 1);

    // The moment at which the session may open a second's worth of flows at once.
    long _rested;

    public object Identity => identity;

    /// <summary>The oldest first.</summary>
    public LinkedList<ExitConnection> Connections { get; } = new();

    /// <summary>Mapped UDP ports, the one unused for longest first.</summary>
    public LinkedList<UdpMapping> Mappings { get; } = new();

    public List<EchoMapping> Echoes { get; } = [];

    public bool IsIdle => Connections.Count + Mappings.Count + Echoes.Count == 0;

    /// <summary>When it has been idle for so long, nothing is lost by forgetting it.</summary>
    public bool IsRested(Instant now) => _rested <= now.Ticks;

    /// <summary>Counts a new flow. False: too many in too short a time.</summary>
    public bool MayOpen(Instant now) => TryBook(now, TimeSpan.Zero, out _);

    /// <summary>Counts a new flow that can wait for its turn. False: it would be longer than <paramref name="patience"/>.</summary>
    public bool TryBook(Instant now, TimeSpan patience, out Instant turn)
    {
        var rested = Math.Max(_rested, now.Ticks) + _costOfFlow;
        turn = new Instant(Math.Max(rested - TimeSpan.TicksPerSecond, now.Ticks));
        if (turn - now > patience)
            return false;
        _rested = rested;
        return true;
    }

    public void Abort()
    {
        foreach (var connection in Connections.ToArray())
            connection.Abort();
        foreach (var mapping in Mappings.ToArray())
            mapping.Abort();
        foreach (var echo in Echoes.ToArray())
            echo.Abort();
    }
}
