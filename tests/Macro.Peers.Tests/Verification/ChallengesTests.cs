using Macro.Core;

namespace Macro.Peers.Tests;

public sealed class ChallengesTests
{
    readonly Challenges _challenges = new(new ChallengeOptions { PerSecond = 10 });
    Instant _now = Example.Now;

    [Fact]
    public void A_descriptor_passes_when_each_of_its_endpoints_is_proven()
    {
        var signed = Relays.Numbered(1);
        Assert.True(_challenges.Add(signed, _now));
        foreach (var endpoint in signed.Descriptor.Endpoints)
        {
            Assert.False(_challenges.TryTakePassed(out _));
            Assert.True(_challenges.TryTake(_now, out var challenge));
            Assert.Equal(new Challenge(signed.Id, endpoint, signed.Descriptor.RelayKey), challenge);
            _challenges.Handle(challenge, ChallengeOutcome.Proven, _now);
        }
        Assert.True(_challenges.TryTakePassed(out var passed));
        Assert.Same(signed, passed);
        Assert.Equal(0, _challenges.Pending);
    }

    [Fact]
    public void A_renewed_descriptor_passes_at_once_and_one_with_another_key_does_not()
    {
        Prove(Relays.Numbered(1));
        var renewed = Relays.Numbered(1, _now + TimeSpan.FromHours(1));
        _challenges.Add(renewed, _now + TimeSpan.FromHours(1));
        Assert.True(_challenges.TryTakePassed(out _));
        var rotated = Relays.Numbered(1, _now + TimeSpan.FromHours(2), Example.Relay with { RelayKey = Example.Key(9) });
        _challenges.Add(rotated, _now + TimeSpan.FromHours(2));
        Assert.False(_challenges.TryTakePassed(out _));
        Assert.True(_challenges.TryTake(_now + TimeSpan.FromHours(2), out _));
    }

    [Fact]
    public void Proof_of_one_node_says_nothing_about_another_that_lists_the_same_endpoint_and_key()
    {
        Prove(Relays.Numbered(1));
        _now += TimeSpan.FromMinutes(1);
        _challenges.Add(Relays.Numbered(2), _now);
        Assert.True(_challenges.TryTake(_now, out var challenge));
        Assert.Equal(Relays.Numbered(2).Id, challenge.Node);
        _challenges.Handle(challenge, ChallengeOutcome.AnotherNode, _now);
        Assert.Equal(0, _challenges.Pending);
        Assert.False(_challenges.TryTakePassed(out _));
    }

    [Fact]
    public void A_silent_endpoint_is_tried_three_times_at_growing_distances_and_then_dropped()
    {
        _challenges.Add(Relays.Numbered(1), _now);
        var knocks = new List<double>();
        for (var second = 0; second < 3600; second++)
            if (_challenges.TryTake(_now + TimeSpan.FromSeconds(second), out var challenge))
            {
                knocks.Add(second);
                _challenges.Handle(challenge, ChallengeOutcome.Silent, _now + TimeSpan.FromSeconds(second));
            }
        Assert.Equal([0, 120, 600], knocks);
        Assert.Equal(0, _challenges.Pending);
    }

    [Fact]
    public void What_was_met_once_is_known_until_it_expires()
    {
        var signed = Relays.Numbered(1);
        var directory = Relays.Directory([signed]);
        Assert.False(_challenges.Knows(directory.ItemOf(signed)));
        _challenges.Add(signed, _now);
        Assert.True(_challenges.Knows(directory.ItemOf(signed)));
        _challenges.Add(Relays.Numbered(2, _now + TimeSpan.FromHours(4)), _now + TimeSpan.FromHours(4));
        Assert.False(_challenges.Knows(directory.ItemOf(signed)));
    }

    [Fact]
    public void An_address_that_a_thousand_descriptors_list_is_knocked_at_once_in_half_a_minute()
    {
        for (var i = 0; i < 1000; i++)
            _challenges.Add(Relays.Numbered(i), _now);
        var knocks = 0;
        for (var second = 0; second < 60; second++)
            while (_challenges.TryTake(_now + TimeSpan.FromSeconds(second), out var challenge))
            {
                knocks += challenge.Endpoint == Example.Relay.Endpoints[0] ? 1 : 0;
                _challenges.Handle(challenge, ChallengeOutcome.Silent, _now + TimeSpan.FromSeconds(second));
            }
        Assert.InRange(knocks, 1, 2);
    }

    [Fact]
    public void No_more_sessions_begin_in_a_second_than_the_rate_allows()
    {
        for (var i = 0; i < 200; i++)
            _challenges.Add(Relays.Numbered(i, like: Example.Relay with { Endpoints = [Endpoint.Parse($"44.1.{i}.1:1")] }), _now);
        var begun = 0;
        for (var second = 0; second < 5; second++)
            while (_challenges.TryTake(_now + TimeSpan.FromSeconds(second), out _))
                begun++;
        Assert.InRange(begun, 50, 61);
    }

    [Fact]
    public void Who_has_no_IPv6_proves_the_IPv4_endpoints_and_leaves_out_relays_without()
    {
        var challenges = new Challenges(new ChallengeOptions { HasV6 = false });
        Assert.False(challenges.Add(Relays.Numbered(1, like: Example.Relay with { Endpoints = [Endpoint.Parse("[2600::1]:1")] }), _now));
        Assert.True(challenges.Add(Relays.Numbered(2), _now));
        Assert.True(challenges.TryTake(_now, out var challenge));
        challenges.Handle(challenge, ChallengeOutcome.Proven, _now);
        Assert.True(challenges.TryTakePassed(out _));
    }

    void Prove(SignedDescriptor signed)
    {
        _challenges.Add(signed, _now);
        while (_challenges.TryTake(_now, out var challenge))
            _challenges.Handle(challenge, ChallengeOutcome.Proven, _now);
        Assert.True(_challenges.TryTakePassed(out _));
    }
}
