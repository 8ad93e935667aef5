using Macro.Core;

namespace Macro.Peers.Tests;

public class BlocklistTests
{
    static readonly BlockSubject s_relay = new(Nodes.Id(1), [Endpoint.Parse("44.1.2.3:51820"), Endpoint.Parse("[2a0e:1::1]:51820")], "CH", 64500);

    readonly Blocklist _list = new();
    Instant _now = Example.Now;

    public static TheoryData<string, bool> Rules => new()
    {
        { Nodes.Id(1).ToString(), true },
        { Nodes.Id(2).ToString(), false },
        { "44.1.0.0/16", true },
        { "44.1.2.3", true },
        { "44.2.0.0/16", false },
        { "2a0e:1::/32", true },
        { "ch", true },
        { "NL", false },
        { "AS64500", true },
        { "as64501", false },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_rule_names_a_node_a_network_a_country_or_a_system(string text, bool blocks)
    {
        Assert.True(BlockRule.TryParse(text, out var rule));
        Assert.Equal(blocks, rule.Matches(s_relay));
        Assert.True(BlockRule.TryParse(rule.ToString(), out var again));
        Assert.Equal(rule, again);
        Assert.True(_list.Block(rule));
        Assert.False(_list.Block(rule));
        Assert.Equal(blocks, _list.IsBlocked(s_relay, _now));
        Assert.True(_list.Unblock(rule));
        Assert.False(_list.IsBlocked(s_relay, _now));
        Assert.False(_list.Unblock(rule));
    }

    [Theory]
    [InlineData("")]
    [InlineData("C")]
    [InlineData("C1")]
    [InlineData("AS0")]
    [InlineData("44.1.0.0/33")]
    [InlineData("example.com")]
    public void Anything_else_is_no_rule(string text) => Assert.False(BlockRule.TryParse(text, out _));

    [Fact]
    public void An_offence_blocks_for_an_hour_and_each_further_one_four_times_as_long()
    {
        foreach (var hours in new[] { 1, 4, 16, 64, 256, 720, 720 })
        {
            _list.Convict(s_relay.Id, Offence.Dropping, _now);
            Assert.Equal(_now + TimeSpan.FromHours(hours), _list.NextTimeout(_now));
            _now += TimeSpan.FromHours(hours);
            Assert.False(_list.IsBlocked(s_relay, _now));
            Assert.True(_list.IsBlocked(s_relay, _now - TimeSpan.FromSeconds(1)));
        }
        Assert.Equal(Instant.Never, _list.NextTimeout(_now));
    }

    [Fact]
    public void Every_thirty_days_without_one_take_a_strike_away()
    {
        for (var i = 0; i < 3; i++)
            _list.Convict(s_relay.Id, Offence.Dropping, _now);
        _now += TimeSpan.FromHours(16) + TimeSpan.FromDays(61);
        _list.Convict(s_relay.Id, Offence.Dropping, _now);
        Assert.Equal(_now + TimeSpan.FromHours(4), Assert.Single(_list.Convictions(_now)).Until);
    }

    [Fact]
    public void The_user_may_forgive()
    {
        _list.Convict(s_relay.Id, Offence.Tampering, _now);
        Assert.Equal(_now + TimeSpan.FromHours(1), _list.NextTimeout(_now));
        Assert.True(_list.Unblock(BlockRule.Of(s_relay.Id)));
        Assert.False(_list.IsBlocked(s_relay, _now));
    }

    [Fact]
    public void It_persists_with_days_and_no_hours()
    {
        foreach (var text in new[] { "44.1.0.0/16", "CH", "AS5", Nodes.Id(7).ToString() })
            _list.Block(BlockRule.TryParse(text, out var rule) ? rule : default);
        for (var i = 0; i < 4; i++)
            _list.Convict(Nodes.Id(9), Offence.NotForwarding, _now);
        var again = new Blocklist();
        Assert.True(again.TryRead(_list.Write(_now), _now));
        Assert.Equal(_list.Rules, again.Rules);
        var conviction = Assert.Single(again.Convictions(_now));
        Assert.Equal((Nodes.Id(9), Offence.NotForwarding, 4), (conviction.Id, conviction.Offence, conviction.Strikes));
        Assert.Equal(0, conviction.Until.UnixSeconds % 86400);
        Assert.InRange(conviction.Until - _now, TimeSpan.FromHours(64), TimeSpan.FromHours(88));
    }

    [Theory]
    [InlineData("")]
    [InlineData("macro-blocklist 2\n")]
    [InlineData("macro-blocklist 1\nrule nobody\n")]
    [InlineData("macro-blocklist 1\nDropping nobody 1 20000\n")]
    public void A_damaged_file_is_refused_as_a_whole(string text)
    {
        _list.Block(BlockRule.Of(s_relay.Id));
        Assert.False(_list.TryRead(text, _now));
        Assert.Single(_list.Rules);
    }
}
