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

    /// <summary>Sequential where nearly all ports follow the one before by a small step of the same sign: others use the NAT too.</summary>
    static (PortAssignment, int Step) Pattern(int[] ports)
    {
        int[] steps = [.. ports.Skip(1).Zip(ports, (next, before) => next - before).Where(step => step != 0)];
        if (steps.Length < FewestForPattern - 1)
            return (PortAssignment.Unknown, 0);
        int[] sorted = [.. steps.Order()];
        var median = sorted[sorted.Length / 2];
        const int largestStep = 16;
        var near = steps.Count(step => Math.Sign(step) == Math.Sign(median) && Math.Abs(step) <= 4 * Math.Max(4, Math.Abs(median)));
        return Math.Abs(median) <= largestStep && near * 4 >= steps.Length * 3
            ? (PortAssignment.Sequential, median)
            : (PortAssignment.Random, 0);
    }
}
