using Macro.Core;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Daemon.Tests;

public sealed class OwnDescriptorTests
{
    static readonly Endpoint s_v4 = Endpoint.Parse("44.1.0.1:40001"), s_v6 = Endpoint.Parse("[2a0e:4401::1]:51820");
    static readonly NodeSettings s_hidden = new()
    {
        Network = new NetworkSection { Name = "lab", Static = true },
        Relay = new RelaySection { Enabled = true },
    };

    readonly NodeId _introducer = NodeIdentity.Generate(new SeededRandom(1)).Id;

    [Fact]
    public async Task A_relay_behind_a_NAT_names_its_introducers_until_an_endpoint_is_proven()
    {
        await using var node = await RunningNode.StartAsync(s_hidden);
        var own = node.Part<OwnDescriptor>();
        own.Introducers = [_introducer];
        Assert.Equal([_introducer], own.TrySign()!.Descriptor.Introducers);
        Assert.Empty(own.TrySign()!.Descriptor.Endpoints);

        own.Proven = [s_v4, s_v6];
        Assert.Equal([s_v4, s_v6], own.TrySign()!.Descriptor.Endpoints);
        Assert.Empty(own.TrySign()!.Descriptor.Introducers);

        own.Proven = [];
        Assert.Equal([_introducer], own.TrySign()!.Descriptor.Introducers);
    }

    [Fact]
    public async Task What_the_settings_name_is_announced_and_nothing_else()
    {
        await using var node = await RunningNode.StartAsync();
        node.Part<DesiredStateFile>().Change(state => state with { Relay = true });
        var own = node.Part<OwnDescriptor>();
        own.Proven = [s_v4];
        Assert.Equal(RunningNode.Lab.Relay.Endpoints, own.TrySign()!.Descriptor.Endpoints);
    }

    [Fact]
    public async Task A_stranger_that_is_to_try_an_endpoint_is_shown_that_one_only()
    {
        await using var node = await RunningNode.StartAsync(s_hidden);
        var own = node.Part<OwnDescriptor>();
        (own.Introducers, own.Proven) = ([_introducer], [s_v6]);
        var shown = own.SignFor(s_v4);
        Assert.Equal([s_v4], shown.Descriptor.Endpoints);
        Assert.Empty(shown.Descriptor.Introducers);
        Assert.Equal(DescriptorVerdict.Valid, SignedDescriptor.TryDecode(
            shown.Encode(), node.Part<NetworkDirectory>().Rules, node.Part<WallClock>().Now, out _));
    }
}
