using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

public class CoverTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1), s_hour = TimeSpan.FromHours(1);

    [Fact]
    public void An_idle_paranoid_client_and_its_guard_cover_within_the_budget()
    {
        var (world, client, _) = Connect(51, ConnectionMode.Paranoid);
        world.Run(10 * s_second);
        var controller = client.Node.Controller;
        Assert.Equal(Controller.DefaultCoverBudget, controller.Carrying!.CoverBudget);
        var (up, down) = (0L, 0L);
        world.Tap = (from, to, bytes) =>
        {
            up += from == client.Endpoint ? bytes.Length : 0;
            down += to == client.Endpoint ? bytes.Length : 0;
        };
        world.Run(s_hour);
        // Probes, renewals and new circuits come on top, and what they send takes the place of some cover.
        var others = 3_000_000;
        Assert.InRange(up, Controller.DefaultCoverBudget / 4, Controller.DefaultCoverBudget / 2 + others);
        Assert.InRange(down, Controller.DefaultCoverBudget / 4, Controller.DefaultCoverBudget / 2 + others);
        Assert.InRange(controller.Cost.CoverSent, Controller.DefaultCoverBudget / 4, Controller.DefaultCoverBudget / 2);
        Assert.InRange(client.Counters.CoverBytes, Controller.DefaultCoverBudget / 4, Controller.DefaultCoverBudget / 2 + others);
    }

    [Theory]
    [InlineData(ConnectionMode.Private, Controller.DefaultCoverBudget)]
    [InlineData(ConnectionMode.Paranoid, 0)]
    public void There_is_none_in_other_modes_and_none_without_a_budget(ConnectionMode mode, long budget)
    {
        var (world, client, _) = Connect(52, mode, budget);
        world.Run(60 * s_second);
        Assert.Equal(0, client.Node.Controller.Carrying!.CoverBudget);
        Assert.Equal(0, client.Node.Controller.Cost.CoverSent);
    }

    [Fact]
    public void A_guard_that_counts_its_bytes_gives_none_and_then_the_client_sends_none()
    {
        var (world, client, relays) = Networks.Six(53);
        foreach (var relay in relays)
            relay.Node.Relay.Configure(relay.Node.Relay.Options with { CoverLimit = 0 }, relay.Node.Relay.Leases, world.Now);
        client.Up(ConnectionMode.Paranoid);
        world.Run(60 * s_second);
        Assert.Equal(ConnectionState.Active, client.Node.Controller.Connection.State);
        Assert.Equal(0, client.Node.Controller.Cost.CoverSent);
    }

    [Fact]
    public void The_guard_falls_quiet_when_the_client_wants_no_more()
    {
        var (world, client, _) = Connect(54, ConnectionMode.Paranoid);
        world.Run(60 * s_second);
        client.Do(() => client.Node.Controller.CoverBudget = 0);
        world.Run(15 * s_second);
        var before = client.Counters.CoverBytes;
        world.Run(20 * s_second);
        Assert.InRange(client.Counters.CoverBytes - before, 0, 4 * 1452);
    }

    [Fact]
    public void Cover_makes_way_while_a_queue_stands_before_the_guard()
    {
        var (world, client, _) = Connect(55, ConnectionMode.Paranoid);
        world.Run(40 * s_second);
        var circuit = client.Node.Controller.Carrying!;
        Assert.NotEqual(0, circuit.CoverBudget);
        world.Jitter = TimeSpan.FromMilliseconds(400);
        for (var i = 0; i < 40; i++)
        {
            client.SendPacket(Packets.Udp(Packets.Client, IpAddress.Parse("203.0.114.7"), 4000, 53, "hello"u8));
            world.Run(s_second / 2);
        }
        Assert.Equal(0, client.Node.Controller.Carrying!.CoverBudget);
    }

    static (World World, SimNode Client, SimNode[] Relays) Connect(ulong seed, ConnectionMode mode, long budget = Controller.DefaultCoverBudget)
    {
        var (world, client, relays) = Networks.Six(seed);
        client.Node.Controller.CoverBudget = budget;
        client.Up(mode);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        return (world, client, relays);
    }
}
