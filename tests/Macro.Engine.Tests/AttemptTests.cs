using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine.Tests;

/// <summary>A relay that does not answer costs little time, and no other its good name.</summary>
public sealed class AttemptTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world = new(71);
    readonly SimNode _client;
    readonly SimNode[] _relays;

    public AttemptTests()
    {
        _client = _world.Add("client", "44.1.0.1:5000");
        _relays = [.. Enumerable.Range(0, 30).Select(i => _world.Add($"relay{i}", $"44.{10 + i}.0.1:51820", relay: true, exit: i % 3 == 0))];
        Controller.Candidates = [.. _relays.Select(relay => relay.Candidate)];
    }

    Controller Controller => _client.Node.Controller;

    [Fact]
    public void A_dead_guard_costs_the_time_until_it_is_late()
    {
        Connect(s_second);
        var dead = Controller.Main!.Path!.Hops[0].Relay.Id;
        KillHop(0);

        Connect(1.5 * s_second);

        Assert.NotEqual(dead, Controller.Main!.Path!.Hops[0].Relay.Id);
        Assert.Contains(Controller.Main.Path.Hops[0].Relay.Id, Controller.Guards.Sample.Take(GuardSet.Primaries));
    }

    [Fact]
    public void Who_was_late_when_another_circuit_stood_is_known_to_be_dead_soon()
    {
        Connect(s_second);
        KillHop(0);
        Connect(1.5 * s_second);
        _world.Run(6 * s_second);

        // At once by the second guard.
        Connect(s_second / 2);

        Assert.DoesNotContain(_relays, relay => _world.IsAlive(relay) && Controller.Reputation.Outcomes(relay.Candidate.Id, _world.Now).Bad > 0);
    }

    [Fact]
    public void Where_half_of_the_middles_are_dead_one_that_lives_is_found_soon()
    {
        Connect(s_second);
        var guards = Controller.Guards.Sample.Take(GuardSet.Primaries).ToArray();
        foreach (var relay in _relays.Where((relay, i) => i % 2 == 0 && !relay.Candidate.IsExit && !guards.Contains(relay.Candidate.Id)))
            _world.Kill(relay);

        for (var i = 0; i < 20; i++)
            Connect(5 * s_second);
    }

    [Fact]
    public void When_a_circuit_stands_the_others_are_given_up()
    {
        _world.Loss = 0.15;
        for (var i = 0; i < 20; i++)
        {
            Connect(20 * s_second);
            Assert.Null(Controller.Main!.Building);
            _client.CheckConsistency();
        }
        _world.Loss = 0;
        _world.Run(15 * s_second);
        Assert.Equal([Controller.Carrying!], Controller.Circuits);
    }

    [Fact]
    public void A_client_asks_no_more_than_four_at_a_time()
    {
        _world.Loss = 1;
        _client.Up(ConnectionMode.Private);
        for (var i = 0; i < 600; i++)
        {
            _world.Run(s_second / 10);
            Assert.InRange(Controller.Circuits.Count(), 0, 4);
        }
        _client.Down();
        Assert.Equal(0, _client.Node.Indices.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_does_not_answer_is_suspected_only_if_the_next_hop_was_named_with_the_handshake(bool early)
    {
        Controller.GoesEarly = early;
        for (var i = 0; i < 4; i++)
        {
            Connect(s_second);
            var guard = _relays.Single(relay => relay.Name == Controller.Carrying!.Hops[0].Target.Name);
            _client.Down();
            _world.Kill(guard);
            Connect(3 * s_second);
            Send(10 * s_second);
            _world.Revive(guard);
            _client.Down();
            _world.Run(TimeSpan.FromMinutes(15));
        }
        Assert.Equal(early ? 1 : 0, Controller.Blocklist.Convictions(_world.Now).Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_is_silent_is_known_for_it_when_patience_has_been_learnt(bool early)
    {
        Controller.GoesEarly = early;
        for (var i = 0; i < 2 * BuildTimes.EnoughToLearn; i++)
            Connect(s_second);
        var guard = _relays.Single(relay => relay.Name == Controller.Carrying!.Hops[0].Target.Name);
        _world.Kill(guard);
        Connect(1.5 * s_second);
        Send(8 * s_second);
        Assert.Equal(1, Controller.Reputation.Outcomes(guard.Candidate.Id, _world.Now).Bad, 3);
        // At once by the second guard.
        Connect(s_second / 2);
    }

    [Fact]
    public void A_guard_that_starts_again_for_two_minutes_is_suspected_once_however_often_it_is_tried()
    {
        Connect(s_second);
        var guard = _relays.Single(relay => relay.Name == Controller.Carrying!.Hops[0].Target.Name);
        _world.Kill(guard);
        for (var i = 0; i < 12; i++)
        {
            // Another circuit to be wanted every ten seconds, and by hand: what is known of it by then must not be forgotten.
            _client.Up(ConnectionMode.Private);
            _client.Use(IsolationKey.Named($"user {i}"));
            Send(10 * s_second);
        }
        _world.Revive(guard);
        _world.Run(TimeSpan.FromMinutes(30));
        Assert.InRange(Controller.Reputation.Outcomes(guard.Candidate.Id, _world.Now).Bad, 1, 20);
        Assert.Empty(Controller.Blocklist.Convictions(_world.Now));
    }

    /// <summary>An application sends all the time, so that the guard in use is heard.</summary>
    void Send(TimeSpan time)
    {
        for (var end = _world.Now + time; _world.Now < end;)
        {
            _client.SendPacket(Packets.Udp(Packets.Client, IpAddress.Parse("45.1.1.1"), 4000, 443, new byte[100]));
            _world.Run(s_second / 4);
        }
    }

    void KillHop(int index) => _world.Kill(_relays.Single(relay => relay.Name == Controller.Carrying!.Hops[index].Target.Name));

    void Connect(TimeSpan limit)
    {
        _client.Up(ConnectionMode.Private);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, limit);
    }
}
