using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public class ReputationTests
{
    static readonly TimeSpan s_hour = TimeSpan.FromHours(1);
    static readonly NodeId s_entry = Nodes.Id(1), s_middle = Nodes.Id(2), s_exit = Nodes.Id(3), s_other = Nodes.Id(4);

    readonly ReputationBook _book = new();
    Instant _now = Example.Now;

    [Fact]
    public void What_is_little_known_counts_as_worse_than_what_is_proven()
    {
        Assert.InRange(_book.Reliability(s_entry, _now), 0.5, 0.7);
        for (var i = 0; i < 50; i++)
            Succeed(s_entry);
        Assert.InRange(_book.Reliability(s_entry, _now), 0.95, 1);
        for (var i = 0; i < 10; i++)
            Fail(s_entry);
        Assert.InRange(_book.Reliability(s_entry, _now), 0.7, 0.85);
    }

    [Fact]
    public void Evidence_fades_by_half_in_a_week()
    {
        for (var i = 0; i < 40; i++)
            _book.Succeeded(s_entry, _now);
        Assert.Equal(40, _book.Outcomes(s_entry, _now).Weight, 6);
        Assert.Equal(20, _book.Outcomes(s_entry, _now + TimeSpan.FromDays(7)).Weight, 6);
        Assert.Equal(_book.Reliability(s_other, _now), _book.Reliability(s_entry, _now + TimeSpan.FromDays(365)), 3);
    }

    [Fact]
    public void Many_circuits_that_end_at_one_blow_are_one_failure()
    {
        for (var i = 0; i < 32; i++)
            _book.Failed(s_entry, couldChoose: true, _now);
        Assert.Equal(1, _book.Outcomes(s_entry, _now).Bad, 6);
    }

    [Fact]
    public void A_relay_that_drops_a_third_is_found_and_one_that_fails_now_and_then_is_not()
    {
        var random = new SeededRandom(7);
        var found = 0;
        for (var relay = 0; relay < 200; relay++)
        {
            for (var i = 0; i < 50; i++)
            {
                if (random.NextDouble() < 0.35)
                    Fail(Nodes.Id(relay));
                else
                    Succeed(Nodes.Id(relay));
            }
            found += _book.TryTakeSuspect(out _, out _) ? 1 : 0;
            while (_book.TryTakeSuspect(out _, out _))
            {
            }
        }
        Assert.InRange(found, 185, 200);
        for (var relay = 200; relay < 1200; relay++)
        {
            for (var i = 0; i < 200; i++)
            {
                if (random.NextDouble() < 0.015)
                    Fail(Nodes.Id(relay));
                else
                    Succeed(Nodes.Id(relay));
            }
        }
        Assert.False(_book.TryTakeSuspect(out _, out _));
    }

    [Fact]
    public void A_good_past_buys_no_licence()
    {
        for (var i = 0; i < 10_000; i++)
            Succeed(s_entry);
        for (var i = 0; i < 6; i++)
            Fail(s_entry);
        Assert.True(_book.TryTakeSuspect(out var id, out _));
        Assert.Equal(s_entry, id);
        Assert.False(_book.TryTakeSuspect(out _, out _));
    }

    [Fact]
    public void Capacity_is_its_word_up_to_what_it_has_proven()
    {
        Assert.Equal(32, _book.Capacity(s_entry, 32, _now));
        Assert.Equal(128, _book.Capacity(s_entry, 10_000, _now));
        _book.Delivered(s_entry, 500_000_000, TimeSpan.FromSeconds(10), _now);
        Assert.Equal(3200, _book.Capacity(s_entry, 10_000, _now), 1);
        Assert.Equal(400, _book.Capacity(s_entry, 32, _now), 1);
        Assert.Equal(1600, _book.Capacity(s_entry, 10_000, _now + TimeSpan.FromDays(3)), 1);
        _book.Delivered(s_other, 1000, TimeSpan.FromMilliseconds(1), _now);
        Assert.Equal(128, _book.Capacity(s_other, 10_000, _now));
    }

    [Fact]
    public void Round_trips_are_smoothed()
    {
        Assert.Null(_book.RoundTrip(s_entry));
        _book.Measured(s_entry, TimeSpan.FromMilliseconds(40), _now);
        _book.Measured(s_entry, TimeSpan.FromMilliseconds(80), _now);
        Assert.Equal(TimeSpan.FromMilliseconds(45), _book.RoundTrip(s_entry));
    }

    [Fact]
    public void The_book_is_bounded_and_forgets_who_was_not_met_longest()
    {
        for (var i = 0; i <= ReputationBook.MostRelays; i++)
            Fail(Nodes.Id(i));
        Assert.Equal(ReputationBook.MostRelays, _book.Count);
        Assert.Equal(0, _book.Outcomes(Nodes.Id(0), _now).Bad);
        Assert.NotEqual(0, _book.Outcomes(Nodes.Id(1), _now).Bad);
    }

    [Fact]
    public void While_the_own_network_is_out_or_the_machine_slept_nobody_is_blamed()
    {
        Lose(0, networkWorked: false);
        Lose(1, networkWorked: false);
        Lose(0, networkWorked: true, slept: true);
        Lose(1, networkWorked: true, slept: true);
        Assert.Equal((0, 0, 0), Bad());
    }

    [Fact]
    public void A_silent_entry_is_blamed_when_others_were_heard()
    {
        Lose(0, networkWorked: true);
        Assert.Equal((1, 0, 0), Bad());
    }

    [Fact]
    public void Those_behind_a_silent_hop_and_a_destination_that_fails_cost_nobody_anything()
    {
        Lose(1, networkWorked: true);
        Assert.Equal((0.5, 0.5, 0), Bad());
        _now += s_hour;
        Lose(3, networkWorked: true);
        Assert.Equal(0, Bad().Exit);
    }

    [Fact]
    public void Between_two_the_one_with_the_worse_past_has_more_of_the_blame()
    {
        for (var i = 0; i < 20; i++)
            Succeed(s_entry);
        Lose(1, networkWorked: true);
        var (entry, middle, _) = Bad();
        Assert.InRange(middle, 0.85, 0.95);
        Assert.Equal(1, entry + middle, 2);
    }

    [Fact]
    public void Who_is_down_is_unreliable_and_not_suspect()
    {
        for (var i = 0; i < 50; i++)
            Fail(s_entry, couldChoose: false);
        Assert.InRange(_book.Reliability(s_entry, _now), 0, 0.1);
        for (var i = 10; i < 60; i++)
            Blame.Assign(new CircuitLoss([Nodes.Id(i), s_middle, s_exit], 1, true, false, CouldChoose: false), _book, _now += s_hour);
        Assert.False(_book.TryTakeSuspect(out _, out _));
    }

    [Fact]
    public void Who_says_that_nobody_answers_behind_him_is_suspect_all_the_same()
    {
        for (var i = 10; i < 40; i++)
            Blame.Assign(new CircuitLoss([s_entry, Nodes.Id(i), s_exit], 1, true, false, CouldChoose: false), _book, _now += s_hour);
        Assert.True(_book.TryTakeSuspect(out var id, out var offence));
        Assert.Equal((s_entry, Offence.NotForwarding), (id, offence));
    }

    [Fact]
    public void Who_refuses_most_circuits_is_found_and_who_is_full_now_and_then_is_not()
    {
        for (var i = 0; i < 200; i++)
        {
            Decline(s_other);
            Succeed(s_other);
            Succeed(s_other);
        }
        Assert.False(_book.TryTakeSuspect(out _, out _));
        for (var i = 0; i < 30; i++)
        {
            Decline(s_entry);
            if (i % 9 == 0)
                Succeed(s_entry);
        }
        Assert.True(_book.TryTakeSuspect(out var id, out var offence));
        Assert.Equal((s_entry, Offence.Dropping), (id, offence));
    }

    [Fact]
    public void Who_shuts_down_again_and_again_is_found_and_who_does_each_day_is_not()
    {
        for (var i = 0; i < 12; i++)
        {
            Decline(s_other, inUse: true);
            _now += 24 * s_hour;
            Succeed(s_other);
        }
        Assert.False(_book.TryTakeSuspect(out _, out _));
        for (var i = 0; i < 5; i++)
        {
            Decline(s_entry, inUse: true);
            _now += s_hour / 2;
        }
        Assert.True(_book.TryTakeSuspect(out var id, out _));
        Assert.Equal(s_entry, id);
    }

    [Fact]
    public void Who_does_not_pass_on_what_he_should_cannot_put_it_on_his_neighbours()
    {
        // The entry drops what is for the middle, whoever that is: every time another middle seems silent.
        for (var i = 10; i < 40; i++)
        {
            Blame.Assign(new CircuitLoss([s_entry, Nodes.Id(i), s_exit], 1, true, false), _book, _now += s_hour);
            for (var n = 0; n < 3; n++)
                Succeed(Nodes.Id(i));
        }
        Assert.True(_book.TryTakeSuspect(out var id, out _));
        Assert.Equal(s_entry, id);
        while (_book.TryTakeSuspect(out id, out _))
            Assert.Equal(s_entry, id);
    }

    [Fact]
    public void A_failure_that_was_shared_with_a_stranger_counts_in_full_once_the_stranger_has_proven_himself()
    {
        for (var i = 10; i < 14; i++)
            FailBetween(s_entry, Nodes.Id(i));
        Assert.False(_book.TryTakeSuspect(out _, out _));
        for (var i = 10; i < 14; i++)
            for (var n = 0; n < 30; n++)
                Succeed(Nodes.Id(i));
        FailBetween(s_entry, Nodes.Id(14));
        Assert.True(_book.TryTakeSuspect(out var id, out _));
        Assert.Equal(s_entry, id);
        Assert.False(_book.TryTakeSuspect(out _, out _));
    }

    [Fact]
    public void A_guard_that_served_well_and_then_does_not_pass_on_is_found_and_no_stranger_in_his_place()
    {
        var random = new SeededRandom(3);
        for (var i = 0; i < 200; i++)
            Serve(Nodes.Id(100 + random.NextInt(400)));
        NodeId found = default;
        var circuits = 0;
        while (circuits++ < 100 && !_book.TryTakeSuspect(out found, out _))
        {
            var middle = Nodes.Id(100 + random.NextInt(400));
            if (random.NextDouble() < 0.3)
                FailBetween(s_entry, middle);
            else
                Serve(middle);
        }
        Assert.Equal(s_entry, found);

        void Serve(NodeId middle)
        {
            Succeed(s_entry);
            _book.Succeeded(middle, _now);
        }
    }

    [Fact]
    public void No_neighbour_alone_gets_a_relay_blocked()
    {
        for (var i = 0; i < 200; i++)
            Succeed(s_entry);
        for (var i = 0; i < 20; i++)
            FailBetween(s_entry, s_middle);
        Assert.InRange(_book.Reliability(s_middle, _now), 0, 0.1);
        var blocked = new List<NodeId>();
        while (_book.TryTakeSuspect(out var id, out _))
            blocked.Add(id);
        Assert.DoesNotContain(s_middle, blocked);
        for (var i = 0; i < 3; i++)
            FailBetween(s_other, s_middle);
        Assert.True(_book.TryTakeSuspect(out var second, out _));
        Assert.Equal(s_middle, second);
    }

    [Fact]
    public void It_is_told_what_a_relay_was_found_for()
    {
        for (var i = 10; i < 40; i++)
        {
            FailBetween(s_entry, Nodes.Id(i));
            FailBetween(Nodes.Id(i), s_middle);
            _book.Tampered(s_exit, Nodes.Id(i), _now += TimeSpan.FromSeconds(11));
            for (var n = 0; n < 6; n++)
                Succeed(Nodes.Id(i));
        }
        for (var i = 0; i < 4; i++)
            Fail(s_other);
        var found = new Dictionary<NodeId, Offence>();
        while (_book.TryTakeSuspect(out var id, out var offence))
            found[id] = offence;
        Assert.Equal(
            (Offence.NotForwarding, Offence.Dropping, Offence.Tampering, Offence.Dropping), (found[s_entry], found[s_middle], found[s_exit], found[s_other]));
        Assert.Equal(4, found.Count);
    }

    [Fact]
    public void An_exit_that_refuses_what_it_promises_in_several_networks_within_a_day_is_found()
    {
        for (byte i = 0; i < 7; i++)
            Refuse(i);
        Refuse(6);
        _now += 25 * s_hour;
        for (byte i = 10; i < 17; i++)
            Refuse(i);
        Assert.False(_book.TryTakeSuspect(out _, out _));
        Refuse(17);
        Assert.True(_book.TryTakeSuspect(out var id, out var offence));
        Assert.Equal((s_exit, Offence.PolicyLie), (id, offence));
        Refuse(18);
        Assert.False(_book.TryTakeSuspect(out _, out _));

        void Refuse(byte network) => _book.Refused(s_exit, new Prefix(IpAddress.FromV4((uint)network << 16), 16), _now += TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void The_own_network_works_when_somebody_else_is_heard()
    {
        var network = new OwnNetwork();
        var asked = _now + 3 * s_hour;
        Assert.False(network.WorkedDuring(_now, asked, s_entry));
        network.Heard(s_entry, _now + s_hour);
        Assert.False(network.WorkedDuring(_now, asked, s_entry));
        network.Heard(s_other, _now);
        Assert.False(network.WorkedDuring(_now, asked, s_entry));
        network.Heard(s_other, _now + s_hour);
        Assert.True(network.WorkedDuring(_now, asked, s_entry));
        for (var i = 10; i < 40; i++)
            network.Heard(Nodes.Id(i), _now + 2 * s_hour);
        Assert.True(network.WorkedDuring(_now + s_hour, asked, s_entry));
    }

    [Fact]
    public void What_was_asked_before_the_own_network_came_back_is_nobodys_fault()
    {
        var network = new OwnNetwork();
        network.Heard(s_other, _now);
        var back = _now + s_hour;
        network.Heard(s_other, back);
        network.Heard(s_other, back + TimeSpan.FromSeconds(1));
        Assert.False(network.WorkedDuring(back - TimeSpan.FromSeconds(5), asked: back - TimeSpan.FromSeconds(1), s_entry));
        Assert.True(network.WorkedDuring(back - TimeSpan.FromSeconds(5), asked: back + TimeSpan.FromSeconds(1), s_entry));
    }

    [Fact]
    public void Who_was_heard_a_moment_later_than_the_silent_one_shows_nothing_of_an_outage()
    {
        var network = new OwnNetwork();
        var (failed, asked) = (_now, _now + TimeSpan.FromSeconds(1));
        network.Heard(s_other, failed - TimeSpan.FromSeconds(0.1));
        network.Heard(s_other, failed + TimeSpan.FromSeconds(0.1));
        var due = failed + TimeSpan.FromSeconds(0.25);
        Assert.False(network.WorkedDuring(due, asked, s_entry));
        // It is back after he was asked for the last time.
        network.Heard(s_other, asked + TimeSpan.FromSeconds(0.1));
        Assert.False(network.WorkedDuring(due, asked, s_entry));
    }

    [Fact]
    public void Who_comes_much_too_late_to_his_own_appointments_was_asleep()
    {
        var network = new OwnNetwork();
        network.Returned(Instant.Never, _now);
        network.Returned(_now, _now + TimeSpan.FromSeconds(1));
        Assert.False(network.SleptSince(default));
        network.Returned(_now, _now + s_hour);
        Assert.True(network.SleptSince(_now));
        Assert.False(network.SleptSince(_now + s_hour));
    }

    void Succeed(NodeId id) => _book.Succeeded(id, _now += TimeSpan.FromSeconds(11));

    void Fail(NodeId id, bool couldChoose = true) => _book.Failed(id, couldChoose, _now += TimeSpan.FromSeconds(11));

    void Decline(NodeId id, bool inUse = false) => _book.Declined(id, inUse, _now += TimeSpan.FromSeconds(11));

    void FailBetween(NodeId before, NodeId silent) => _book.Failed(before, silent, couldChoose: true, _now += TimeSpan.FromSeconds(11));

    void Lose(int silent, bool networkWorked, bool slept = false) =>
        Blame.Assign(new CircuitLoss([s_entry, s_middle, s_exit], silent, networkWorked, slept), _book, _now);

    (double Entry, double Middle, double Exit) Bad() =>
        (_book.Outcomes(s_entry, _now).Bad, _book.Outcomes(s_middle, _now).Bad, _book.Outcomes(s_exit, _now).Bad);
}
