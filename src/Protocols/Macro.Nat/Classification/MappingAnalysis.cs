using Macro.Core;

namespace Macro.Nat.Classification;

/// <summary>What the outside ports of one socket say about the NAT, seen by several observers.</summary>
readonly record struct MappingAnalysis(MappingBehaviour Behaviour, PortAssignment Assignment, int Step, ushort Port, int Against)
{
    const int FewestGaps = 2, LargestStep = 16;

    static readonly TimeSpan s_moment = TimeSpan.FromSeconds(2);

    /// <param name="observations">In the order in which the requests went out, all of one outside address.</param>
    /// <param name="own">Our own endpoints.</param>
    public static MappingAnalysis Of(IReadOnlyList<Observation> observations, IReadOnlyCollection<Endpoint> own)
    {
        var addresses = observations.Select(one => one.Voter.Address).Distinct().Count();
        var common = observations.GroupBy(one => one.Seen).MaxBy(group => group.Count());
        // One in four may be wrong about the port before the NAT is suspected.
        var agree = common?.Count() ?? 0;
        if (common is not null && agree * 4 >= observations.Count * 3 && (addresses > 1 || own.Contains(common.Key)))
        {
            var against = observations.Count - agree;
            if (own.Contains(common.Key))
                return new(MappingBehaviour.NotTranslated, PortAssignment.Preserved, 0, common.Key.Port, against);
            var preserved = own.Any(endpoint => endpoint.Port == common.Key.Port);
            return new(MappingBehaviour.EndpointIndependent, preserved ? PortAssignment.Preserved : PortAssignment.Unknown, 0, common.Key.Port, against);
        }
        if (addresses < 2 || observations.Count < 2)
            return default;
        var byAddress = observations.GroupBy(one => one.Voter.Address).Where(group => group.Count() > 1).ToList();
        var behaviour = byAddress.Count > 0 && byAddress.All(group => group.Select(one => one.Seen.Port).Distinct().Count() == 1)
            ? MappingBehaviour.AddressDependent
            : MappingBehaviour.AddressAndPortDependent;
        var (assignment, step) = Pattern(observations);
        return new(behaviour, assignment, step, 0, 0);
    }

    /// <summary>
    /// Sequential where most ports lie a small step from their neighbour: others use the NAT too. Only those count that were seen
    /// within a moment, since later ones are as far apart as the flows that began between them. The sign alone depends on the order
    /// in which they were seen, for what several relays say unasked comes in any.
    /// </summary>
    static (PortAssignment, int Step) Pattern(IReadOnlyList<Observation> observations)
    {
        var (near, all, step, rises) = (0, 0, LargestStep, 0);
        for (int begin = 0, end; begin < observations.Count; begin = end)
        {
            for (end = begin + 1; end < observations.Count && observations[end].At - observations[begin].At <= s_moment;)
                end++;
            int[] ports = [.. observations.Take(begin..end).Select(one => (int)one.Seen.Port)];
            rises += ports.Skip(1).Zip(ports, (next, before) => Math.Sign(next - before)).Sum();
            int[] sorted = [.. ports.Distinct().Order()];
            foreach (var gap in sorted.Skip(1).Zip(sorted, (next, before) => next - before))
            {
                all++;
                near += gap <= LargestStep ? 1 : 0;
                step = Math.Min(step, gap);
            }
        }
        if (near >= FewestGaps && 2 * near >= all)
            return (PortAssignment.Sequential, rises < 0 ? -step : step);
        return (near == 0 && all >= FewestGaps ? PortAssignment.Random : PortAssignment.Unknown, 0);
    }
}
