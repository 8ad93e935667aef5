using Macro.Core;
using Macro.Nat.Classification;
using Macro.Simulation;

namespace Macro.Nat.Tests.Classification;

public class NatExaminationTests
{
    [Theory]
    [InlineData(MappingBehaviour.NotTranslated, FilteringBehaviour.EndpointIndependent, PortAssignment.Preserved, NatKind.Public)]
    [InlineData(MappingBehaviour.NotTranslated, FilteringBehaviour.AddressAndPortDependent, PortAssignment.Preserved, NatKind.Firewall)]
    [InlineData(MappingBehaviour.EndpointIndependent, FilteringBehaviour.EndpointIndependent, PortAssignment.Preserved, NatKind.FullCone)]
    [InlineData(MappingBehaviour.EndpointIndependent, FilteringBehaviour.AddressDependent, PortAssignment.Random, NatKind.AddressRestricted)]
    [InlineData(MappingBehaviour.EndpointIndependent, FilteringBehaviour.AddressAndPortDependent, PortAssignment.Preserved, NatKind.PortRestricted)]
    [InlineData(MappingBehaviour.AddressAndPortDependent, FilteringBehaviour.AddressAndPortDependent, PortAssignment.Sequential, NatKind.SequentialSymmetric)]
    [InlineData(MappingBehaviour.AddressAndPortDependent, FilteringBehaviour.AddressAndPortDependent, PortAssignment.Random, NatKind.RandomSymmetric)]
    [InlineData(MappingBehaviour.AddressAndPortDependent, FilteringBehaviour.AddressDependent, PortAssignment.Random, NatKind.RandomSymmetric)]
    public void Tells_what_kind_of_nat_it_is(MappingBehaviour mapping, FilteringBehaviour filtering, PortAssignment assignment, NatKind expected)
    {
        var seen = new FakeNat { Mapping = mapping, Filtering = filtering, Assignment = assignment }.Examine();

        Assert.Equal((expected, filtering), (seen.Kind, seen.Filtering));
        Assert.Equal(IpAddress.Parse("44.128.1.1"), seen.Outside.Address);
    }

    [Fact]
    public void Tells_the_step_of_a_sequential_nat()
    {
        var seen = new FakeNat { Mapping = MappingBehaviour.AddressAndPortDependent, Assignment = PortAssignment.Sequential }.Examine();

        Assert.Equal((PortAssignment.Sequential, 1), (seen.Assignment, seen.PortStep));
    }

    [Fact]
    public void Without_a_server_of_two_addresses_it_expects_the_strictest_filter()
    {
        var seen = new FakeNat { Filtering = FilteringBehaviour.EndpointIndependent }.Examine(servers5780: false);

        Assert.Equal((NatKind.PortRestricted, FilteringBehaviour.Unknown), (seen.Kind, seen.Filtering));
    }

    [Fact]
    public void Silence_everywhere_means_that_udp_is_blocked() =>
        Assert.Equal(NatKind.UdpBlocked, new FakeNat { Blocked = true }.Examine().Kind);

    [Fact]
    public void Where_nobody_is_asked_nothing_is_known()
    {
        var classifier = new NatClassifier(VoteRules.Internet);

        Assert.True(new NatExamination([], classifier, learnLifetime: false, new SeededRandom(1), Instant.FromUnixSeconds(1_000_000)).IsDone);
        Assert.Equal(NatKind.Unknown, classifier.Class.Kind);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Tells_whether_the_gateway_leads_back(bool hairpin) =>
        Assert.Equal(hairpin, new FakeNat { Hairpin = hairpin }.Examine().Hairpin);

    [Theory]
    [InlineData(5, null, 10)]
    [InlineData(20, 10, 27)]
    [InlineData(45, 27, 60)]
    [InlineData(120, 60, null)]
    public void Learns_how_long_a_mapping_lives(int timeout, int? survived, int? lost)
    {
        var seen = new FakeNat { Timeout = TimeSpan.FromSeconds(timeout) }.Examine(lifetime: true);

        Assert.Equal((survived, lost), ((int?)seen.LivesAtLeast?.TotalSeconds, (int?)seen.LivesAtMost?.TotalSeconds));
    }

    [Fact]
    public void Tells_how_long_it_leaves_a_mapping_alone()
    {
        var nat = new FakeNat { Timeout = TimeSpan.FromSeconds(120) };
        nat.Examine();
        Assert.Equal(TimeSpan.Zero, nat.Silence);
        nat.Examine(lifetime: true);
        Assert.InRange(nat.Silence.TotalSeconds, 60, 150);
    }

    [Fact]
    public void A_liar_among_the_servers_is_counted_and_not_believed()
    {
        var seen = new FakeNat { Liars = 1 }.Examine();

        Assert.Equal((IpAddress.Parse("44.128.1.1"), NatKind.PortRestricted, 1), (seen.Outside.Address, seen.Kind, seen.Liars));
    }

    [Fact]
    public void Where_half_of_the_servers_lie_nothing_is_believed() =>
        Assert.Equal(NatKind.Unknown, new FakeNat { Liars = 3 }.Examine().Kind);
}
