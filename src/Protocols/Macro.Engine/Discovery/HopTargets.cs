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

    /// <summary>The hop that a lone relay is, by the endpoint that <see cref="Pick"/> picks.</summary>
    internal static HopTarget Alone(SignedDescriptor signed, DiscoveryOptions options) =>
        HopTarget.Of(signed, Pick(signed.Descriptor.Endpoints, options.HasV6), options.PresharedKey);

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
