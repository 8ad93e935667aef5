using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests;

public class HandshakeTests
{
    static readonly LinkShape s_link = new() { Delay = TimeSpan.FromMilliseconds(5) };

    [Fact]
    public void A_syn_offers_mss_window_scale_sack_and_timestamps()
    {
        var peer = new Peer();

        var syn = peer.Take();

        Assert.Equal(TcpFlags.Syn, syn.Flags);
        Assert.Equal((1268, (byte?)8, true, true), (syn.Mss, syn.WindowScale, syn.SackPermitted, syn.HasTimestamps));
    }

    [Fact]
    public void An_incoming_connection_is_not_answered_before_the_application_accepts()
    {
        var pair = new Pair(s_link) { Accepts = false };
        pair.Run(TimeSpan.FromSeconds(3));
        Assert.True(pair.Server.Connection.IsIncoming);
        Assert.Equal(0, pair.Back.Sent);

        pair.Server.Connection.AcceptIncoming();

        pair.RunUntil(() => pair.IsConnected, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_rejected_connection_is_refused_at_the_peer()
    {
        var pair = new Pair(s_link) { Accepts = false };
        pair.RunUntil(() => pair.Server.Connection is not null, TimeSpan.FromSeconds(1));

        pair.Server.Connection.RejectIncoming(TcpFailure.Prohibited);
        pair.RunUntil(() => pair.Client.Connection.IsClosed, TimeSpan.FromSeconds(1));

        Assert.Equal((TcpFailure.Refused, TcpFailure.Prohibited), (pair.Client.Connection.Failure, pair.Server.Connection.Failure));
    }

    [Fact]
    public void A_syn_is_repeated_after_1_2_and_4_seconds_and_given_up_after_the_connect_timeout()
    {
        var pair = new Pair(s_link);
        var times = new List<double>();
        var began = pair.Now;
        pair.Out.Filter = _ =>
        {
            times.Add((pair.Now - began).TotalSeconds);
            return false;
        };

        pair.RunUntil(() => pair.Client.Connection.IsClosed, TimeSpan.FromMinutes(2));

        Assert.Equal([0, 1, 3, 7, 15, 31], times);
        Assert.Equal(TcpFailure.TimedOut, pair.Client.Connection.Failure);
    }

    [Fact]
    public void Both_sides_may_open_at_once()
    {
        var peer = new Peer();
        peer.Take();
        peer.Give(new TcpSegment { Sequence = 5000, Flags = TcpFlags.Syn, Window = 1000 });

        var answer = peer.Take();
        Assert.Equal(TcpFlags.Syn | TcpFlags.Ack, answer.Flags);
        peer.Give(new TcpSegment { Sequence = 5000, Acknowledgment = answer.Sequence + 1, Flags = TcpFlags.Syn | TcpFlags.Ack, Window = 1000 });

        Assert.True(peer.Connection.IsEstablished);
    }

    [Fact]
    public void A_peer_without_options_gets_536_bytes_and_an_unscaled_window()
    {
        var peer = new Peer().Establish(options: false);
        peer.Write(2000);

        var data = peer.Take();

        Assert.Equal((536, false), (data.Payload.Length, data.HasTimestamps));
        Assert.Equal(ushort.MaxValue, data.Window);
    }

    [Fact]
    public void An_ack_of_what_was_never_sent_is_answered_with_a_reset()
    {
        var peer = new Peer();
        peer.Take();

        peer.Give(new TcpSegment { Sequence = 1, Acknowledgment = 77, Flags = TcpFlags.Ack });

        var reset = peer.Take();
        Assert.Equal((TcpFlags.Reset, 77u), (reset.Flags, reset.Sequence));
        Assert.Equal(TcpState.SynSent, peer.Connection.State);
    }

    [Fact]
    public void A_reset_counts_in_the_handshake_only_when_it_acknowledges_the_syn()
    {
        var peer = new Peer();
        var syn = peer.Take();
        peer.Give(new TcpSegment { Flags = TcpFlags.Reset });
        peer.Give(new TcpSegment { Acknowledgment = syn.Sequence, Flags = TcpFlags.Reset | TcpFlags.Ack });
        Assert.Equal(TcpState.SynSent, peer.Connection.State);
        peer.TakeAll();

        peer.Give(new TcpSegment { Acknowledgment = syn.Sequence + 1, Flags = TcpFlags.Reset | TcpFlags.Ack });

        Assert.Equal(TcpFailure.Refused, peer.Connection.Failure);
    }

    [Fact]
    public void Icmp_ends_an_attempt_only_when_it_quotes_the_syn()
    {
        var peer = new Peer();
        var syn = peer.Take();
        peer.Connection.HandleUnreachable(TcpFailure.Unreachable, syn.Sequence + 1);
        Assert.Equal(TcpState.SynSent, peer.Connection.State);

        peer.Connection.HandleUnreachable(TcpFailure.Unreachable, syn.Sequence);

        Assert.Equal(TcpFailure.Unreachable, peer.Connection.Failure);
    }

    [Fact]
    public void A_syn_in_time_wait_begins_a_new_life_only_when_it_cannot_be_old()
    {
        var pair = new Pair(s_link).Connect();
        pair.RunUntil(() => pair.Client.Connection.State == TcpState.TimeWait, TimeSpan.FromSeconds(5));

        Assert.True(pair.Client.Connection.MayBeReplacedBy(new TcpSegment { Flags = TcpFlags.Syn, HasTimestamps = true, TimestampValue = pair.LastServerStamp + 1 }));
        Assert.False(pair.Client.Connection.MayBeReplacedBy(new TcpSegment { Flags = TcpFlags.Syn, HasTimestamps = true, TimestampValue = pair.LastServerStamp - 1000 }));
    }
}
