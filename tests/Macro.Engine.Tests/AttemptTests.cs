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

    void KillHop(int index) => _world.Kill(_relays.Single(relay => relay.Name == Controller.Carrying!.Hops[index].Target.Name));

    void Connect(TimeSpan limit)
    {
        _client.Up(ConnectionMode.Private);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, limit);
    }
}
