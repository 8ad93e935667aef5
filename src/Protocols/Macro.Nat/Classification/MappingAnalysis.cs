using Macro.Core;

namespace Macro.Nat.Classification;

/// <summary>What the outside ports of one socket say about the NAT, seen by several observers.</summary>
readonly record struct MappingAnalysis(MappingBehaviour Behaviour, PortAssignment Assignment, int Step, ushort Port, int Against)
{
    const int FewestForPattern = 3;

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
        var (assignment, step) = Pattern([.. observations.Select(one => (int)one.Seen.Port)]);
        return new(behaviour, assignment, step, 0, 0);
    }

    /// <summary>
    /// Sequential where nearly all ports lie a small step from their neighbour: others use the NAT too. Only the sign depends
    /// on the order in which they were seen, for what several relays say unasked comes in any.
    /// </summary>
    static (PortAssignment, int Step) Pattern(int[] ports)
    {
        int[] distinct = [.. ports.Distinct().Order()];
        int[] gaps = [.. distinct.Skip(1).Zip(distinct, (next, before) => next - before).Order()];
        if (gaps.Length < FewestForPattern - 1)
            return (PortAssignment.Unknown, 0);
        var median = gaps[gaps.Length / 2];
        const int largestStep = 16;
        var near = gaps.Count(gap => gap <= 4 * Math.Max(4, median));
        if (median > largestStep || near * 4 < gaps.Length * 3)
            return (PortAssignment.Random, 0);
        var rises = ports.Skip(1).Zip(ports, (next, before) => Math.Sign(next - before)).Sum();
        return (PortAssignment.Sequential, rises < 0 ? -median : median);
    }
}
