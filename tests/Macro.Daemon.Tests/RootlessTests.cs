using Macro.Api;
using Macro.Daemon.Hosting;

namespace Macro.Daemon.Tests;

/// <summary>Real nodes without rights, over real sockets.</summary>
public sealed class RootlessTests
{
    [Fact]
    public async Task A_client_without_rights_connects_through_three_hops()
    {
        await using var network = await LoopbackNetwork.StartAsync();
        await network.Client.UpAsync(new UpRequest { Mode = Mode.Private });
        var status = await network.UntilAsync(s => s.State == ConnectionState.Active);

        Assert.True(status.Rootless);
        Assert.Equal(3, status.Hops);
        Assert.Null(status.Device);
        Assert.Equal(3, (await network.Client.CircuitAsync()).Hops.Count);

        status = await network.Client.DownAsync();
        Assert.Equal((ConnectionState.Off, 0), (status.State, status.Hops));
    }

    [Fact]
    public async Task What_was_wanted_when_the_node_stopped_is_tried_until_it_can_be_had()
    {
        await using var network = await LoopbackNetwork.StartAsync(wanted: new DesiredState { Up = true, Mode = Mode.Private }, introduce: false);
        var status = await network.UntilAsync(s => s.State == ConnectionState.Waiting);
        Assert.Equal("No relay is known.", status.Problem!.Message);
        Assert.NotNull(status.Problem.Remedy);

        await network.IntroduceAsync();
        status = await network.UntilAsync(s => s.State == ConnectionState.Active);
        Assert.Null(status.Problem);
    }
}
