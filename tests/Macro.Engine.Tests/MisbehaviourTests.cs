using Macro.Circuits;
using Macro.Core;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>What a client makes of relays that do other than they say.</summary>
public class MisbehaviourTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    static readonly ExitPolicy s_nothing = new([], []);

    readonly World _world;
    readonly SimNode _client;
    readonly SimNode[] _relays;

    public MisbehaviourTests() => (_world, _client, _relays) = Networks.Six(51);

    Controller Controller => _client.Node.Controller;

    [Fact]
    public void An_exit_that_refuses_what_it_promises_is_blocked_for_that()
    {
        var exit = Connect();
        exit.Policy = s_nothing;
        Visit(7);
        Visit(7);
        Assert.Empty(Controller.Blocklist.Convictions(_world.Now));
        Visit(8);
        var conviction = Assert.Single(Controller.Blocklist.Convictions(_world.Now));
        Assert.Equal((exit.Candidate.Id, Offence.PolicyLie), (conviction.Id, conviction.Offence));
    }

    [Fact]
    public void An_exit_that_promises_nothing_may_refuse()
    {
        Controller.Candidates = [.. _relays.Select(relay => relay.Candidate with { Policy = PolicyClass.Custom })];
        Connect().Policy = s_nothing;
        Visit(20);
        Assert.Equal(20, _client.Inbox.Count);
        Assert.Empty(Controller.Blocklist.Convictions(_world.Now));
    }

    [Fact]
    public void What_every_exit_refuses_is_held_against_none()
    {
        Connect();
        for (byte i = 0; i < 20; i++)
            Send(IpAddress.FromV4(0x0A000001 + ((uint)i << 16)), 443, []);
        Visit(20, port: 25);
        _world.Run(s_second);
        Assert.Equal(40, _client.Inbox.Count);
        Assert.Empty(Controller.Blocklist.Convictions(_world.Now));
    }

    [Fact]
    public void What_is_changed_between_two_relays_counts_against_both_once_in_a_while()
    {
        var exit = Connect();
        var entry = _relays.Single(relay => relay.Name == Controller.Carrying!.Hops[0].Target.Name);
        var passed = 0;
        _world.Tap = (from, to, datagram) =>
        {
            if (from == exit.Endpoint && to == entry.Endpoint && datagram.Length > 500 && passed++ % 4 == 0)
                datagram[^1] ^= 1;
        };
        for (var i = 0; i < 90; i++)
        {
            Send(IpAddress.Parse("45.1.1.1"), 443, new byte[1000]);
            _world.Run(s_second / 3);
        }
        Assert.Equal(90 * 3 / 4, _client.Inbox.Count, 3.0);
        Assert.Equal(1, Bad(entry) + Bad(exit), 3);
        Assert.InRange(Bad(exit), 0.3, 0.7);
        Assert.Equal(ConnectionState.Active, Controller.Connection.State);
        Assert.Empty(Controller.Blocklist.Convictions(_world.Now));
    }

    [Fact]
    public void What_is_changed_before_the_entry_counts_against_nobody()
    {
        Connect();
        _world.Tap = (_, to, datagram) =>
        {
            if (to == _client.Endpoint && datagram.Length > 500)
                datagram[^1] ^= 1;
        };
        for (var i = 0; i < 90; i++)
        {
            Send(IpAddress.Parse("45.1.1.1"), 443, new byte[1000]);
            _world.Run(s_second / 3);
        }
        Assert.All(_relays, relay => Assert.Equal(0, Bad(relay)));
    }

    SimNode Connect()
    {
        _client.Up(ConnectionMode.Balanced);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, 10 * s_second);
        return _relays.Single(relay => relay.Name == Controller.Carrying!.Exit.Target.Name);
    }

    /// <summary>A datagram each to so many networks, the same ones every time.</summary>
    void Visit(int networks, ushort port = 443)
    {
        for (byte i = 0; i < networks; i++)
            Send(IpAddress.FromV4(0x2D000001 + ((uint)i << 16)), port, []);
        _world.Run(s_second);
    }

    void Send(IpAddress to, ushort port, byte[] body) => _client.SendPacket(Packets.Udp(Packets.Client, to, 4000, port, body));

    double Bad(SimNode relay) => Controller.Reputation.Outcomes(relay.Candidate.Id, _world.Now).Bad;
}
