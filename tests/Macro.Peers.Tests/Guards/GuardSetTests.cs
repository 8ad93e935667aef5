using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public class GuardSetTests
{
    static readonly TimeSpan s_day = TimeSpan.FromDays(1);

    readonly GuardSet _guards = new(new SeededRandom(1));
    Instant _now = Example.Now;

    [Fact]
    public void A_sample_of_twenty_is_drawn_by_weight_and_its_first_three_are_tried()
    {
        Update(1000);
        Assert.Equal(20, _guards.Sample.Count);
        Assert.Equal(_guards.Sample.Take(3), Order());

        var heavy = 0;
        for (var seed = 0; seed < 200; seed++)
        {
            var guards = new GuardSet(new SeededRandom((ulong)seed));
            guards.Update([(Nodes.Id(0), 9), .. Enumerable.Range(1, 99).Select(i => (Nodes.Id(i), 1.0))], _now);
            heavy += guards.Sample[0] == Nodes.Id(0) ? 1 : 0;
        }
        Assert.InRange(heavy, 8, 28);
    }

    [Fact]
    public void Guards_stay_for_sixty_to_a_hundred_and_twenty_days()
    {
        Update(1000);
        var first = _guards.Sample;
        _now += 59 * s_day;
        Update(1000);
        Assert.Equal(first, _guards.Sample);
        _now += 30 * s_day;
        Update(1000);
        var left = _guards.Sample.Intersect(first).Count();
        Assert.InRange(left, 4, 16);
        Assert.Equal(20, _guards.Sample.Count);
        Assert.Equal(first.Where(id => _guards.Sample.Contains(id)), _guards.Sample.Take(left));
        _now += 32 * s_day;
        Update(1000);
        Assert.Empty(_guards.Sample.Intersect(first));
    }

    [Fact]
    public void Those_who_leave_the_directory_for_a_while_keep_their_place()
    {
        Update(1000);
        var first = _guards.Sample;
        _guards.Update([.. Enumerable.Range(0, 1000).Select(Nodes.Id).Where(id => id != first[0]).Select(id => (id, 1.0))], _now);
        Assert.Equal(first.Skip(1).Take(3), Order());
        Update(1000);
        Assert.Equal(first.Take(3), Order());
        Assert.InRange(_guards.Sample.Count, 20, 21);
    }

    [Fact]
    public void A_directory_that_changes_all_the_time_does_not_grow_the_sample_without_bound()
    {
        for (var i = 0; i < 50; i++)
            _guards.Update([.. Enumerable.Range(100 * i, 100).Select(n => (Nodes.Id(n), 1.0))], _now);
        Assert.Equal(GuardSet.MostKept, _guards.Sample.Count);
    }

    [Fact]
    public void A_primary_that_fails_makes_way_for_the_next_and_is_used_again_when_it_is_back()
    {
        Update(1000);
        var sample = _guards.Sample;
        _guards.Failed(sample[0], networkWorked: true, _now);
        Assert.Equal([sample[1], sample[2], sample[0]], Order());
        _guards.Succeeded(sample[1], _now);
        _now += TimeSpan.FromSeconds(10);
        Assert.Equal(sample.Take(3), Order());
        _guards.Succeeded(sample[0], _now);
        Assert.Equal(sample.Take(3), Order());
    }

    [Fact]
    public void Those_that_an_exit_rules_out_are_passed_over_and_not_forgotten()
    {
        Update(1000);
        var sample = _guards.Sample;
        Assert.Equal([sample[0], sample[2], sample[3]], _guards.Order(id => id != sample[1], _now));
        Assert.Equal(sample.Take(3), Order());
    }

    [Fact]
    public void A_storm_of_retries_meets_no_more_than_three_primaries_and_four_others_in_a_day()
    {
        Update(1000);
        var met = new HashSet<NodeId>();
        for (var i = 0; i < 50_000; i++)
        {
            var guard = Order()[0];
            met.Add(guard);
            _guards.Failed(guard, networkWorked: i % 2 == 0, _now);
            _now += TimeSpan.FromMilliseconds(1000);
            Update(1000);
        }
        // 50 000 s touch two days at most.
        Assert.InRange(met.Count, GuardSet.Primaries + 1, GuardSet.Primaries + GuardSet.SparesPerDay);
        Assert.Equal(20, _guards.Sample.Count);
    }

    [Fact]
    public void A_guard_that_is_late_is_left_out_and_counts_as_if_it_had_failed_once_more()
    {
        Update(1000);
        var sample = _guards.Sample;
        NodeId[] primaries = [.. sample.Take(3)];
        Assert.Equal(primaries.Skip(1), Order(late: primaries[0]));
        Assert.Empty(Order(primaries));
        foreach (var id in primaries)
            _guards.Failed(id, networkWorked: false, _now);
        _now += s_day / 2;
        Assert.Equal(primaries.Skip(1), Order(late: primaries[0]));
        Assert.Equal([sample[3]], Order(primaries));
    }

    [Fact]
    public void However_many_are_late_at_once_no_more_than_four_others_are_tried_in_a_day()
    {
        Update(1000);
        foreach (var id in _guards.Sample.Take(3).Concat(_guards.Sample.Take(3)))
            _guards.Failed(id, networkWorked: false, _now);
        var late = _guards.Sample.Take(3).ToList();
        while (Order([.. late]) is [var guard, ..])
        {
            _guards.Begun(guard, _now);
            Assert.Contains(guard, Order([.. late]));
            late.Add(guard);
        }
        Assert.Equal(GuardSet.Primaries + GuardSet.SparesPerDay, late.Count);
    }

    [Fact]
    public void An_outage_of_the_own_network_demotes_nobody()
    {
        Update(1000);
        var sample = _guards.Sample;
        for (var i = 0; i < 5000; i++)
        {
            _guards.Failed(Order()[0], networkWorked: false, _now);
            _now += TimeSpan.FromSeconds(1);
        }
        Assert.Equal(sample, _guards.Sample);
        _now += TimeSpan.FromSeconds(30);
        Assert.Equal(sample.Take(3), Order().Take(3));
    }

    [Fact]
    public void A_convicted_primary_keeps_its_place_and_no_other_relay_becomes_one()
    {
        Update(1000);
        var sample = _guards.Sample;
        Convict(sample[0]);
        Assert.Equal([sample[1], sample[2], sample[0]], Order());
        _guards.Failed(sample[1], networkWorked: true, _now);
        _guards.Failed(sample[2], networkWorked: true, _now);
        Assert.Equal([sample[1], sample[2], sample[0]], Order());
        Update(1000);
        Assert.Equal([sample[0], sample[1], sample[2]], Order());
    }

    [Fact]
    public void However_many_are_convicted_no_more_than_four_others_step_in()
    {
        Update(1000);
        var sample = _guards.Sample;
        for (var i = 0; i < 50; i++)
        {
            Convict([.. sample.Take(Math.Min(i, GuardSet.Primaries + GuardSet.SparesPerDay))]);
            var guard = Order()[0];
            Assert.Contains(guard, sample.Take(GuardSet.Primaries + GuardSet.SparesPerDay));
            _guards.Begun(guard, _now);
            _now += s_day / 4;
        }
        Assert.Equal(sample, _guards.Sample);
    }

    [Fact]
    public void There_is_always_somebody_to_try()
    {
        Update(2);
        for (var i = 0; i < 100; i++)
            _guards.Failed(Order()[0], networkWorked: true, _now);
        Assert.Equal(2, Order().Count);
    }

    [Fact]
    public void They_persist_with_days_and_no_hours()
    {
        Update(1000);
        var text = _guards.Write();
        var again = new GuardSet(new SeededRandom(2));
        Assert.True(again.TryRead(text, _now));
        again.Update([.. Enumerable.Range(0, 1000).Select(n => (Nodes.Id(n), 1.0))], _now);
        Assert.Equal(_guards.Sample, again.Sample);
        Assert.Equal(text, again.Write());
        Assert.All(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1), line => Assert.Matches("^[a-z0-9]{52} [0-9]{5}$", line));
    }

    [Theory]
    [InlineData("")]
    [InlineData("macro-guards 2\n")]
    [InlineData("macro-guards 1\nnobody 20000\n")]
    [InlineData("macro-guards 1\nybndrfg8ejkmcpqxot1uwisza345h769ybndrfg8ejkmcpqxot1u -1\n")]
    public void A_damaged_file_is_refused_as_a_whole(string text)
    {
        Update(5);
        Assert.False(_guards.TryRead(text, _now));
        Assert.Equal(5, _guards.Sample.Count);
    }

    void Update(int relays) => _guards.Update([.. Enumerable.Range(0, relays).Select(n => (Nodes.Id(n), 1.0))], _now);

    void Convict(params NodeId[] ids) => _guards.Update([.. Enumerable.Range(0, 1000).Select(n => (Nodes.Id(n), 1.0))], _now, ids.ToHashSet());

    IReadOnlyList<NodeId> Order(params NodeId[] late) => _guards.Order(_ => true, _now, late);
}
