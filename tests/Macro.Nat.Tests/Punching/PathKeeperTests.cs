using Macro.Core;

namespace Macro.Nat.Tests;

public class PathKeeperTests
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_800_000_000);
    static readonly PunchedPath s_v4 = new(Endpoint.Parse("44.1.0.1:51820"), 0, TimeSpan.FromMilliseconds(20));
    static readonly PunchedPath s_v6 = new(Endpoint.Parse("[2a00::1]:51820"), 0, TimeSpan.FromMilliseconds(20));

    readonly KeepaliveInterval _lifetime = new();
    readonly PathKeeper _keeper;
    Instant _now = s_start;
    int _pings;

    public PathKeeperTests() => _keeper = new PathKeeper(_lifetime);

    [Fact]
    public void The_session_uses_both_ways_until_two_pongs_have_come()
    {
        Assert.Equal(PathUse.Relayed, _keeper.Use);
        _keeper.HandlePong(s_v4, _now);
        Assert.Equal((PathUse.Both, s_v4.Remote), (_keeper.Use, _keeper.Path!.Value.Remote));
        _keeper.HandlePong(s_v4, _now);
        Assert.Equal(PathUse.Direct, _keeper.Use);
    }

    [Fact]
    public void It_uses_both_again_as_soon_as_a_pong_is_late_and_the_relayed_one_6_5_seconds_after_the_last()
    {
        Settle(s_v4);
        _keeper.NoteTraffic(_now);
        Run(TimeSpan.FromSeconds(9), answered: true);
        var last = _now;
        while (_keeper.Use == PathUse.Direct)
            Step(answered: false);
        Assert.InRange(_now - last, TimeSpan.Zero, TimeSpan.FromSeconds(3.3));
        Assert.Equal(PathUse.Both, _keeper.Use);
        while (_keeper.Use == PathUse.Both)
            Step(answered: false);
        Assert.InRange(_now - last, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(6.5));
        Assert.True(_keeper.IsLost);
    }

    [Fact]
    public void A_pong_that_was_only_late_brings_the_direct_way_back_after_two()
    {
        Settle(s_v4);
        while (_keeper.Use == PathUse.Direct)
            Step(answered: false);
        _keeper.HandlePong(s_v4, _now);
        Assert.Equal(PathUse.Both, _keeper.Use);
        _keeper.HandlePong(s_v4, _now);
        Assert.Equal(PathUse.Direct, _keeper.Use);
    }

    [Fact]
    public void An_idle_path_is_pinged_every_25_seconds_and_one_in_use_every_3()
    {
        Settle(s_v4);
        _pings = 0;
        Run(TimeSpan.FromMinutes(10), answered: true);
        Assert.InRange(_pings, 23, 25);
        _pings = 0;
        for (var i = 0; i < 60; i++)
        {
            _keeper.NoteTraffic(_now);
            Run(TimeSpan.FromSeconds(1), answered: true);
        }
        Assert.InRange(_pings, 19, 22);
    }

    [Fact]
    public void IPv6_and_a_shorter_way_win_but_a_little_is_not_enough()
    {
        Settle(s_v4);
        Settle(s_v6 with { RoundTrip = TimeSpan.FromMilliseconds(24) });
        Assert.Equal(s_v6.Remote, _keeper.Path!.Value.Remote);

        var keeper = new PathKeeper(_lifetime);
        var near = s_v4 with { Remote = Endpoint.Parse("44.2.0.1:51820"), RoundTrip = TimeSpan.FromMilliseconds(17) };
        foreach (var path in (PunchedPath[])[s_v4, s_v4, near, near])
            keeper.HandlePong(path, _now);
        Assert.Equal(s_v4.Remote, keeper.Path!.Value.Remote);
    }

    [Fact]
    public void Another_way_that_answers_takes_over_from_one_that_does_not()
    {
        Settle(s_v6);
        Settle(s_v4);
        while (_keeper.Path?.Remote == s_v6.Remote)
            Step(answered: true, only: s_v4.Remote);
        Assert.Equal(s_v4.Remote, _keeper.Path!.Value.Remote);
    }

    [Fact]
    public void Keepalives_are_sent_more_often_where_a_NAT_forgets_sooner()
    {
        Settle(s_v4);
        while (!_keeper.IsLost)
            Step(answered: false);
        Assert.Equal(15, _lifetime.Interval.TotalSeconds, 1.0);
        _lifetime.Measured(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.FromSeconds(10), _lifetime.Interval);
        _lifetime.Measured(TimeSpan.FromMinutes(10));
        Assert.Equal(KeepaliveInterval.Longest, _lifetime.Interval);
    }

    void Settle(PunchedPath path)
    {
        _keeper.HandlePong(path, _now);
        _keeper.HandlePong(path, _now);
    }

    void Run(TimeSpan time, bool answered)
    {
        var end = _now + time;
        while (_keeper.NextTimeout <= end)
            Step(answered);
        _now = end;
    }

    void Step(bool answered, Endpoint? only = null)
    {
        _now = Instant.Max(_now, _keeper.NextTimeout);
        _keeper.HandleTimeout(_now);
        while (_keeper.TryTakePing(out var way))
        {
            _pings++;
            if (answered && (only is null || way.Remote == only))
                _keeper.HandlePong(way, _now);
        }
    }
}
