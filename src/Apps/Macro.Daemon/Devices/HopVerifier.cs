using Macro.Circuits;
using Macro.Core;
using Macro.Engine;
using Macro.Peers;

namespace Macro.Daemon.Devices;

/// <summary>Checks the descriptor of a next hop under the rules of this network, and picks the endpoint to forward to.</summary>
/// <param name="rules">What this network accepts.</param>
/// <param name="self">This node: a channel to oneself is a loop.</param>
/// <param name="isOwn">
/// Whether an endpoint leads to this node. Anybody can sign a descriptor that names it: through it a packet would pass here
/// dozens of times.
/// </param>
/// <param name="hasV6">Whether the UDP port carries IPv6.</param>
sealed class HopVerifier(DescriptorRules rules, NodeId self, Func<Endpoint, bool> isOwn, bool hasV6) : IHopVerifier
{
    /// <summary>What the network accepts that the node is in now.</summary>
    public DescriptorRules Rules { get; set; } = rules;

    public ControlStatus Verify(ReadOnlySpan<byte> descriptor, Instant now, out NextHop next)
    {
        next = default;
        if (SignedDescriptor.TryDecode(descriptor, Rules, now, out var signed) != DescriptorVerdict.Valid)
            return ControlStatus.RefusedUnverified;
        if (signed!.Id == self || !signed.Descriptor.IsRelay)
            return ControlStatus.RefusedPolicy;
        if (signed.Descriptor.Endpoints.Any(isOwn))
            return ControlStatus.RefusedPolicy;
        var about = signed.Descriptor;
        next = new NextHop { Id = signed.Id, RelayKey = about.RelayKey, Endpoint = HopTargets.Pick(about.Endpoints, hasV6), Introducers = about.Introducers };
        return next.Endpoint.IsNone && about.Introducers.Count == 0 ? ControlStatus.RefusedUnreachable : ControlStatus.Ok;
    }
}
