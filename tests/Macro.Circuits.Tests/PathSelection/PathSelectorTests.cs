using Macro.Core;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Circuits.Tests;

public class PathSelectorTests
{
    static readonly PathProfile
        s_one = new(1, 1, 1, 1, false), s_two = new(2, 1, 1, 1, false), s_three = new(3, 1, 1, 1, false), s_countries = new(3, 1, 1, 1, true);

    readonly SeededRandom _random = new(1);
    readonly Hearsay _hearsay = new();

    [Fact]
    public void Without_relays_or_exits_it_says_which()
    {
        Assert.Equal(PathVerdict.NoRelays, Choose(s_three).Verdict);
        Assert.Equal(PathVerdict.NoExit, Choose(s_three, Relays.Make(1), Relays.Make(2), Relays.Make(3)).Verdict);
    }

    [Fact]
    public void The_exit_stands_last_and_every_hop_is_another_relay()
    {
        for (var i = 0; i < 100; i++)
        {
            var path = Path(s_three, Relays.Make(1), Relays.Make(2), Relays.Make(3), Relays.Make(4, exit: true), Relays.Make(5, exit: true));
            Assert.Equal([HopPlace.Entry, HopPlace.Middle, HopPlace.Exit], path.Hops.Select(hop => hop.Place));
            Assert.True(path.Hops[2].Relay.IsExit);
            Assert.Equal(3, path.Targets.Select(target => target.Name).Distinct().Count());
        }
    }

    public static TheoryData<string, string> Neighbours => new()
    {
        { "44.1.0.1:1", "44.1.200.9:1" },
        { "44.1.0.1:1 [2a0e:1::1]:1", "44.2.0.1:1 [2a0e:1:ffff::1]:1" },
        { "[2a0e:1::1]:1", "[2a0e:1:2::1]:1" },
    };

    [Theory]
    [MemberData(nameof(Neighbours))]
    public void Two_hops_never_share_a_network(string one, string other)
    {
        var answer = Choose(s_two, Relays.Make(1, endpoint: one), Relays.Make(2, exit: true, endpoint: other));
        Assert.Equal(PathVerdict.TooFewRelays, answer.Verdict);
        Assert.Equal(1, answer.LeftOut[Exclusion.SameNetwork]);
    }

    [Fact]
    public void Neighbouring_networks_are_two()
    {
        Path(s_two, Relays.Make(1, endpoint: "44.1.0.1:1"), Relays.Make(2, exit: true, endpoint: "44.2.0.1:1"));
        Path(s_two, Relays.Make(1, endpoint: "[2a0e:1::1]:1"), Relays.Make(2, exit: true, endpoint: "[2a0e:2::1]:1"));
    }

    [Fact]
    public void Two_hops_never_share_operator_system_or_where_it_is_asked_country()
    {
        Assert.Equal(1, Choose(s_two, Relays.Make(1, family: 7), Relays.Make(2, exit: true, family: 7)).LeftOut[Exclusion.SameFamily]);
        Assert.Equal(1, Choose(s_two, Relays.Make(1, asn: 7), Relays.Make(2, exit: true, asn: 7)).LeftOut[Exclusion.SameAsn]);
        Candidate[] swiss = [Relays.Make(1, region: "CH"), Relays.Make(2), Relays.Make(3, exit: true, region: "CH")];
        Assert.Equal(1, Choose(s_countries, swiss).LeftOut[Exclusion.SameCountry]);
        Path(s_three, swiss);
        Path(s_countries, Relays.Make(1, region: "ZZ"), Relays.Make(2, region: "ZZ"), Relays.Make(3, exit: true, region: "ZZ"));
    }

