using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Devices;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Daemon.Tests;

public sealed class HopVerifierTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);
    static readonly Endpoint s_own = Endpoint.Parse("44.1.0.1:51820");

    readonly NodeIdentity _self = NodeIdentity.Generate(new SeededRandom(1));
    readonly NodeIdentity _other = NodeIdentity.Generate(new SeededRandom(2));

    [Fact]
    public void A_relay_is_reached_at_its_endpoint()
    {
        Assert.Equal(ControlStatus.Ok, Verify(_other, "44.1.0.2:51820", out var nextHop));
        Assert.Equal(Endpoint.Parse("44.1.0.2:51820"), nextHop);
    }

    [Fact]
    public void This_node_itself_is_refused() => Assert.Equal(ControlStatus.RefusedPolicy, Verify(_self, "44.1.0.2:51820", out _));

    [Fact]
    public void A_descriptor_of_another_node_that_names_our_endpoint_is_refused() =>
        Assert.Equal(ControlStatus.RefusedPolicy, Verify(_other, s_own.ToString(), out _));

    [Fact]
    public void A_node_behind_a_NAT_is_known_by_its_introducers()
    {
        Assert.Equal(ControlStatus.Ok, Verify(_other, [], [_self.Id], out var next));
        Assert.True(next.Endpoint.IsNone);
        Assert.Equal([_self.Id], next.Introducers!);
    }

    [Fact]
    public void Another_node_at_our_address_is_none_of_us() => Assert.Equal(ControlStatus.Ok, Verify(_other, "44.1.0.1:51821", out _));

    static readonly DescriptorRules s_rules = DescriptorRules.ForStatic("test");

    ControlStatus Verify(NodeIdentity signer, string endpoint, out Endpoint nextHop)
    {
        var status = Verify(signer, [Endpoint.Parse(endpoint)], [], out var next);
        nextHop = next.Endpoint;
        return status;
    }

    ControlStatus Verify(NodeIdentity signer, Endpoint[] endpoints, NodeId[] introducers, out NextHop next)
    {
        var signed = SignedDescriptor.Sign(signer, s_rules.Network, new Descriptor
        {
            Epoch = Epoch.At(s_now),
            NotBefore = s_now,
            Validity = TimeSpan.FromDays(1),
            Static = true,
            RelayKey = Crypto.PrivateKey.Generate(new SeededRandom(3)).PublicKey,
            Capabilities = Capabilities.Relay,
            Region = "ZZ",
            Endpoints = endpoints,
            Introducers = introducers,
        }, s_now);
        return new HopVerifier(s_rules, _self.Id, endpoint => endpoint == s_own, hasV6: true)
            .Verify(signed.Encode(), s_now, out next);
    }
}
