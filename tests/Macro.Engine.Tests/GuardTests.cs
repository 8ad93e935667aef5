using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine.Tests;

/// <summary>Which relays see the client's address: few, for long, whatever happens.</summary>
public class GuardTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world = new(61);
    readonly SimNode _client;
    readonly SimNode[] _relays;
    readonly HashSet<Endpoint> _met = [];

    public GuardTests()
    {
        _client = _world.Add("client", "44.1.0.1:5000");
        _relays = [.. Enumerable.Range(0, 30).Select(i => _world.Add($"relay{i}", $"44.{10 + i}.0.1:51820", relay: true, exit: i % 3 == 0))];
        Controller.Candidates = [.. _relays.Select(relay => relay.Candidate)];
        _world.Tap = (from, to, _) =>
        {
            if (from == _client.Endpoint)
                _met.Add(to);
        };
    }

    Controller Controller => _client.Node.Controller;

    [Fact]
    public void Every_circuit_enters_by_the_same_guard()
    {
        for (var i = 0; i < 20; i++)
        {
            Connect();
            _client.Use(IsolationKey.Named($"user {i}"));
            _world.Run(s_second);
        }
        Assert.InRange(_met.Count, 1, GuardSet.Primaries);
        Assert.Equal(1, Controller.Main!.Path!.Hops[0].Guard);
    }

    [Fact]
    public void Guards_persist_across_restarts()
    {
        Connect();
        var kept = Controller.Guards.Write();
        var entry = Controller.Carrying!.Entry;
        for (var i = 0; i < 10; i++)
        {
            var again = _world.Add($"again{i}", $"44.1.0.{i + 2}:5000");
            Assert.True(again.Node.Controller.Guards.TryRead(kept, _world.Now));
            again.Node.Controller.Candidates = Controller.Candidates;
            again.Up(ConnectionMode.Private);
            _world.RunUntil(() => again.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
            // Or the next one, where the exit that was drawn rules the first one out.
            Assert.Contains(again.Node.Controller.Carrying!.Entry, Endpoints(Controller.Guards.Sample.Take(3)));
            Assert.Equal(kept, again.Node.Controller.Guards.Write());
        }
        Assert.Contains(entry, Endpoints(Controller.Guards.Sample.Take(3)));
    }

    [Fact]
    public void A_storm_of_retries_never_walks_through_the_guards()
    {
        Connect();
        foreach (var relay in _relays)
            _world.Kill(relay);
        for (var i = 0; i < 200; i++)
        {
            // Asking again and again, by hand and by new names, brings nobody new.
            _client.Up(ConnectionMode.Private);
            _client.Use(IsolationKey.Named($"user {i % 30}"));
            _world.Run(TimeSpan.FromSeconds(30));
        }
        Assert.InRange(_met.Count, 2, GuardSet.Primaries + GuardSet.SparesPerDay);
    }

    [Fact]
    public void After_an_outage_of_the_own_network_the_first_guard_is_used_again_and_nobody_is_blamed()
    {
        Connect();
        var first = Controller.Guards.Sample[0];
        _world.Loss = 1;
        _world.Run(TimeSpan.FromMinutes(5));
        Assert.NotEqual(ConnectionState.Active, Controller.Connection.State);
        _world.Loss = 0;
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, 30 * s_second);
        _world.Run(TimeSpan.FromMinutes(1));
        Connect();
        Assert.Equal(first, Controller.Main!.Path!.Hops[0].Relay.Id);
        foreach (var relay in _relays)
            Assert.Equal(0, Controller.Reputation.Outcomes(relay.Candidate.Id, _world.Now).Bad);
        Assert.Empty(Controller.Blocklist.Convictions(_world.Now));
    }

    [Fact]
    public void A_machine_that_slept_blames_nobody()
    {
        Connect();
        // Nothing is heard and no timer runs: so sleep looks from inside.
        _world.Sleep(_client, TimeSpan.FromHours(2));
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active && Controller.Carrying!.LastTraffic > _world.Now - s_second, TimeSpan.FromMinutes(1));
        foreach (var relay in _relays)
            Assert.Equal(0, Controller.Reputation.Outcomes(relay.Candidate.Id, _world.Now).Bad);
    }

    [Fact]
    public void Relays_that_are_blocked_for_an_offence_serve_when_there_are_no_others()
    {
        foreach (var relay in _relays)
            Controller.Blocklist.Convict(relay.Candidate.Id, Offence.Dropping, _world.Now);
        Connect();
    }

    [Fact]
    public void Who_gets_guards_convicted_does_not_walk_the_client_through_others()
    {
        for (var i = 0; i < 100; i++)
        {
            Connect();
            Controller.Blocklist.Convict(Controller.Main!.Path!.Hops[0].Relay.Id, Offence.Dropping, _world.Now);
            _world.Run(s_second);
        }
        Assert.InRange(_met.Count, GuardSet.Primaries + 1, GuardSet.Primaries + GuardSet.SparesPerDay);
        Assert.Equal(GuardSet.SampleSize, Controller.Guards.Sample.Count);
    }

    [Fact]
    public void A_guard_is_used_again_when_it_has_served_its_time()
    {
        Connect();
        var guard = Controller.Main!.Path!.Hops[0].Relay.Id;
        Controller.Blocklist.Convict(guard, Offence.Dropping, _world.Now);
        Connect();
        Assert.NotEqual(guard, Controller.Main!.Path!.Hops[0].Relay.Id);
        _world.Run(TimeSpan.FromHours(1) + s_second);
        Connect();
        Assert.Equal(guard, Controller.Main!.Path!.Hops[0].Relay.Id);
    }

    [Fact]
    public void A_blocked_relay_takes_part_in_no_circuit_and_all_blocked_is_told()
    {
        Connect();
        var guard = Controller.Main!.Path!.Hops[0].Relay;
        Assert.True(Controller.Blocklist.Block(BlockRule.Of(guard.Id)));
        for (var i = 0; i < 20; i++)
        {
            Connect();
            Assert.DoesNotContain(Controller.Carrying!.Hops, hop => hop.Target.Name == guard.Target.Name);
        }
        Assert.True(BlockRule.TryParse("44.0.0.0/8", out var all));
        Controller.Blocklist.Block(all);
        Assert.Contains("blocked", Controller.WhyNot(new ConnectRequest(), _world.Now)!.Value.Problem);
    }

    void Connect()
    {
        _client.Up(ConnectionMode.Private);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, 5 * s_second);
    }

    IEnumerable<Endpoint> Endpoints(IEnumerable<NodeId> ids) => ids.Select(id => _relays.Single(relay => relay.Candidate.Id == id).Endpoint);
}