    [Fact]
    public void The_constraints_hold_in_a_crowd()
    {
        var relays = Enumerable.Range(0, 300).Select(i => Relays.Make(
            i, exit: i % 3 == 0, region: "ABCDEF"[i % 5] + "X", endpoint: $"44.{i % 40}.{i}.1:1".Replace($".{i}.", $".{i % 250}.", StringComparison.Ordinal),
            family: (ulong)(i % 7), asn: (uint)(i % 11))).ToArray();
        for (var i = 0; i < 500; i++)
        {
            var hops = Path(s_countries, relays).Hops.Select(hop => hop.Relay).ToArray();
            for (var a = 0; a < 3; a++)
            {
                for (var b = a + 1; b < 3; b++)
                {
                    Assert.True(hops[a].Family == 0 || hops[a].Family != hops[b].Family);
                    Assert.True(hops[a].Asn == 0 || hops[a].Asn != hops[b].Asn);
                    Assert.NotEqual(hops[a].Region, hops[b].Region);
                    Assert.NotEqual(hops[a].Endpoints[0].Address.V4Bits >> 16, hops[b].Endpoints[0].Address.V4Bits >> 16);
                }
            }
        }
    }

    [Fact]
    public void An_exit_whose_neighbours_are_the_only_relays_gives_way_to_another()
    {
        var path = Path(s_two, Relays.Make(1, family: 7), Relays.Make(2, exit: true, family: 7, bandwidth: 15), Relays.Make(3, exit: true, bandwidth: 0));
        Assert.NotEqual(path.Hops[0].Relay.Family, path.Hops[1].Relay.Family);
    }

    [Fact]
    public void Relays_are_drawn_in_proportion_to_their_weight()
    {
        // 64 Mbit/s against 32 and 32, all of the same load.
        Candidate[] exits = [Relays.Make(1, exit: true, bandwidth: 6), Relays.Make(2, exit: true), Relays.Make(3, exit: true)];
        Assert.InRange(Share(s_one, "relay1", exits), 0.46, 0.54);
        _hearsay.Reliabilities["relay1"] = 0.5;
        Assert.InRange(Share(s_one, "relay1", exits), 0.30, 0.37);
        _hearsay.FromHere["relay2"] = TimeSpan.Zero;
        _hearsay.FromHere["relay1"] = _hearsay.FromHere["relay3"] = TimeSpan.FromMilliseconds(50);
        Assert.InRange(Share(s_one, "relay2", exits), 0.46, 0.54);
        Assert.InRange(Share(s_one with { Speed = 0 }, "relay2", exits), 0.30, 0.37);
    }

    [Fact]
    public void Of_two_draws_the_relay_with_less_to_do_is_taken()
    {
        Candidate[] exits = [Relays.Make(1, exit: true, load: 9), Relays.Make(2, exit: true, load: 3)];
        // It is passed over unless both draws fall on it.
        Assert.InRange(Share(s_one, "relay1", exits), 0.21, 0.29);
        var told = Enumerable.Range(0, 100).Select(_ => Path(s_one, exits).Hops[0]).First(hop => hop.Busier is not null);
        Assert.Contains(told.Explain(), sentence => sentence.Contains("load 3 of 15 against 9", StringComparison.Ordinal));
    }

    [Fact]
    public void Exits_are_kept_for_being_exits_while_they_are_scarce()
    {
        Candidate[] relays = [Relays.Make(1, exit: true), Relays.Make(2, exit: true), .. Enumerable.Range(3, 10).Select(i => Relays.Make(i))];
        for (var i = 0; i < 200; i++)
            Assert.All(Path(s_three, relays).Hops.Take(2), hop => Assert.False(hop.Relay.IsExit));
        Path(s_three, Relays.Make(1, exit: true), Relays.Make(2, exit: true), Relays.Make(3, exit: true));
    }

