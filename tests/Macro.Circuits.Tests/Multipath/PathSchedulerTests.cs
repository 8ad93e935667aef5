using Macro.Core;

namespace Macro.Circuits.Tests;

public class PathSchedulerTests
{
    const int Packet = 1250;
    static readonly TimeSpan s_probe = TimeSpan.FromMilliseconds(50);

    Instant _now = Instant.FromUnixSeconds(1_800_000_000);

    [Fact]
    public void What_one_path_carries_goes_by_the_shortest()
    {
        var ends = new Ends(this, (20, 10), (20, 40));
        Assert.Equal([1, 0], ends.Shares(offered: 10, seconds: 5));
    }

    [Fact]
    public void What_one_path_cannot_carry_goes_by_the_next()
    {
        var ends = new Ends(this, (20, 10), (20, 40));
        ends.Send(offered: 30, seconds: 3);
        var shares = ends.Shares(offered: 30, seconds: 5);
        Assert.InRange(shares[0], 0.6, 0.72);
    }

    [Fact]
    public void Full_paths_share_by_their_rates()
    {
        var ends = new Ends(this, (30, 10), (10, 10));
        ends.Send(offered: 50, seconds: 3);
        var shares = ends.Shares(offered: 44, seconds: 5);
        Assert.InRange(shares[0], 0.7, 0.8);
    }

    [Fact]
    public void Its_rates_are_those_of_the_links()
    {
        var ends = new Ends(this, (20, 10), (5, 30));
        ends.Send(offered: 27, seconds: 4);
        Assert.InRange(ends.Meter(0).Rate * 8 / 1e6, 18, 23);
        Assert.InRange(ends.Meter(1).Rate * 8 / 1e6, 4.5, 6);
    }

    [Fact]
    public void A_queue_that_overflows_between_two_reports_tells_a_rate()
    {
        var ends = new Ends(this, (20, 10), (20, 10));
        for (var i = 0; i < 20; i++)
        {
            ends.Send(offered: 0, seconds: 0.14);
            ends.Send(offered: 100, seconds: 0.06);
        }
        Assert.All([0, 1], path => Assert.InRange(ends.Meter(path).Rate * 8 / 1e6, 10, 23));
    }

    [Fact]
    public void A_short_outage_is_no_queue_that_overflows()
    {
        var ends = new Ends(this, (20, 10), (100, 40));
        ends.Send(offered: 35, seconds: 3);
        for (var i = 0; i < 20; i++)
        {
            ends.Send(offered: 35, seconds: 0.002);
            ends.Cut = 1;
            ends.Send(offered: 35, seconds: 0.046);
            ends.Cut = -1;
            ends.Send(offered: 35, seconds: 1);
            Assert.All([0, 1], path => Assert.True(ends.Meter(path).IsUsed, $"path {path} after outage {i}"));
        }
    }

    [Fact]
    public void A_little_that_comes_late_tells_no_rate()
    {
        var ends = new Ends(this, (20, 10), (20, 10)) { MostLate = 40 };
        ends.Send(offered: 1.5, seconds: 20);
        ends.MostLate = 0;
        ends.Send(offered: 35, seconds: 1);
        Assert.InRange(ends.Shares(offered: 35, seconds: 2)[0], 0.4, 0.6);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_thread_that_waits_for_its_processor_is_no_slow_path(int seed)
    {
        var ends = new Ends(this, (20, 10), (20, 10), (20, 10)) { Waits = new Random(seed) };
        for (var i = 0; i < 300; i++)
        {
            ends.Send(offered: 0.2 + 0.1 * (i % 15), seconds: 0.1);
            Assert.All(Enumerable.Range(0, 3), path => Assert.True(ends.Meter(path).IsUsed, $"path {path} after {i / 10.0} s"));
        }
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 60)];

