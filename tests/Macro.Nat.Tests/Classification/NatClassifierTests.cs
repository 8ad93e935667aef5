using Macro.Core;
using Macro.Nat.Classification;

namespace Macro.Nat.Tests.Classification;

public class NatClassifierTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_000_000);
    static readonly Endpoint s_own = Endpoint.Parse("192.168.1.10:51820"), s_seen = Endpoint.Parse("44.1.2.3:51820");

    readonly NatClassifier _classifier = new(VoteRules.Internet);

    public NatClassifierTests() => _classifier.SetOwn([s_own]);

    [Fact]
    public void Three_voices_are_not_enough_and_four_of_three_networks_are()
    {
        Say("44.10.0.1:1", "44.11.0.1:1", "44.12.0.1:1");
        Assert.False(_classifier.Class.IsKnown);

        Say("44.12.0.2:1");
        Assert.Equal((NatKind.PortRestricted, s_seen), (_classifier.Class.Kind, _classifier.Class.Outside));
        Assert.Equal(PortAssignment.Preserved, _classifier.Class.Assignment);
    }

    [Fact]
    public void Neighbours_of_one_network_have_two_voices()
    {
        Say([.. Enumerable.Range(1, 50).Select(i => $"44.10.0.{i}:1")]);
        Say("44.11.0.1:1");

        Assert.False(_classifier.Class.IsKnown);
    }

    [Fact]
    public void A_new_address_is_believed_once_most_have_seen_it()
    {
        Say("44.10.0.1:1", "44.11.0.1:1", "44.12.0.1:1", "44.13.0.1:1");
        var moved = Endpoint.Parse("44.9.9.9:51820");
        string[] voters = ["44.10.0.1:1", "44.11.0.1:1", "44.12.0.1:1", "44.13.0.1:1"];
        foreach (var voter in voters)
            _classifier.Observe(new Observation(Endpoint.Parse(voter), moved, s_now));

        Assert.Equal(moved, _classifier.Class.Outside);
    }

    [Fact]
    public void Old_votes_do_not_count()
    {
        Say("44.10.0.1:1", "44.11.0.1:1", "44.12.0.1:1", "44.13.0.1:1");
        _classifier.Observe(new Observation(Endpoint.Parse("44.14.0.1:1"), s_seen, s_now + TimeSpan.FromHours(2)));

        Assert.False(_classifier.Class.IsKnown);
    }

    [Theory]
    [InlineData(PortAssignment.Sequential, 1, 40001, 40003, 40002, 40004)]
    [InlineData(PortAssignment.Sequential, 2, 40006, 40002, 40004, 40008)]
    [InlineData(PortAssignment.Sequential, -1, 40004, 40003, 40002, 40001)]
    [InlineData(PortAssignment.Sequential, 1, 40001, 40002, 40003, 41000, 40004)]
    [InlineData(PortAssignment.Random, 0, 1700, 40003, 22002, 60004)]
    public void A_NAT_that_counts_is_known_in_whatever_order_relays_tell(PortAssignment expected, int step, params int[] ports)
    {
        for (var i = 0; i < ports.Length; i++)
            _classifier.Observe(new Observation(Endpoint.Parse($"44.{10 + i}.0.1:1"), s_seen with { Port = (ushort)ports[i] }, s_now));

        Assert.Equal((expected, step), (_classifier.Class.Assignment, _classifier.Class.PortStep));
    }

    [Theory]
    [InlineData("100.64.3.4", true)]
    [InlineData("10.0.0.7", true)]
    [InlineData("44.1.2.3", false)]
    [InlineData("44.7.7.7", false)]
    public void A_gateway_whose_outside_is_private_lies_behind_another_one(string outside, bool carrier)
    {
        Say("44.10.0.1:1", "44.11.0.1:1", "44.12.0.1:1", "44.13.0.1:1");
        _classifier.ObserveGateway(IpAddress.Parse(outside));

        Assert.Equal(carrier, _classifier.Class.IsCarrierGrade);
    }

    [Fact]
    public void An_address_of_our_own_from_the_carriers_range_says_it_too()
    {
        _classifier.SetOwn([Endpoint.Parse("100.64.1.2:51820")]);
        Say("44.10.0.1:1", "44.11.0.1:1", "44.12.0.1:1", "44.13.0.1:1");

        Assert.True(_classifier.Class.IsCarrierGrade);
    }

    [Fact]
    public void One_port_for_each_address_is_told_from_one_for_each_endpoint()
    {
        (string Voter, int Port)[] votes = [("44.10.0.1:1", 1), ("44.10.0.1:2", 1), ("44.11.0.1:1", 2), ("44.11.0.1:2", 2), ("44.12.0.1:1", 3), ("44.13.0.1:1", 4)];
        foreach (var (voter, port) in votes)
            _classifier.Observe(new Observation(Endpoint.Parse(voter), s_seen with { Port = (ushort)(40_000 + port * 997) }, s_now));

        Assert.Equal(MappingBehaviour.AddressDependent, _classifier.Class.Mapping);
    }

    [Fact]
    public void Another_network_begins_anew()
    {
        Say("44.10.0.1:1", "44.11.0.1:1", "44.12.0.1:1", "44.13.0.1:1");
        _classifier.SetOwn([Endpoint.Parse("10.1.1.1:51820")]);

        Assert.Equal(new NatClass(), _classifier.Class);
    }

    [Theory]
    [InlineData(null, null, 25)]
    [InlineData(60, null, 25)]
    [InlineData(27, 60, 25)]
    [InlineData(10, 27, 7.5)]
    [InlineData(null, 10, 3.75)]
    public void The_keepalive_goes_by_what_a_mapping_survived(int? survived, int? lost, double keepalive)
    {
        var lifetime = new MappingLifetime();
        if (survived is { } alive)
            lifetime.Record(TimeSpan.FromSeconds(alive), alive: true);
        if (lost is { } dead)
            lifetime.Record(TimeSpan.FromSeconds(dead), alive: false);

        Assert.Equal(keepalive, lifetime.Keepalive.TotalSeconds);
    }

    void Say(params string[] voters)
    {
        foreach (var voter in voters)
            _classifier.Observe(new Observation(Endpoint.Parse(voter), s_seen, s_now));
    }
}
