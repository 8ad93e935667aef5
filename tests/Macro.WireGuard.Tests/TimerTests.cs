using Macro.Core;

namespace Macro.WireGuard.Tests;

/// <summary>Whitepaper section 6, sentence by sentence. Alice began the session, bob answered.</summary>
public class TimerTests
{
    readonly Pair _pair = new Pair().Connected();

    Instant Now => _pair.Now;

    [Fact]
    public void Sends_a_keepalive_ten_seconds_after_the_last_data()
    {
        var before = _pair.Bob.KeepalivesAt.Count();
        var sent = Now;

        _pair.Alice.Send(1);
        _pair.Run(14);

        Assert.Equal(sent + Pair.Latency + Limits.KeepaliveTimeout, _pair.Bob.KeepalivesAt.Skip(before).Single());
    }

    [Fact]
    public void Sends_no_keepalive_when_data_went_back()
    {
        _pair.Alice.Send(1);
        _pair.Run(1);
        _pair.Bob.Send(2);
        _pair.Run(9.5);

        Assert.Empty(_pair.Bob.KeepalivesAt);
    }

    [Fact]
    public void Answers_no_keepalive_with_a_keepalive()
    {
        _pair.Alice.Send(1);
        _pair.Run(60);

        Assert.Single(_pair.Bob.KeepalivesAt);
        Assert.Single(_pair.Alice.KeepalivesAt);
    }

    [Fact]
    public void Begins_a_handshake_when_data_went_unanswered_for_fifteen_seconds()
    {
        _pair.LoseEverything();
        var sent = Now;

        _pair.Alice.Send(1);
        _pair.Run(16);

        var waited = _pair.Alice.SentAt(MessageType.Initiation).Last() - sent;
        Assert.InRange(waited, Limits.UnansweredTime, Limits.UnansweredTime + Limits.RekeyJitter);
    }

    [Fact]
    public void The_responder_too_begins_a_handshake_when_data_went_unanswered()
    {
        _pair.LoseEverything();

        _pair.Bob.Send(1);
        _pair.Run(16);

        Assert.Equal(1, _pair.Bob.CountSent(MessageType.Initiation));
    }

    [Fact]
    public void A_keepalive_is_answer_enough()
    {
        _pair.Alice.Send(1);
        _pair.Run(40);

        Assert.Equal(1, _pair.Alice.CountSent(MessageType.Initiation));
    }

    [Fact]
    public void The_initiator_renews_when_it_sends_after_two_minutes()
    {
        var made = _pair.Alice.Tunnel.Sending!.Created;
        SendEverySecondUntil(made + Limits.RekeyAfterTime - TimeSpan.FromSeconds(1));
        Assert.Equal(1, _pair.Alice.CountSent(MessageType.Initiation));

        _pair.Run(2);
        _pair.Alice.Send(1);
        _pair.Run(1);

        Assert.Equal(2, _pair.Alice.CountSent(MessageType.Initiation));
        Assert.NotEqual(made, _pair.Alice.Tunnel.Sending!.Created);
    }

    [Fact]
    public void The_responder_does_not_renew_by_age()
    {
        var made = _pair.Bob.Tunnel.Sending!.Created;
        while (Now < made + Limits.LastMinuteTime - TimeSpan.FromSeconds(10))
        {
            _pair.Bob.Send(1);
            _pair.Run(1);
        }

        Assert.Equal(0, _pair.Bob.CountSent(MessageType.Initiation));
    }

