using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>A client with two guards at the same time: whom it blames when its own network fails, and when a guard does.</summary>
public class OutageTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world;
    readonly SimNode _client;
    readonly SimNode[] _relays;

    public OutageTests()
    {
        (_world, _client, _relays) = Networks.Six(53);
        foreach (var relay in _relays)
            relay.Outside = packet => _world.At(_world.Now + TimeSpan.FromMilliseconds(1), () => relay.FromInternet(Packets.Echo(packet)!));
        (Controller.MostPaths, Controller.KeepsStandby) = (2, true);
        _client.Up(ConnectionMode.Balanced);
        _world.RunUntil(() => Controller.Main!.Others.Any(path => path.State == CircuitState.Ready), 10 * s_second);
    }

    Controller Controller => _client.Node.Controller;

    [Fact]
    public void A_network_that_fails_four_times_an_hour_costs_no_relay_its_name()
    {
        for (var i = 0; i < 24; i++)
        {
            Send(10 * s_second);
            // At another moment between the probes each time; at last as long as a walk out of the house.
            Send(i * TimeSpan.FromMilliseconds(37));
            _world.Loss = 1;
            Send(i % 4 == 3 ? 30 * s_second : 1.2 * s_second + i * TimeSpan.FromMilliseconds(60));
            _world.Loss = 0;
            Send(20 * s_second);
            _world.Run(TimeSpan.FromMinutes(14));
        }
        Assert.All(_relays, relay => Assert.Equal(0, Bad(relay)));
        Assert.Empty(Controller.Blocklist.Convictions(_world.Now));
    }

    [Fact]
    public void A_guard_that_falls_silent_while_another_is_heard_is_blamed()
    {
        Send(10 * s_second);
        var guard = _relays.Single(relay => relay.Name == Controller.Carrying!.Hops[0].Target.Name);
        _world.Kill(guard);
        Send(5 * s_second);
        Assert.Equal(1, Bad(guard), 3);
        Assert.All(_relays.Except([guard]), relay => Assert.Equal(0, Bad(relay)));
    }

    [Fact]
    public void So_is_one_when_the_other_was_only_kept_ready()
    {
        Controller.MostPaths = 1;
        _client.Up(ConnectionMode.Balanced);
        _world.RunUntil(() => Controller.Main!.Others.Any(path => path.State == CircuitState.Ready), 10 * s_second);
        _world.Run(TimeSpan.FromMinutes(1));
        A_guard_that_falls_silent_while_another_is_heard_is_blamed();
    }

    /// <summary>An application sends all the time, and is answered.</summary>
    void Send(TimeSpan time)
    {
        for (var end = _world.Now + time; _world.Now < end;)
        {
            _client.SendPacket(Packets.Udp(Packets.Client, IpAddress.Parse("45.1.1.1"), 4000, 443, new byte[100]));
            _world.Run(TimeSpan.FromMilliseconds(50));
        }
    }

    double Bad(SimNode relay) => Controller.Reputation.Outcomes(relay.Candidate.Id, _world.Now).Bad;
}
