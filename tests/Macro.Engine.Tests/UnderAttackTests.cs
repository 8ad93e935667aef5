using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>Strangers on the network who have no session: floods, forgeries.</summary>
public class UnderAttackTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_circuit_stands_although_every_relay_is_flooded_with_initiations()
    {
        var (world, client, relays) = Networks.Six(1);
        foreach (var relay in relays)
            Flood(world, relay, 10 * s_second);
        world.Run(s_second);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 2 * s_second);
        Assert.Equal(3, relays.Count(r => r.Node.Relay.Counters.Cookies > 0));
    }

    /// <summary>A thousand initiations a second for nobody, from as many sources.</summary>
    static void Flood(World world, SimNode victim, TimeSpan time)
    {
        for (var sent = TimeSpan.Zero; sent < time; sent += TimeSpan.FromMilliseconds(1))
            world.At(world.Now + sent, () => victim.Receive(
                Adversary.Initiation(world.Random.NextUInt32()),
                new Endpoint(IpAddress.FromV4(0x2d000000 | (world.Random.NextUInt32() & 0xffffff)), 1000)));
    }
}
