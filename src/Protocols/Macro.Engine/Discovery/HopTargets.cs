using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>Descriptors as hops.</summary>
public static class HopTargets
{
    /// <summary>IPv4 before IPv6: every relay has it, and both ends of a leg must agree. None when nothing can be reached.</summary>
    public static Endpoint Pick(IReadOnlyList<Endpoint> endpoints, bool hasV6)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        foreach (var endpoint in endpoints)
            if (endpoint.Address.IsV4)
                return endpoint;
        return hasV6 && endpoints.Count > 0 ? endpoints[0] : default;
    }

    /// <param name="endpoint">One of the descriptor's.</param>
    /// <param name="presharedKey">Of the network; null where there is none.</param>
    public static HopTarget At(SignedDescriptor signed, Endpoint endpoint, SecretBytes? presharedKey)
    {
        ArgumentNullException.ThrowIfNull(signed);
        return new HopTarget
        {
            Name = signed.Id.ToString(),
            RelayKey = signed.Descriptor.RelayKey,
            Endpoint = endpoint,
            TcpEndpoint = signed.Descriptor.ReachedByTcp(endpoint),
            Descriptor = signed.Encode().ToArray(),
            Region = signed.Descriptor.Region,
            PresharedKey = presharedKey,
        };
    }

    /// <summary>The relays of a directory that something leads to; those behind NATs with the introducer that a hop before them is to be shown.</summary>
    /// <param name="self">Left out.</param>
    public static IReadOnlyList<Candidate> ToCandidates(
        IReadOnlyCollection<SignedDescriptor> known, NodeId self, bool hasV6, SecretBytes? presharedKey)
    {
        ArgumentNullException.ThrowIfNull(known);
        var publics = known.Where(signed => signed.Descriptor.Endpoints.Count > 0).ToDictionary(signed => signed.Id);
        var candidates = new List<Candidate>(known.Count);
        foreach (var signed in known)
        {
            var about = signed.Descriptor;
            var endpoint = Pick(about.Endpoints, hasV6);
            if (signed.Id == self || !about.IsRelay || (endpoint.IsNone && about.Introducers.Count == 0))
                continue;
            var candidate = Candidate.Of(signed, endpoint, presharedKey);
            var introducer = candidate.IsPublic ? null : about.Introducers.Select(id => publics.GetValueOrDefault(id)).FirstOrDefault(found => found is not null);
            candidates.Add(introducer is null ? candidate : candidate with { Target = candidate.Target with { Introducer = introducer.Encode().ToArray() } });
        }
        return candidates;
    }
}
