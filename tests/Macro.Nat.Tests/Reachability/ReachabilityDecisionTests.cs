using Macro.Core;
using Macro.Nat.Classification;
using Macro.Nat.PortMapping;
using Macro.Nat.Reachability;

namespace Macro.Nat.Tests.Reachability;

public class ReachabilityDecisionTests
{
    static readonly Endpoint s_outside = Endpoint.Parse("44.1.2.3:51820");
    static readonly NatClass s_nat = new() { Kind = NatKind.PortRestricted, Outside = s_outside };

    readonly ReachabilityDecision _decision = new(51820);
    Instant _now = Instant.FromUnixSeconds(1_000_000);

    static Mapping Mapped(MappingTrust trust = MappingTrust.Confirmed) => new()
    {
        Protocol = MappingProtocol.Pcp, Outside = s_outside, InternalPort = 51820, Ends = Instant.Never, Trust = trust,
    };

    [Fact]
    public void A_mapping_makes_an_entry_once_two_networks_have_come_through()
    {
        _decision.Observe(s_nat, new NatClass(), _now);
        _decision.Observe(Mapped(), null, offers: true, _now);
        Assert.Equal([s_outside], _decision.ToTry);
        Try("44.10.0.1");
        Try("44.10.0.2");
        Assert.Equal(NodeRole.Client, _decision.Standing.Role);

        Try("44.11.0.1");

        Assert.Equal(NodeRole.Public, _decision.Standing.Role);
        Assert.Equal([s_outside], _decision.Standing.Endpoints);
    }

    [Fact]
    public void A_pinhole_alone_makes_no_entry()
    {
        var hole = Mapped() with { Outside = Endpoint.Parse("[2a0e:4401::1]:51820") };
        _decision.Observe(null, hole, offers: true, _now);
        foreach (var from in (string[])["2a0e:4402::1", "2a0e:4403::1"])
            _decision.ObserveTry(hole.Outside, IpAddress.Parse(from), arrived: true, _now);
        Assert.Equal(NodeRole.Client, _decision.Standing.Role);
        Assert.Empty(_decision.Standing.Endpoints);

        _decision.Observe(Mapped(), hole, offers: true, _now);
        Try("44.10.0.1");
        Try("44.11.0.1");
        Assert.Equal([s_outside, hole.Outside], _decision.Standing.Endpoints);
    }

    [Fact]
    public void What_is_proven_is_tried_again_in_twenty_minutes_and_what_is_not_less_and_less_often()
    {
        MakePublic();
        Assert.True(_decision.NextToTry(_now + TimeSpan.FromMinutes(19)).IsNone);
        _now += TimeSpan.FromMinutes(20);
        Assert.Equal(s_outside, _decision.NextToTry(_now));
        foreach (var minutes in (int[])[1, 2, 4, 8, 16, 16])
        {
            _decision.ObserveTry(s_outside, IpAddress.Parse("44.12.0.1"), arrived: false, _now);
            _now += TimeSpan.FromMinutes(minutes) - TimeSpan.FromSeconds(1);
            Assert.True(_decision.NextToTry(_now).IsNone);
            _now += TimeSpan.FromSeconds(1);
            Assert.Equal(s_outside, _decision.NextToTry(_now));
        }
    }

    [Fact]
    public void A_node_of_introducers_is_more_than_a_client()
    {
        _decision.Observe(s_nat, new NatClass(), _now);
        _decision.ObserveIntroducers(true, _now);

        Assert.Equal(NodeRole.Introduced, _decision.Standing.Role);
        Assert.Contains("turn on UPnP", _decision.Standing.Help, StringComparison.Ordinal);
        Assert.Contains("51820", _decision.Standing.Help, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lesser_role_waits_a_minute()
    {
        MakePublic();
        for (var i = 0; i < 3; i++)
            _decision.ObserveTry(s_outside, IpAddress.Parse("44.12.0.1"), arrived: false, _now);
        Assert.Equal(NodeRole.Public, _decision.Standing.Role);

        _now = _decision.NextTimeout;
        _decision.HandleTimeout(_now);
        Assert.Equal(NodeRole.Client, _decision.Standing.Role);
    }

    [Fact]
    public void Who_comes_back_within_the_minute_was_never_away()
    {
        MakePublic();
        for (var i = 0; i < 3; i++)
            _decision.ObserveTry(s_outside, IpAddress.Parse("44.12.0.1"), arrived: false, _now);
        var changes = _decision.Changes;
        _now += TimeSpan.FromSeconds(30);
        Try("44.10.0.1");

        Assert.Equal((NodeRole.Public, Instant.Never, changes), (_decision.Standing.Role, _decision.NextTimeout, _decision.Changes));
    }

    [Fact]
    public void What_the_operator_says_counts_until_nobody_comes_through()
    {
        _decision.Configure([s_outside], _now);
        Assert.Equal(NodeRole.Public, _decision.Standing.Role);

        for (var i = 0; i < 3; i++)
            _decision.ObserveTry(s_outside, IpAddress.Parse("44.12.0.1"), arrived: false, _now);
        _decision.HandleTimeout(_now + TimeSpan.FromMinutes(1));
        Assert.Equal(NodeRole.Client, _decision.Standing.Role);
    }

    [Theory]
    [InlineData(MappingTrust.Contradicted)]
    [InlineData(MappingTrust.Nested)]
    public void A_mapping_that_leads_nowhere_is_not_tried(MappingTrust trust)
    {
        _decision.Observe(s_nat, new NatClass(), _now);
        _decision.Observe(Mapped(trust), null, offers: true, _now);

        Assert.Empty(_decision.ToTry);
        Assert.NotNull(_decision.Standing.Help);
    }

    [Theory]
    [InlineData(NatKind.UdpBlocked, "Allow outgoing UDP")]
    [InlineData(NatKind.Firewall, "Allow incoming UDP 51820")]
    [InlineData(NatKind.RandomSymmetric, "Open UDP 51820")]
    public void Says_what_would_help(NatKind kind, string help)
    {
        _decision.Observe(new NatClass { Kind = kind, Outside = s_outside }, new NatClass(), _now);

        Assert.StartsWith(help, _decision.Standing.Help, StringComparison.Ordinal);
        Assert.EndsWith(".", _decision.Standing.Why, StringComparison.Ordinal);
    }

    void MakePublic()
    {
        _decision.Observe(new NatClass { Kind = NatKind.Public, Outside = s_outside }, new NatClass(), _now);
        Try("44.10.0.1");
        Try("44.11.0.1");
        Assert.Equal(NodeRole.Public, _decision.Standing.Role);
    }

    void Try(string from) => _decision.ObserveTry(s_outside, IpAddress.Parse(from), arrived: true, _now);
}
