using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class PublisherTests
{
    static readonly Instant s_start = Epoch.StartOf(83333) + TimeSpan.FromHours(1);
    readonly SeededRandom _random = new(7);
    readonly List<(Instant At, PublisherEvent What)> _log = [];

    [Fact]
    public void A_relay_is_never_without_a_valid_descriptor()
    {
        var publisher = Publisher();
        Run(publisher, s_start, s_start + TimeSpan.FromDays(2));
        var signed = _log.Where(e => e.What is DescriptorSigned).Select(e => ((DescriptorSigned)e.What).Signed).ToArray();
        for (var now = s_start + TimeSpan.FromSeconds(10); now < s_start + TimeSpan.FromDays(2); now += TimeSpan.FromMinutes(1))
        {
            // Under the salt of the running epoch, as somebody would find it who has not heard of the next.
            var found = signed.LastOrDefault(s => s.Descriptor.Epoch == Epoch.At(now) && s.Descriptor.NotBefore <= now);
            Assert.True(found is not null && now < found.Descriptor.Expires, $"nothing valid at {now}");
            Assert.Equal(DescriptorVerdict.Valid, Example.Check(found, Example.Rules with { WorkBits = 8 }, now));
        }
        Assert.InRange(signed.Length, 24, 40);
    }

    [Fact]
    public void The_next_epoch_is_signed_and_announced_in_the_last_half_hour_of_this_one()
    {
        Run(Publisher(), s_start, s_start + TimeSpan.FromHours(12));
        var firsts = _log.Where(e => e.What is DescriptorSigned { Previous: null }).Skip(1).ToArray();
        Assert.NotEmpty(firsts);
        Assert.All(firsts, e =>
        {
            var begin = Epoch.StartOf(((DescriptorSigned)e.What).Signed.Descriptor.Epoch);
            Assert.InRange(e.At.Ticks, (begin - TimeSpan.FromMinutes(30)).Ticks, (begin - TimeSpan.FromMinutes(10)).Ticks);
            Assert.Contains(_log, a => a.What is AnnounceDue due && a.At == e.At && due.Epoch == Epoch.At(begin));
        });
    }

    [Fact]
    public void It_announces_every_quarter_of_an_hour_at_its_own_moments()
    {
        Run(Publisher(), s_start, s_start + TimeSpan.FromHours(3));
        var times = _log.Where(e => e.What is AnnounceDue due && due.Epoch == Epoch.At(e.At)).Select(e => e.At).ToArray();
        var gaps = times.Zip(times.Skip(1), (a, b) => (b - a).TotalMinutes).ToArray();
        Assert.All(gaps, g => Assert.InRange(g, 14, 16));
        Assert.True(gaps.Max() - gaps.Min() > 0.5);
        Assert.All(_log.Select(e => e.What).OfType<AnnounceDue>(), due => Assert.InRange(due.Topics.Count, 1, 8));
    }

    [Fact]
    public void Cas_names_what_was_put_last_under_the_same_salt()
    {
        var publisher = Publisher();
        Run(publisher, s_start, s_start + TimeSpan.FromMinutes(5));
        publisher.SetContent(Example.Relay with { LoadClass = 9 }, s_start + TimeSpan.FromMinutes(5));
        Run(publisher, s_start + TimeSpan.FromMinutes(5), s_start + TimeSpan.FromMinutes(6));
        var signed = _log.Select(e => e.What).OfType<DescriptorSigned>().ToArray();
        Assert.Equal(2, signed.Length);
        Assert.Null(signed[0].Previous);
        Assert.Equal(signed[0].Signed.Sequence, signed[1].Previous);
        Assert.Equal(9, signed[1].Signed.Descriptor.LoadClass);
    }

    [Fact]
    public void A_change_is_signed_soon_but_not_twice_in_a_minute()
    {
        var publisher = Publisher();
        var now = s_start;
        for (var i = 0; i < 100; i++, now += TimeSpan.FromSeconds(3))
        {
            publisher.SetContent(Example.Relay with { LoadClass = (byte)(i % 16) }, now);
            Run(publisher, now, now + TimeSpan.FromSeconds(3));
        }
        Assert.InRange(_log.Count(e => e.What is DescriptorSigned), 5, 6);
    }

    [Fact]
    public void Whatever_valid_descriptor_a_client_has_the_relay_accepts_its_key()
    {
        using var identity = Relays.Identity(1);
        using var keys = RelayKeys.Generate(_random, s_start);
        var publisher = new Publisher(identity, Example.Rules, _random);
        Content(s_start);
        for (var now = s_start; now < s_start + TimeSpan.FromDays(4); now += TimeSpan.FromMinutes(7))
        {
            if (keys.Rotate(now, _random))
                Content(now);
            Run(publisher, now, now + TimeSpan.FromMinutes(7));
            var accepted = keys.CopyAccepted(now);
            foreach (var signed in _log.Select(e => e.What).OfType<DescriptorSigned>().Select(e => e.Signed).Where(s => now < s.Descriptor.Expires))
                Assert.Contains(accepted, k => k.PublicKey == signed.Descriptor.RelayKey);
            foreach (var key in accepted)
                key.Dispose();
        }
        var used = _log.Select(e => e.What).OfType<DescriptorSigned>().Select(e => e.Signed.Descriptor).ToArray();
        Assert.Equal(4, used.Select(d => d.RelayKey).Distinct().Count());
        // Announced as the next before it is in use.
        Assert.All(used.Select(d => d.RelayKey).Distinct().Skip(1), key => Assert.Contains(used, d => d.NextRelayKey == key));

        void Content(Instant now) =>
            publisher.SetContent(Example.Relay with { RelayKey = keys.Current.PublicKey, NextRelayKey = keys.Next.PublicKey }, now);
    }

    [Fact]
    public void The_work_that_relays_ask_for_is_done_and_a_refused_descriptor_is_signed_anew()
    {
        var publisher = Publisher();
        Run(publisher, s_start, s_start + TimeSpan.FromMinutes(2));
        publisher.SetDemand(12, wasRefused: true, s_start + TimeSpan.FromMinutes(2));
        Run(publisher, s_start + TimeSpan.FromMinutes(2), s_start + TimeSpan.FromMinutes(4));
        var last = _log.Select(e => e.What).OfType<DescriptorSigned>().Last().Signed;
        Assert.Equal(2, _log.Count(e => e.What is DescriptorSigned));
        Assert.True(ProofOfWork.Bits(last.Id, last.Descriptor.Epoch, last.Descriptor.ProofOfWork) >= 13);
    }

    [Fact]
    public void Who_is_no_relay_any_more_says_nothing()
    {
        var publisher = Publisher();
        publisher.SetContent(null, s_start);
        Run(publisher, s_start, s_start + TimeSpan.FromDays(1));
        Assert.Empty(_log);
    }

    [Fact]
    public void A_flood_of_newcomers_raises_the_price_and_its_end_lowers_it()
    {
        var demand = new WorkDemand(16);
        Assert.Equal(16, demand.Bits(4000, s_start));
        for (var i = 0; i < 16_000; i++)
            demand.NoteNewcomer(s_start);
        Assert.Equal(19, demand.Bits(4000, s_start));
        Assert.Equal(16, demand.Bits(60_000, s_start));
        for (var i = 0; i < 2_000_000; i++)
            demand.NoteNewcomer(s_start);
        Assert.Equal(WorkDemand.Most, demand.Bits(100, s_start));
        Assert.Equal(16, demand.Bits(4000, s_start + TimeSpan.FromMinutes(70)));
        Assert.Equal(0, new WorkDemand(0).Bits(0, s_start));
    }

    Publisher Publisher()
    {
        var publisher = new Publisher(Example.Alice, Example.Rules with { WorkBits = 8 }, _random);
        publisher.SetContent(Example.Relay, s_start);
        return publisher;
    }

    void Run(Publisher publisher, Instant from, Instant to)
    {
        for (var now = from; now < to; now = Instant.Max(publisher.NextTimeout, now + TimeSpan.FromMilliseconds(1)))
        {
            publisher.HandleTimeout(now);
            while (publisher.TryTakeEvent(out var happened))
                _log.Add((now, happened));
        }
    }
}
