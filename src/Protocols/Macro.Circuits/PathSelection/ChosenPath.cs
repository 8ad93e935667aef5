namespace Macro.Circuits;

/// <summary>Why no path was found; each has its remedy in the user's hands.</summary>
public enum PathVerdict
{
    Ok,
    NoRelays,
    NoExit,
    NoExitInRegion,

    /// <summary>There are exits, but none that allows what is wanted.</summary>
    NoExitAllowed,

    /// <summary>The relays that are known make no path of so many hops under the constraints.</summary>
    TooFewRelays,
}

/// <summary>A path, entry first, and how each hop was found.</summary>
public sealed record ChosenPath(IReadOnlyList<HopChoice> Hops)
{
    /// <summary>Entry first.</summary>
    public HopTarget[] Targets => [.. Hops.Select(hop => hop.Relay.Target)];
}

/// <summary>The outcome of a choice.</summary>
/// <param name="Path">Not null when, and only when, the verdict is Ok.</param>
/// <param name="LeftOut">Without a path: what kept relays out of the place that could not be filled.</param>
public sealed record PathAnswer(PathVerdict Verdict, ChosenPath? Path, Exclusions LeftOut);
