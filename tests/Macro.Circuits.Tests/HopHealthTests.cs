using Macro.Core;

namespace Macro.Circuits.Tests;

public class HopHealthTests
{
    static readonly TimeSpan s_timeout = TimeSpan.FromMilliseconds(250);

    readonly HopHealth _health = new();
    Instant _now = Instant.FromUnixSeconds(1_800_000_000);

    [Fact]
    public void A_way_that_takes_longer_than_the_first_timeout_is_learnt()
    {
        var token = _health.BeginProbe(_now);
        Pass(250);
        _health.EndProbe(default, _now);
        Assert.Equal((1, 1, true), (_health.Misses, _health.Unanswered, _health.IsSuspect));
        var next = _health.BeginProbe(_now);
        Pass(150);
        _health.Answered(token, _now);
        Assert.Equal((0, 0, false), (_health.Misses, _health.Unanswered, _health.IsSuspect));
        Assert.Equal(400, _health.RoundTrip!.Value.TotalMilliseconds);
        Assert.Equal(_now - TimeSpan.FromMilliseconds(150) + TimeSpan.FromMilliseconds(600), _health.Deadline);
        Pass(250);
        _health.Answered(next, _now);
        Assert.Equal((0, 0), (_health.Misses, _health.Unanswered));
        Assert.Equal(400, _health.RoundTrip!.Value.TotalMilliseconds);
    }

    [Fact]
    public void A_late_answer_takes_back_its_own_miss_only()
    {
        var tokens = Enumerable.Range(0, 4).Select(_ =>
        {
            var token = _health.BeginProbe(_now);
            _now += s_timeout;
            _health.EndProbe(default, _now);
            return token;
        }).ToArray();
        Assert.True(_health.IsUnanswering);
        _health.Answered(tokens[1], _now);
        Assert.Equal(3, _health.Unanswered);
        Assert.False(_health.IsUnanswering);
        _health.Answered(tokens[1], _now);
        Assert.Equal(3, _health.Unanswered);
    }

    [Fact]
    public void What_is_expected_of_the_way_counts_until_a_probe_is_answered()
    {
        _health.Expect(TimeSpan.FromMilliseconds(400));
        var token = _health.BeginProbe(_now);
        Assert.Equal(_now + TimeSpan.FromMilliseconds(600), _health.Deadline);
        Pass(100);
        _health.Answered(token, _now);
        _health.BeginProbe(_now);
        Assert.Equal(_now + s_timeout, _health.Deadline);
    }

    [Fact]
    public void Answers_by_the_way_before_and_to_what_was_not_asked_change_nothing()
    {
        var token = _health.BeginProbe(_now);
        _health.BeginAnew(_now);
        foreach (var other in (ulong[])[token, 0, token + 1, token + 8, ulong.MaxValue])
            _health.Answered(other, _now);
        Assert.Null(_health.RoundTrip);
        _health.BeginProbe(_now);
        _health.Answered(token, _now);
        Assert.Null(_health.RoundTrip);
    }

    void Pass(int milliseconds) => _now += TimeSpan.FromMilliseconds(milliseconds);
}
