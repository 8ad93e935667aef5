using Macro.Core;

namespace Macro.Circuits;

/// <summary>Why no path was found; each has its remedy in the user's hands.</summary>
public enum PathVerdict
{
    Ok,
    NoRelays,
    NoExit,
    NoExitInRegion,
    TooFewRelays,
}

/// <summary>
/// Chooses the hops of a circuit at random under the constraints: the exit first (region), then the entry, then the middle;
/// never two hops of one node, one operator family, or one address.
/// </summary>
public static class PathSelector
{
    /// <param name="candidates">Every relay that is known and not avoided.</param>
    /// <param name="hops">1 to 3.</param>
    /// <param name="exitRegion">ISO 3166 country, or null for any.</param>
    /// <param name="random">Uniform choice: "the best" would make clients predictable and herd load.</param>
    /// <param name="path">Entry first.</param>
    public static PathVerdict Choose(IReadOnlyList<Candidate> candidates, int hops, string? exitRegion, IRandom random, out HopTarget[] path)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        path = [];
        if (candidates.Count == 0)
            return PathVerdict.NoRelays;
        var exits = candidates.Where(c => c.IsExit).ToArray();
        if (exits.Length == 0)
            return PathVerdict.NoExit;
        var inRegion = exits.Where(c => exitRegion is null || c.Target.Region == exitRegion).ToArray();
        if (inRegion.Length == 0)
            return PathVerdict.NoExitInRegion;

        random.Shuffle<Candidate>(inRegion);
        var others = candidates.ToArray();
        random.Shuffle<Candidate>(others);
        // Spare exits are kept for being exits: relays that are none come first.
        others = [.. others.OrderBy(c => c.IsExit)];
        foreach (var exit in inRegion)
        {
            var chosen = new List<Candidate>(hops) { exit };
            foreach (var other in others)
            {
                if (chosen.Count == hops)
                    break;
                if (chosen.TrueForAll(c => MayMeet(c, other)))
                    chosen.Add(other);
            }
            if (chosen.Count < hops)
                continue;
            path = [.. chosen.Skip(1).Append(exit).Select(c => c.Target)];
            return PathVerdict.Ok;
        }
        return PathVerdict.TooFewRelays;
    }

    static bool MayMeet(Candidate a, Candidate b) =>
        a.Target.Name != b.Target.Name
        && (a.Family == 0 || a.Family != b.Family)
        && !a.Endpoints.Any(x => b.Endpoints.Any(y => x.Address == y.Address));
}