    [Fact]
    public void Regions_are_tried_in_the_order_of_preference()
    {
        Candidate[] relays = [Relays.Make(1), Relays.Make(2), Relays.Make(3, exit: true, region: "NL"), Relays.Make(4, exit: true, region: "SE")];
        Assert.Equal("NL", Exit(relays, "CH", "NL").Region);
        Assert.Equal("SE", Exit(relays, "SE", "NL").Region);
        Assert.Equal(PathVerdict.NoExitInRegion, Ask(new PathRequest { Profile = s_three, Candidates = relays, ExitRegions = ["CH"] }).Verdict);
        Assert.NotNull(Ask(new PathRequest { Profile = s_three, Candidates = relays, ExitRegions = ["CH"], OtherRegions = true }).Path);
    }

    [Fact]
    public void A_rule_for_exits_is_kept()
    {
        Candidate[] relays = [Relays.Make(1), Relays.Make(2), Relays.Make(3, exit: true), Relays.Make(4, exit: true)];
        for (var i = 0; i < 50; i++)
            Assert.Equal("relay4", Ask(new PathRequest { Profile = s_three, Candidates = relays, MayExit = exit => exit.Target.Name == "relay4" }).Path!.Targets[2].Name);
        Assert.Equal(PathVerdict.NoExitAllowed, Ask(new PathRequest { Profile = s_three, Candidates = relays, MayExit = _ => false }).Verdict);
    }

    [Fact]
    public void The_entry_is_the_first_guard_that_fits()
    {
        var guards = new[] { Relays.Make(1, family: 7), Relays.Make(2), Relays.Make(3) };
        Candidate[] relays = [.. guards, Relays.Make(4), Relays.Make(5, exit: true, family: 7)];
        for (var i = 0; i < 50; i++)
        {
            var entry = Ask(new PathRequest { Profile = s_three, Candidates = relays, Guards = fits => guards.Where(fits) }).Path!.Hops[0];
            Assert.Equal(("relay2", 1, 1), (entry.Relay.Target.Name, entry.Guard, entry.LeftOut[Exclusion.SameFamily]));
        }
        Assert.Equal(PathVerdict.TooFewRelays, Ask(new PathRequest { Profile = s_three, Candidates = relays, Guards = fits => guards[..1].Where(fits) }).Verdict);
    }

    [Fact]
    public void An_exit_that_rules_out_the_guard_in_use_is_taken_only_when_there_is_no_other()
    {
        var guards = new[] { Relays.Make(1, family: 7), Relays.Make(2) };
        Candidate[] relays = [.. guards, Relays.Make(3), Relays.Make(4, exit: true, family: 7, bandwidth: 15), Relays.Make(5, exit: true, region: "NL", bandwidth: 0)];
        for (var i = 0; i < 50; i++)
            Assert.Equal(("relay1", "relay5"), Ends(new PathRequest { Profile = s_three, Candidates = relays, Guards = fits => guards.Where(fits) }));
        var region = relays[3].Region;
        Assert.Equal(("relay2", "relay4"), Ends(new PathRequest { Profile = s_three, Candidates = relays, Guards = fits => guards.Where(fits), ExitRegions = [region] }));

        (string, string) Ends(PathRequest request) => (Ask(request).Path!.Targets[0].Name, Ask(request).Path!.Targets[2].Name);
    }

    [Fact]
    public void Behind_a_NAT_a_relay_follows_only_its_introducers()
    {
        var hidden = Relays.Make(9, exit: true, introducers: [2]);
        Candidate[] relays = [Relays.Make(1), Relays.Make(2), Relays.Make(3), hidden];
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("relay2", Path(s_three, relays).Targets[1].Name);
            Assert.Equal("relay2", Path(s_two, relays).Targets[0].Name);
        }
        Assert.Equal(PathVerdict.TooFewRelays, Choose(s_two, Relays.Make(1), hidden).Verdict);
        Assert.NotEqual(PathVerdict.Ok, Choose(s_one, hidden).Verdict);

