using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// Holds coordinates that others claim against times that were measured. Nobody can answer sooner than his place allows, so a
/// relay that claims to be near, to be chosen often, is caught by whoever measures it. Each verifying relay judges by itself and does
/// not pass on what it refuses.
/// </summary>
public static class CoordinateCheck
{
    // Honest coordinates are wrong by some, and a busy path is slow at times.
    const double Tolerance = 0.25;
    static readonly TimeSpan s_slack = TimeSpan.FromMilliseconds(10);

    /// <param name="own">Where this node stands; unknown: nothing can be judged.</param>
    /// <param name="measured">The least of several round-trip times.</param>
    /// <returns>False: it takes longer to reach than it may from where it claims to stand.</returns>
    public static bool IsPlausible(NetworkCoordinates own, NetworkCoordinates claimed, TimeSpan measured) =>
        own.RoundTrip(claimed) is not { } foretold || measured <= foretold * (1 + Tolerance) + s_slack;
}
