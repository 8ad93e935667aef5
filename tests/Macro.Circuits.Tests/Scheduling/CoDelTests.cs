using Macro.Core;

namespace Macro.Circuits.Tests;

public class CoDelTests
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_800_000_000);

    CoDel _codel;
    Instant _now = s_start;

    [Fact]
    public void A_queue_that_is_short_is_left_alone()
    {
        for (var i = 0; i < 1000; i++, _now += Ms(1))
            Assert.Equal(CoDelVerdict.Send, Ask(waitedMs: 4.9));
    }

    [Fact]
    public void A_burst_that_drains_within_an_interval_is_left_alone()
    {
        for (var i = 0; i < 95; i++, _now += Ms(1))
            Assert.Equal(CoDelVerdict.Send, Ask(waitedMs: 95 - i));
        Assert.False(_codel.IsControlling);
    }

    [Fact]
    public void A_single_packet_is_no_queue() =>
        Assert.All(Enumerable.Range(0, 1000), _ => Assert.Equal(CoDelVerdict.Send, Ask(waitedMs: 500, bytesLeft: 1514, step: 1)));

    [Fact]
    public void A_standing_queue_is_controlled_after_an_interval_and_then_by_the_control_law()
    {
        var drops = new List<double>();
        for (var i = 0; i < 10_000; i++, _now += Ms(0.1))
            if (Ask(waitedMs: 20) == CoDelVerdict.Drop)
                drops.Add((_now - s_start).TotalMilliseconds);
        // The first after 100 ms, the next 100 ms later, and then 100/sqrt(2), 100/sqrt(3) ... ms.
        var expected = 100.0;
        for (var n = 0; n < 12; n++)
        {
            Assert.InRange(drops[n], expected, expected + 0.2);
            expected += 100 / Math.Sqrt(n + 1);
        }
    }

    [Fact]
    public void What_knows_marks_is_marked_for_a_second_and_then_dropped()
    {
        var verdicts = new List<(CoDelVerdict Verdict, TimeSpan At)>();
        for (var i = 0; i < 30_000; i++, _now += Ms(0.1))
            if (Ask(waitedMs: 20, ecn: true) is not CoDelVerdict.Send and var verdict)
                verdicts.Add((verdict, _now - s_start));
        var firstDrop = verdicts.First(one => one.Verdict == CoDelVerdict.Drop).At;
        Assert.InRange(firstDrop, Ms(900), Ms(1500));
        Assert.All(verdicts, one => Assert.Equal(one.At < firstDrop ? CoDelVerdict.Mark : CoDelVerdict.Drop, one.Verdict));
    }

    [Fact]
    public void It_stops_when_the_queue_is_short_again_and_remembers_for_a_while()
    {
        for (var i = 0; i < 20_000; i++, _now += Ms(0.1))
            Ask(waitedMs: 20);
        Assert.True(_codel.IsControlling);
        Assert.Equal(CoDelVerdict.Send, Ask(waitedMs: 1));
        Assert.False(_codel.IsControlling);
        // It stands again: control begins where it was, with drops much closer than 100 ms.
        var drops = 0;
        for (var i = 0; i < 3000; i++, _now += Ms(0.1))
            drops += Ask(waitedMs: 20) == CoDelVerdict.Drop ? 1 : 0;
        Assert.InRange(drops, 8, 40);
    }

    [Fact]
    public void What_can_be_marked_is_marked_and_not_dropped()
    {
        var marks = 0;
        for (var i = 0; i < 10_000; i++, _now += Ms(0.1))
        {
            var verdict = Ask(waitedMs: 20, ecn: true);
            Assert.NotEqual(CoDelVerdict.Drop, verdict);
            marks += verdict == CoDelVerdict.Mark ? 1 : 0;
        }
        Assert.InRange(marks, 15, 40);
    }

    static TimeSpan Ms(double ms) => TimeSpan.FromMilliseconds(ms);

    CoDelVerdict Ask(double waitedMs, int bytesLeft = 100_000, bool ecn = false, double step = 0)
    {
        _now += Ms(step);
        return _codel.Decide(new QueuedPacket { Bytes = 1500, EcnCapable = ecn, Since = _now - Ms(waitedMs) }, bytesLeft, 1514, _now);
    }
}