    [Fact]
    public void The_initiator_that_only_receives_renews_at_the_last_minute()
    {
        var made = _pair.Alice.Tunnel.Sending!.Created;
        _pair.Run((made + Limits.LastMinuteTime - Now).TotalSeconds);
        Assert.Equal(1, _pair.Alice.CountSent(MessageType.Initiation));

        _pair.Bob.Send(1);
        _pair.Run(1);

        Assert.Equal(2, _pair.Alice.CountSent(MessageType.Initiation));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Either_side_renews_after_so_many_messages(bool alice)
    {
        var node = alice ? _pair.Alice : _pair.Bob;
        var before = node.CountSent(MessageType.Initiation);
        _pair.Run(6);
        node.Tunnel.Sending!.Sent = Limits.RekeyAfterMessages;

        node.Send(1);
        _pair.Run(1);

        Assert.Equal(before + 1, node.CountSent(MessageType.Initiation));
    }

    [Fact]
    public void A_session_out_of_counters_sends_nothing_more()
    {
        var session = _pair.Alice.Tunnel.Sending!;
        session.Sent = Limits.RejectAfterMessages - 1;
        var datagram = new byte[64];

        Assert.NotEqual(0, session.Seal([1], datagram, Now, 1420));
        Assert.Equal(0, session.Seal([1], datagram, Now, 1420));
        Assert.Equal(0, session.Seal([1], datagram, Now, 1420));
        Assert.False(session.MayOpen(Limits.RejectAfterMessages, Now));
    }

    [Fact]
    public void A_session_is_refused_after_three_minutes_both_ways()
    {
        var (alice, bob) = (_pair.Alice.Tunnel.Sending!, _pair.Bob.Tunnel.Sending!);
        var (fresh, late) = (new byte[64], new byte[64]);
        var length = alice.Seal([1], fresh, Now, 1420);
        Assert.Equal(length, alice.Seal([2], late, Now, 1420));

        Assert.True(bob.TryOpen(fresh.AsSpan(0, length), bob.Created + Limits.RejectAfterTime - TimeSpan.FromTicks(1), out _));
        Assert.False(bob.TryOpen(late.AsSpan(0, length), bob.Created + Limits.RejectAfterTime, out _));
        Assert.Equal(0, alice.Seal([1], late, alice.Created + Limits.RejectAfterTime, 1420));
    }

    [Fact]
    public void Data_after_three_silent_minutes_makes_a_new_session_and_arrives()
    {
        _pair.Run(200);

        _pair.Bob.Send(7);
        _pair.Run(1);

        Assert.Equal(7, _pair.Alice.Delivered.Single()[0]);
        Assert.Equal(1, _pair.Bob.CountSent(MessageType.Initiation));
    }

    [Fact]
    public void An_initiation_is_repeated_every_five_seconds_with_jitter_and_given_up_after_ninety()
    {
        var pair = new Pair();
        pair.LoseEverything();

        pair.Alice.Send(1);
        pair.Run(300);

        var times = pair.Alice.SentAt(MessageType.Initiation).ToArray();
        Assert.InRange(times.Length, 17, 18);
        Assert.All(times.Zip(times.Skip(1), (a, b) => b - a), gap => Assert.InRange(gap, Limits.RekeyTimeout, Limits.RekeyTimeout + Limits.RekeyJitter));
        Assert.True(times.Zip(times.Skip(1), (a, b) => b - a).Distinct().Count() > 1);
        var (at, kind) = Assert.Single(pair.Alice.Events);
        Assert.Equal(TunnelEventKind.HandshakeFailed, kind);
        Assert.InRange(at - Pair.Start, Limits.RekeyAttemptTime, Limits.RekeyAttemptTime + TimeSpan.FromSeconds(6));
    }

    [Fact]
    public void New_data_starts_the_ninety_seconds_anew()
    {
        var pair = new Pair();
        pair.LoseEverything();

        pair.Alice.Send(1);
        pair.Run(60);
        pair.Alice.Send(2);
        pair.Run(80);
        Assert.Empty(pair.Alice.Events);
        pair.Run(20);

        Assert.Equal(TunnelEventKind.HandshakeFailed, Assert.Single(pair.Alice.Events).Kind);
    }

    [Fact]
    public void No_second_initiation_within_five_seconds()
    {
        _pair.Alice.Initiate();
        _pair.Alice.Initiate();
        _pair.Run(3);
        Assert.Equal(1, _pair.Alice.CountSent(MessageType.Initiation));

        _pair.Run(2);
        Assert.Equal(2, _pair.Alice.CountSent(MessageType.Initiation));
    }

    [Fact]
    public void Each_initiation_has_fresh_keys_and_a_fresh_index()
    {
        var pair = new Pair();
        pair.LoseEverything();
        pair.Alice.Send(1);
        pair.Run(20);

        var initiations = pair.Alice.Sent.Select(sent => sent.Datagram).ToArray();
        Assert.Equal(initiations.Length, initiations.Select(datagram => BitConverter.ToUInt32(datagram, 4)).Distinct().Count());
        Assert.Equal(initiations.Length, initiations.Select(datagram => Convert.ToHexString(datagram, 8, 32)).Distinct().Count());
        Assert.Equal(1, pair.Alice.Indices.Count);
    }

    [Fact]
    public void All_keys_are_wiped_nine_minutes_after_the_last_handshake()
    {
        var session = _pair.Alice.Tunnel.Sending!;
        var until = session.Created + Limits.EraseAfterTime - Now;

        _pair.Run(until.TotalSeconds - 1);
        Assert.False(session.SendKey.IsWiped);
        _pair.Run(2);

        Assert.True(session.SendKey.IsWiped && session.ReceiveKey.IsWiped);
        Assert.Null(_pair.Alice.Tunnel.Sending);
        Assert.Equal(0, _pair.Alice.Indices.Count);
        Assert.Contains(_pair.Alice.Events, happened => happened.Kind == TunnelEventKind.KeysErased);
        Assert.Equal(Instant.Never, _pair.Alice.Tunnel.NextTimeout);
    }

    [Fact]
    public void Keys_in_use_are_wiped_when_the_last_user_lets_go()
    {
        var session = _pair.Alice.Tunnel.Sending!;
        Assert.True(session.TryAcquire());

        _pair.Alice.Tunnel.Dispose();
        Assert.False(session.SendKey.IsWiped);
        Assert.False(session.TryAcquire());
        session.Release();

        Assert.True(session.SendKey.IsWiped);
    }

    [Fact]
    public void A_persistent_keepalive_comes_after_every_interval_without_traffic()
    {
        _pair.Alice.Tunnel.SetPersistentKeepalive(TimeSpan.FromSeconds(25), Now);
        _pair.Alice.HandleTimeout();
        var first = Now;
        _pair.Run(80);

        var times = _pair.Alice.KeepalivesAt.Where(at => at >= first).ToArray();
        Assert.Equal([first, first + TimeSpan.FromSeconds(25), first + TimeSpan.FromSeconds(50), first + TimeSpan.FromSeconds(75)], times);
    }

    [Fact]
    public void A_persistent_keepalive_goes_on_for_ever_without_an_answer()
    {
        var pair = new Pair();
        pair.LoseEverything();
        pair.Alice.Tunnel.SetPersistentKeepalive(TimeSpan.FromSeconds(25), pair.Now);
        pair.Run(3600);
        Assert.Contains(pair.Alice.Events, happened => happened.Kind == TunnelEventKind.HandshakeFailed);

        pair.LoseNothing();
        pair.Run(30);

        Assert.True(pair.Alice.Tunnel.IsConnected(pair.Now));
    }

    [Fact]
    public void The_initiator_proves_the_new_keys_with_a_keepalive_when_it_has_no_data()
    {
        Assert.Single(_pair.Alice.KeepalivesAt);
        Assert.NotNull(_pair.Bob.Tunnel.Sending);
    }

    [Fact]
    public void The_responder_does_not_send_before_the_keys_are_proven()
    {
        var pair = new Pair();
        pair.Filter = (_, datagram) => datagram[0] == 4 ? [] : [Pair.Latency];
        pair.Alice.Initiate();
        pair.Run(0.1);

        Assert.Null(pair.Bob.Tunnel.Sending);
        Assert.NotNull(pair.Alice.Tunnel.Sending);
    }

    [Fact]
    public void A_side_that_may_not_initiate_never_does()
    {
        var pair = new Pair(bobMayInitiate: false).Connected();
        pair.LoseEverything();
        for (var i = 0; i < 300; i++)
        {
            pair.Bob.Send(1);
            pair.Run(1);
        }

        Assert.Equal(0, pair.Bob.CountSent(MessageType.Initiation));
        Assert.Contains(DropReason.NoSession, pair.Bob.Drops);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_pumps_rarely_call_for_the_owner(bool bobMayInitiate)
    {
        var pair = new Pair(bobMayInitiate: bobMayInitiate).Connected();
        var (tunnel, session, calls) = (pair.Bob.Tunnel, pair.Bob.Tunnel.Sending!, 0);
        // Ping-pong for a minute, a thousand times a second.
        for (var (i, now) = (0, pair.Now); i < 60_000; i++, now += TimeSpan.FromMilliseconds(1))
        {
            if (tunnel.Activity.NoteReceived(session, now, 1, 100) | tunnel.Activity.NoteDataSent(session, now, 1, 100))
            {
                calls++;
                tunnel.HandleActivity(now);
            }
            while (tunnel.NextTimeout <= now)
                Assert.Equal(TunnelOutputKind.Nothing, tunnel.HandleTimeout(new byte[2048], now).Kind);
        }

        Assert.InRange(calls, 1, 13);
    }

    [Fact]
    public void A_lost_call_for_the_owner_is_made_good_by_the_next_packet()
    {
        var pair = new Pair();
        pair.Filter = (_, datagram) => datagram[0] == 4 ? [] : [Pair.Latency];
        pair.Alice.Initiate();
        pair.Run(1);
        var bob = pair.Bob.Tunnel;
        var keepalive = pair.Alice.Sent.Last().Datagram.ToArray();
        Assert.True(pair.Bob.Indices.TryFind(BitConverter.ToUInt32(keepalive, 4), out _, out var session));
        Assert.True(session!.TryOpen(keepalive, pair.Now, out _));
        Assert.True(bob.Activity.NoteReceived(session, pair.Now, 0, keepalive.Length));
        Assert.Null(bob.Sending);

        pair.Bob.Send(1);

        Assert.Same(session, bob.Sending);
    }

    [Fact]
    public void Nothing_is_due_on_an_idle_tunnel()
    {
        var pair = new Pair();
        Assert.Equal(Instant.Never, pair.Alice.Tunnel.NextTimeout);
    }

    void SendEverySecondUntil(Instant until)
    {
        while (Now < until - TimeSpan.FromSeconds(1))
        {
            _pair.Alice.Send(1);
            _pair.Bob.Send(1);
            _pair.Run(1);
        }
    }
}
