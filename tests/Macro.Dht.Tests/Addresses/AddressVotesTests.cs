using Macro.Core;

namespace Macro.Dht.Tests;

public sealed class AddressVotesTests
{
    static readonly Endpoint s_true = Endpoint.Parse("198.41.0.4:6881"), s_false = Endpoint.Parse("8.8.8.8:1");

    readonly AddressVotes _votes = new();

    [Fact]
    public void Four_voices_of_different_networks_make_a_majority()
    {
        for (var i = 1; i <= 3; i++)
            Assert.False(Vote($"1.1.{i}.1:1", s_true));
        Assert.True(_votes.Majority.IsNone);
        Assert.True(Vote("1.1.4.1:1", s_true));
        Assert.Equal(s_true, _votes.Majority);
        Assert.False(Vote("1.1.5.1:1", s_true));
    }

    [Fact]
    public void One_network_has_one_voice()
    {
        for (var i = 1; i <= 200; i++)
            Vote($"1.1.1.{i}:1", s_false);
        Assert.True(_votes.Majority.IsNone);
    }

    [Fact]
    public void A_minority_changes_nothing_and_a_move_is_noticed()
    {
        for (var i = 1; i <= 10; i++)
            Vote($"1.1.{i}.1:1", s_true);
        for (var i = 11; i <= 16; i++)
            Assert.False(Vote($"1.1.{i}.1:1", s_false));
        Assert.Equal(s_true, _votes.Majority);
        for (var i = 17; i <= 20; i++)
            Vote($"1.1.{i}.1:1", s_false);
        Assert.Equal(s_false, _votes.Majority);
    }

    bool Vote(string voter, Endpoint seen) => _votes.Vote(Endpoint.Parse(voter), seen, distinct: true);
}
