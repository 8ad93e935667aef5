using Macro.Core;

namespace Macro.UserMode;

/// <summary>A flow that a session has open outside.</summary>
interface IExitFlow
{
    /// <summary>The session is over, or somebody else needs the place: everything of the flow is closed.</summary>
    void Abort();
}

/// <summary>
/// What one session has open outside, and whether it may have more. Both addresses of a session share it.
/// </summary>
sealed class ExitSession(object identity, int newFlowsPerSecond)
{
    readonly HashSet<IExitFlow> _connections = [];
    readonly long _costOfFlow = TimeSpan.TicksPerSecond / Math.Max(newFlowsPerSecond, 1);

    // The moment at which the session may open a second's worth of flows at once.
    long _rested;

    public object Identity => identity;

    public int ConnectionCount => _connections.Count;

    /// <summary>Mapped UDP ports, the one unused for longest first.</summary>
    public LinkedList<UdpMapping> Mappings { get; } = new();

    public List<EchoMapping> Echoes { get; } = [];

    public bool IsIdle => _connections.Count + Mappings.Count + Echoes.Count == 0;

    /// <summary>When it has been idle for so long, nothing is lost by forgetting it.</summary>
    public bool IsRested(Instant now) => _rested <= now.Ticks;

    /// <summary>Counts a new flow. False: too many in too short a time.</summary>
    public bool MayOpen(Instant now)
    {
        var rested = Math.Max(_rested, now.Ticks) + _costOfFlow;
        if (rested - now.Ticks > TimeSpan.TicksPerSecond)
            return false;
        _rested = rested;
        return true;
    }

    public void Add(IExitFlow connection) => _connections.Add(connection);

    public void Remove(IExitFlow connection) => _connections.Remove(connection);

    public void Abort()
    {
        foreach (var connection in _connections.ToArray())
            connection.Abort();
        foreach (var mapping in Mappings.ToArray())
            mapping.Abort();
        foreach (var echo in Echoes.ToArray())
            echo.Abort();
    }
}
