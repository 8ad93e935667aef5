using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>Isolation keys whose exits are to be elsewhere than those of the connection: two Dutch exits, one Swiss one.</summary>
public class ExitRegionTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world;
    readonly SimNode _client;
    readonly SimNode[] _relays;

    public ExitRegionTests()
    {
        (_world, _client, _relays) = Networks.Six(97);
        var third = _world.Add("relay7", "44.135.0.1:51820", relay: true, exit: true);
        third.Answer = Packets.Echo;
        _relays = [.. _relays, third];
        Know(_relays);
    }

    Controller Controller => _client.Node.Controller;

    SimNode Swiss => _relays[4];

    [Fact]
    public void A_key_goes_by_an_exit_where_it_says_and_all_others_by_the_connections()
    {
        Up("NL");
        for (var i = 0; i < 8; i++)
        {
            Assert.Equal("CH", Region(Standing(Key($"user {i}", "CH"))));
            Assert.Equal("NL", Region(Standing(Key($"user {i}"))));
        }
        Assert.Equal("NL", Controller.Carrying!.Exit.Target.Region);
        Assert.Equal(16, Controller.Isolated.Count);
    }

    [Fact]
    public void Users_of_one_site_share_no_exit_session_and_neither_do_a_user_and_his_site()
    {
        Up("CH");
        IsolationKey[] keys = [Key("", "CH"), Key("alice", "CH"), Key("bob", "CH"), Key("alice"), Key("alice", "CH,any"), Key("alice", "any")];
        foreach (var key in keys)
        {
            Standing(key);
            Say(key);
        }
        Assert.All(keys, key => Assert.Single(_client.Stacks[key].Inbox));
        var sources = _relays.SelectMany(exit => exit.Internet.Select(packet => (exit.Name, Packets.Source(packet)))).ToArray();
        Assert.Equal(keys.Length, sources.Length);
        Assert.Equal(keys.Length, sources.Distinct().Count());
        Assert.InRange(Swiss.Internet.Count, keys.Length - 1, keys.Length);
    }

    [Theory]
    [InlineData("GB,CH", "CH")]
    [InlineData("CH,NL", "CH")]
    [InlineData("GB,CH,any", "CH")]
    public void Regions_are_taken_in_their_order(string regions, string expected)
    {
        Up("NL");
        for (var i = 0; i < 5; i++)
            Assert.Equal(expected, Region(Standing(Key($"user {i}", regions))));
    }

    [Theory]
    [InlineData("CH,NL")]
    [InlineData("CH,any")]
    public void When_the_exit_is_lost_the_next_region_serves(string regions)
    {
        Up("NL");
        var key = Key("alice", regions);
        var kept = Standing(key);
        _world.Kill(Swiss);
        for (var i = 0; i < 30; i++)
            Say(key);
        Assert.Equal("NL", Region(kept));
        Assert.NotEmpty(_client.Stacks[key].Inbox);
    }

    [Fact]
    public void When_the_only_exit_is_lost_nothing_goes_by_another()
    {
        Up("NL");
        var key = Key("alice", "CH");
        var kept = Standing(key);
        _world.Kill(Swiss);
        for (var i = 0; i < 60; i++)
            Say(key);
        Assert.Null(kept.Carrying);
        Assert.Empty(_relays.Where(relay => relay != Swiss).SelectMany(relay => relay.Internet));
        Assert.Equal(ConnectionState.Active, Controller.Connection.State);
    }

    [Fact]
    public void Where_no_exit_is_known_there_is_no_circuit_until_one_is()
    {
        Know(_relays.Where(relay => relay != Swiss));
        Up("NL");
        var kept = _client.Use(Key("alice", "CH,SE"))!;
        Assert.True(kept.LooksHopeless);
        Assert.Null(kept.Shown);
        // What is looked for is what is lacking, and not what the connection has.
        Assert.Equal("CH,SE", Controller.Lacking!.ExitRegion);
        Assert.Equal(ConnectionState.Active, Controller.Connection.State);
        Assert.Null(Controller.Connection.Problem);

        Know(_relays);
        _client.Do(() => Controller.Retry(_world.Now));
        Assert.Null(Controller.Lacking);
        Assert.Equal("CH", Region(Standing(Key("alice", "CH,SE"))));
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("NL", true)]
    [InlineData("any", true)]
    [InlineData("GB,NL", true)]
    [InlineData("GB,any", true)]
    [InlineData("CH", false)]
    [InlineData("CH,NL", false)]
    [InlineData("CH,any", false)]
    public void A_spare_serves_when_its_exit_is_where_the_key_wants_it_first(string? regions, bool serves)
    {
        Controller.MostSpares = 4;
        Up("NL");
        _world.Run(5 * s_second);
        Assert.Equal(1, Controller.Spares);
        var kept = _client.Use(Key("alice", regions))!;
        Assert.Equal(serves, kept.Carrying is not null);
        _world.RunUntil(() => kept.Carrying is not null, 5 * s_second);
        Assert.Equal(serves ? "NL" : "CH", Region(kept));
    }

    [Fact]
    public void The_next_one_finds_a_spare_where_the_last_one_wanted_it()
    {
        Controller.MostSpares = 4;
        Up("NL");
        for (var i = 0; i < 6; i++)
        {
            var kept = _client.Use(Key($"user {i}", "CH"))!;
            Assert.Equal(i > 0, kept.Carrying is not null);
            _world.Run(5 * s_second);
            Assert.Equal("CH", Region(kept));
            Assert.InRange(Controller.Spares, 0, SpareCircuits.Most);
        }
    }

    [Fact]
    public void Its_circuit_is_changed_as_others_are_and_stays_where_it_is_wanted()
    {
        Controller.MostSpares = 4;
        Up("NL", ConnectionMode.Paranoid);
        var key = Key("alice", "CH");
        var kept = Standing(key);
        HashSet<Circuit> own = [], main = [];
        for (var i = 0; i < 120; i++)
        {
            Say(key);
            _client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "talk"u8));
            _world.Run(29 * s_second);
            own.Add(kept.Carrying!);
            main.Add(Controller.Carrying!);
            Assert.Equal(("CH", "NL"), (Region(kept), Controller.Carrying!.Exit.Target.Region));
        }
        Assert.InRange(own.Count, 5, 8);
        Assert.InRange(main.Count, 5, 8);
        Assert.Equal(120, _client.Stacks[key].Inbox.Count);
    }

    static IsolationKey Key(string name, string? regions = null) => IsolationKey.Named(name) with { ExitRegion = regions };

    static string Region(KeptCircuit kept) => kept.Carrying!.Exit.Target.Region;

    void Know(IEnumerable<SimNode> relays) => Controller.Candidates =
        [.. relays.Select(relay => relay.Candidate with { Target = relay.Candidate.Target with { Region = relay == Swiss ? "CH" : relay.Candidate.Region } })];

    void Up(string region, ConnectionMode mode = ConnectionMode.Private)
    {
        _client.Up(mode, region);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, 5 * s_second);
    }

    KeptCircuit Standing(IsolationKey key)
    {
        var kept = _client.Use(key);
        _world.RunUntil(() => kept!.Carrying is not null, 5 * s_second);
        return kept!;
    }

    void Say(IsolationKey key)
    {
        _client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "talk"u8), _client.Stacks[key]);
        _world.Run(s_second);
    }
}
