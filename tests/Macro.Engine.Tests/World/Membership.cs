using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine.Tests;

/// <summary>A node's place in a network that finds itself: its identity, and what it says about itself.</summary>
sealed class Membership(NodeIdentity identity, DescriptorRules rules)
{
    public NodeIdentity Identity => identity;

    /// <summary>Where a relay says that it is.</summary>
    public string Region { get; init; } = Descriptor.UnknownRegion;

    /// <summary>What a relay says, but for times and work.</summary>
    public Descriptor Describe(SimNode node) => new()
    {
        Epoch = 0,
        NotBefore = Instant.UnixEpoch,
        Validity = rules.MaxValidity,
        RelayKey = node.RelayKey,
        Capabilities = Capabilities.Relay | (node.Node.Relay.Options.IsExit ? Capabilities.Exit | Capabilities.ExitV4 : 0),
        Policy = node.Node.Relay.Options.IsExit ? PolicyClass.Open : PolicyClass.None,
        Region = Region,
        Endpoints = [node.Endpoint],
    };

    public ControlStatus Verify(ReadOnlySpan<byte> descriptor, Instant now, out NextHop next)
    {
        next = default;
        if (SignedDescriptor.TryDecode(descriptor, rules, now, out var signed) != DescriptorVerdict.Valid)
            return ControlStatus.RefusedUnverified;
        next = new NextHop { Id = signed!.Id, RelayKey = signed.Descriptor.RelayKey, Endpoint = signed.Descriptor.Endpoints[0] };
        return signed.Id == identity.Id ? ControlStatus.RefusedPolicy : ControlStatus.Ok;
    }
}