        var middle = Relays.Make(8, introducers: [1]);
        Assert.Equal(["relay1", "relay8", "relay4"], Path(s_three, Relays.Make(1), middle, Relays.Make(4, exit: true)).Targets.Select(t => t.Name));
    }

    [Fact]
    public void A_single_hop_behind_a_NAT_is_carried_by_one_of_its_introducers_if_there_is_one()
    {
        var hidden = Relays.Make(9, exit: true, introducers: [2]);
        // It can be shown an introducer: whoever stands before it reaches it.
        hidden = hidden with { Target = hidden.Target with { Introducer = new byte[] { 1 } } };
        for (var i = 0; i < 50; i++)
            Assert.Equal("relay2", Path(s_one, Relays.Make(1), Relays.Make(2, bandwidth: 1), Relays.Make(3), hidden).Targets[0].Name);
        Assert.Equal("relay1", Path(s_one, Relays.Make(1), hidden).Targets[0].Name);
    }

    [Fact]
    public void Speed_of_a_middle_is_that_of_the_way_through_it()
    {
        static NetworkCoordinates At(int x) => new((short)(x * 10), 0, 0, 1);
        Candidate[] relays =
        [
            Relays.Make(1, at: At(0)), Relays.Make(2, at: At(50)), Relays.Make(3, at: At(2000)), Relays.Make(4, exit: true, at: At(100)),
        ];
        var request = new PathRequest { Profile = s_three with { Speed = 4 }, Candidates = relays, Guards = fits => relays[..1].Where(fits) };
        var chosen = Enumerable.Range(0, 400).Select(_ => Ask(request).Path!.Hops[1]).ToArray();
        Assert.InRange(chosen.Count(hop => hop.Relay.Target.Name == "relay2"), 398, 400);
        Assert.Equal(100, chosen[0].RoundTrip!.Value.TotalMilliseconds, 1.0);
    }

    [Fact]
    public void Each_hop_is_explained_in_words()
    {
        var path = Path(s_three, Relays.Make(1), Relays.Make(2), Relays.Make(3, family: 7), Relays.Make(4, exit: true, family: 7));
        Assert.Equal("Chosen first, the only exit that fits.", path.Hops[2].Explain()[0]);
        Assert.Equal("Chosen after the exit, from 2 relays.", path.Hops[0].Explain()[0]);
        Assert.Contains("Its chance was 50.0 %, where an even draw gives 50.0 %.", path.Hops[0].Explain());
        Assert.Contains("Left out: 1 of another hop's operator.", path.Hops[0].Explain());
        Assert.Contains("Counted on: 32 Mbit/s, reliability 1.00, its distance is unknown.", path.Hops[1].Explain());
    }

    [Fact]
    public void A_path_of_a_thousand_relays_is_found_in_two_hundred_tries_or_not_at_all()
    {
        var relays = Enumerable.Range(0, 1000).Select(i => Relays.Make(i, exit: true, family: 7, endpoint: $"44.{i % 250}.{i / 250}.1:1")).ToArray();
        var answer = Choose(s_three, relays);
        Assert.Equal(PathVerdict.TooFewRelays, answer.Verdict);
        Assert.Equal(999, answer.LeftOut[Exclusion.SameFamily]);
    }

    PathAnswer Ask(PathRequest request) => PathSelector.Choose(request, _hearsay, _random);

    PathAnswer Choose(PathProfile profile, params Candidate[] relays) => Ask(new PathRequest { Profile = profile, Candidates = relays });

    ChosenPath Path(PathProfile profile, params Candidate[] relays)
    {
        var answer = Choose(profile, relays);
        Assert.Equal(PathVerdict.Ok, answer.Verdict);
        return answer.Path!;
    }

    Candidate Exit(Candidate[] relays, params string[] regions) =>
        Ask(new PathRequest { Profile = s_three, Candidates = relays, ExitRegions = regions }).Path!.Hops[2].Relay;

    double Share(PathProfile profile, string name, Candidate[] relays) =>
        Enumerable.Range(0, 4000).Count(_ => Path(profile, relays).Hops[0].Relay.Target.Name == name) / 4000.0;
}