    [Fact]
    public void A_path_that_is_silent_gets_nothing()
    {
        var ends = new Ends(this, (20, 10), (20, 10));
        ends.Send(offered: 30, seconds: 2);
        ends.Cut = 0;
        ends.Send(offered: 10, seconds: 0.5);
        Assert.Equal([0, 1], ends.Shares(offered: 10, seconds: 2));
        ends.Cut = -1;
        ends.Send(offered: 10, seconds: 1);
        Assert.True(ends.Meter(0).IsUsed);
    }

    [Fact]
    public void A_path_that_loses_gets_nothing()
    {
        var ends = new Ends(this, (20, 10), (20, 12)) { Lossy = 0 };
        ends.Send(offered: 10, seconds: 4);
        Assert.Equal([0, 1], ends.Shares(offered: 10, seconds: 2));
    }

    [Fact]
    public void A_path_of_less_than_a_tenth_gets_nothing()
    {
        var ends = new Ends(this, (20, 10), (1, 10));
        ends.Send(offered: 30, seconds: 4);
        Assert.Equal([1, 0], ends.Shares(offered: 15, seconds: 2));
    }

    [Fact]
    public void A_path_that_is_too_long_gets_nothing()
    {
        var ends = new Ends(this, (20, 10), (20, 130));
        ends.Send(offered: 30, seconds: 2);
        Assert.Equal([1, 0], ends.Shares(offered: 30, seconds: 2));
    }

    [Fact]
    public void What_comes_waits_as_long_as_the_ways_differ()
    {
        var ends = new Ends(this, (20, 10), (20, 40));
        Assert.InRange(ends.Far.Wait.TotalMilliseconds, 30, 45);
        Assert.Equal(10, new Ends(this, (20, 10), (20, 12)).Far.Wait.TotalMilliseconds);
    }

    [Fact]
    public void Reports_that_make_no_sense_change_nothing()
    {
        var meter = new PathMeter(1, _now - TimeSpan.FromSeconds(1));
        foreach (var report in (PathReport[])
            [new(-1, 0, 0, 0, 0, 0), new(1, 0, long.MaxValue, 0, 0, 0), new(2, 0, 1L << 51, 0, 5, 5), new(3, 0, 1, 1L << 51, 5, 5)])
            meter.Handle(report, _now);
        Assert.False(meter.IsKnown);
    }

    [Fact]
    public void Whatever_the_other_end_tells_every_packet_has_a_path()
    {
        var random = new Random(7);
        var scheduler = new PathScheduler<int>();
        scheduler.Set([.. Enumerable.Range(0, 3).Select(i => new PathScheduler<int>.Path(i, new PathMeter((uint)i, _now - TimeSpan.FromSeconds(1))))], _now);
        for (var i = 0; i < 20_000; i++)
        {
            _now += TimeSpan.FromMilliseconds(random.Next(20));
            var report = new PathReport(i + 1, Number(), Number(), Number(), Number(), Number());
            scheduler.Handle(scheduler.Paths[random.Next(3)].Meter, report, _now);
            Assert.InRange(scheduler.Choose(random.Next(1500), _now), 0, 2);
            Assert.InRange(scheduler.Wait.TotalMilliseconds, 10, 120);
        }

        long Number() => random.Next(4) switch { 0 => 0, 1 => random.Next(1000), 2 => random.NextInt64(1L << 52), _ => random.Next(100_000_000) };
    }

    /// <summary>Two ends with links of so many Mbit/s and milliseconds one way; probes and answers go by the links as well.</summary>
    sealed class Ends
    {
        readonly PathSchedulerTests _test;
        readonly PriorityQueue<Action, (long, long)> _events = new();
        readonly (double Rate, double Delay)[] _links;
        readonly Instant[] _idleAt;
        readonly PathScheduler<int> _near = new();
        readonly Random _random = new(3);
        long _order, _packets;
        Instant _waitsFrom, _waitsUntil;

