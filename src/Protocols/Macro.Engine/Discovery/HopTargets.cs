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
            Descriptor = signed.Encode().ToArray(),
            Region = signed.Descriptor.Region,
            PresharedKey = presharedKey,
        };
    }

    /// <summary>Null when it is no relay, or nothing leads to it.</summary>
    public static Candidate? ToCandidate(SignedDescriptor signed, bool hasV6, SecretBytes? presharedKey)
    {
        ArgumentNullException.ThrowIfNull(signed);
        var about = signed.Descriptor;
        var endpoint = Pick(about.Endpoints, hasV6);
        return !about.IsRelay || (endpoint.IsNone && about.Introducers.Count == 0) ? null : Candidate.Of(signed, endpoint, presharedKey);
    }
}