        public Ends(PathSchedulerTests test, params (double, double)[] links)
        {
            (_test, _links, _idleAt) = (test, links, new Instant[links.Length]);
            _near.Set(links.Select((_, i) => new PathScheduler<int>.Path(i, new PathMeter((uint)i, test._now - TimeSpan.FromSeconds(1)))), test._now);
            Far.Set(links.Select((_, i) => new PathScheduler<int>.Path(i, new PathMeter((uint)i, test._now - TimeSpan.FromSeconds(77)))), test._now);
            _waitsUntil = test._now;
            Send(offered: 0, seconds: 0.2);
        }

        public PathScheduler<int> Far { get; } = new();

        public int Cut { get; set; } = -1;

        public int Lossy { get; set; } = -1;

        /// <summary>What arrives is looked at so many milliseconds later, at most: the other machine is busy.</summary>
        public int MostLate { get; set; }

        /// <summary>The other machine is busy: it runs for a moment, waits for a while, and then looks at all that has come.</summary>
        public Random? Waits { get; set; }

        public PathMeter Meter(int path) => _near.Paths[path].Meter;

        public double[] Shares(double offered, double seconds)
        {
            var before = _near.Paths.Select(path => path.Meter.Sent).ToArray();
            Send(offered, seconds);
            var sent = _near.Paths.Select((path, i) => path.Meter.Sent - before[i]).ToArray();
            return [.. sent.Select(bytes => (double)bytes / sent.Sum())];
        }

        public void Send(double offered, double seconds)
        {
            var end = _test._now + TimeSpan.FromSeconds(seconds);
            var (nextProbe, nextPacket) = (_test._now, offered == 0 ? Instant.Never : _test._now);
            while (true)
            {
                var next = Instant.Min(nextProbe, nextPacket);
                if (_events.TryPeek(out _, out var first) && first.Item1 <= Math.Min(next.Ticks, end.Ticks))
                {
                    _test._now = new Instant(first.Item1);
                    _events.Dequeue()();
                    continue;
                }
                if (next > end)
                    break;
                _test._now = next;
                if (next == nextPacket)
                {
                    nextPacket += TimeSpan.FromSeconds(Packet * 8 / offered / 1e6);
                    var path = _near.Choose(Packet, next);
                    By(path, Packet, () => Far.Paths[path].Meter.NoteReceived(Packet));
                }
                else
                {
                    nextProbe += s_probe;
                    Probe();
                }
            }
            _test._now = end;
        }

        void Probe()
        {
            for (var i = 0; i < _links.Length; i++)
            {
                var path = i;
                var probe = _near.Report(_near.Paths[path].Meter, _test._now);
                By(path, 0, () =>
                {
                    var answer = Far.Handle(Far.Paths[path].Meter, probe, _test._now);
                    At(_test._now + TimeSpan.FromMilliseconds(_links[path].Delay), () => _near.Handle(_near.Paths[path].Meter, answer, _test._now));
                });
            }
        }

        void By(int path, int bytes, Action arrives)
        {
            if (path == Cut || (path == Lossy && bytes > 0 && ++_packets % 20 == 0))
                return;
            var leaves = Instant.Max(_test._now, _idleAt[path]) + TimeSpan.FromSeconds(bytes * 8 / _links[path].Rate / 1e6);
            if (leaves - _test._now > TimeSpan.FromMilliseconds(60))
                return;
            _idleAt[path] = leaves;
            At(Running(_idleAt[path] + TimeSpan.FromMilliseconds(_links[path].Delay + _random.Next(MostLate + 1))), arrives);
        }

        /// <summary>When the other end looks at what comes then.</summary>
        Instant Running(Instant at)
        {
            if (Waits is null)
                return at;
            while (_waitsUntil <= at)
            {
                _waitsFrom = _waitsUntil + TimeSpan.FromMilliseconds(Waits.Next(1, 100));
                _waitsUntil = _waitsFrom + TimeSpan.FromMilliseconds(Waits.Next(1, 150));
            }
            return at < _waitsFrom ? at : _waitsUntil;
        }

        void At(Instant when, Action action) => _events.Enqueue(action, (when.Ticks, _order++));
    }
}
