using Macro.Core;
using Macro.Core.Packets;
using Macro.NetStack.Tcp;

namespace Macro.NetStack.Tests;

public class RecoveryTests
{
    const uint Mss = 1256;

    static readonly TimeSpan s_rtt = TimeSpan.FromMilliseconds(100);

    /// <summary>Ten segments in flight on a path of 100 ms.</summary>
    static Peer TenInFlight()
    {
        var peer = new Peer().Establish(rtt: s_rtt);
        peer.Write((int)(40 * Mss));
        Assert.Equal((10, (int)(10 * Mss)), peer.TakeAll());
        return peer;
    }

    static uint At(int segment) => (uint)segment * Mss;

    [Fact]
    public void The_initial_window_is_ten_segments() => TenInFlight();

    [Fact]
    public void A_segment_is_sent_again_once_three_later_ones_are_sacked()
    {
        var peer = TenInFlight();
        peer.Wait(s_rtt);
        peer.GiveAck(At(0), sacks: [(At(1), At(4))]);

        var copy = peer.Take();

        Assert.Equal(Peer.Theirs + At(0), copy.Sequence);
        Assert.Equal((RecoveryState.Recovery, 7), (peer.Connection.Flight.State, peer.Connection.Flight.Control.Threshold));
    }

    [Fact]
    public void The_window_comes_down_to_the_threshold_by_the_end_of_the_recovery()
    {
        var peer = TenInFlight();
        peer.Wait(s_rtt);
        peer.GiveAck(At(0), sacks: [(At(1), At(10))]);
        peer.TakeAll();
        peer.Wait(s_rtt);

        peer.GiveAck((uint)(peer.Connection.Flight.Next - peer.Connection.Flight.Una));

        Assert.Equal((RecoveryState.Open, 7), (peer.Connection.Flight.State, peer.Connection.Flight.Control.Window));
    }

    [Fact]
    public void A_lost_tail_is_probed_after_two_round_trips_without_a_timeout()
    {
        var peer = TenInFlight();
        peer.Wait(s_rtt);
        peer.GiveAck(At(9));
        peer.TakeAll();
        var timeouts = peer.Connection.Flight.Timeouts;

        var wait = peer.WaitForTimeout();

        Assert.InRange(wait.TotalMilliseconds, 199, 210);
        Assert.Equal(1, peer.TakeAll().Segments);
        Assert.Equal(timeouts, peer.Connection.Flight.Timeouts);
    }

    [Fact]
    public void After_a_timeout_one_segment_goes_out_and_the_next_wait_is_twice_as_long()
    {
        var peer = TenInFlight();
        // The probe first.
        peer.WaitForTimeout();
        peer.TakeAll();
        var first = peer.WaitForTimeout();
        Assert.Equal((1, (int)Mss), peer.TakeAll());
        Assert.Equal((RecoveryState.Loss, 1), (peer.Connection.Flight.State, peer.Connection.Flight.Control.Window));

        var second = peer.WaitForTimeout();

        Assert.Equal(2, second / first, 1.0);
    }

    [Fact]
    public void A_timeout_that_was_spurious_by_its_timestamp_is_undone()
    {
        var peer = TenInFlight();
        var echo = (uint)(peer.Now.Ticks / TimeSpan.TicksPerMillisecond);
        peer.WaitForTimeout();
        peer.TakeAll();
        peer.WaitForTimeout();
        peer.TakeAll();
        Assert.Equal(RecoveryState.Loss, peer.Connection.Flight.State);

        peer.Give(new TcpSegment
        {
            Sequence = Peer.First, Acknowledgment = Peer.Theirs + At(1), Flags = TcpFlags.Ack, Window = ushort.MaxValue,
            HasTimestamps = true, TimestampValue = peer.Stamp, TimestampEcho = echo,
        });

        Assert.Equal(RecoveryState.Open, peer.Connection.Flight.State);
        Assert.True(peer.Connection.Flight.Control.Window >= 10);
    }

    [Fact]
    public void A_recovery_whose_copies_were_all_needless_is_undone_by_dsack()
    {
        var peer = TenInFlight();
        peer.Wait(s_rtt);
        peer.GiveAck(At(0), sacks: [(At(1), At(4))]);
        Assert.Equal(Peer.Theirs + At(0), peer.Take().Sequence);
        peer.TakeAll();

        // The original arrives, then the copy.
        peer.Wait(TimeSpan.FromMilliseconds(30));
        peer.GiveAck(At(4), sacks: [(At(0), At(1))]);

        Assert.True(peer.Connection.Flight.Control.Threshold >= 10);
    }

    [Fact]
    public void A_recovery_in_which_nothing_was_sent_again_is_undone()
    {
        var peer = TenInFlight();
        peer.Wait(s_rtt);
        // Both ACKs come before we had the time to send.
        peer.GiveAck(At(0), sacks: [(At(1), At(4))]);
        Assert.Equal(RecoveryState.Recovery, peer.Connection.Flight.State);

        peer.GiveAck(At(4));

        Assert.Equal((RecoveryState.Open, int.MaxValue), (peer.Connection.Flight.State, peer.Connection.Flight.Control.Threshold));
        Assert.True(peer.Connection.Flight.Control.Window >= 10);
    }

    [Fact]
    public void A_peer_that_takes_back_what_it_sacked_gets_everything_again_after_a_timeout()
    {
        var peer = TenInFlight();
        peer.Wait(s_rtt);
        peer.GiveAck(At(0), sacks: [(At(1), At(10))]);
        peer.TakeAll();
        // The gap is filled and nothing else acknowledged: the rest is gone.
        peer.GiveAck(At(1));

        for (var i = 0; i < 8; i++)
        {
            peer.WaitForTimeout();
            peer.TakeAll();
        }

        Assert.Equal(0, peer.Connection.Flight.Board.Sacked);
    }

    [Fact]
    public void An_ecn_echo_reduces_the_window_once_in_a_round_trip_and_is_answered_with_cwr()
    {
        var peer = new Peer(TcpOptions.Default with { Ecn = EcnMode.Ask }).Establish(flags: TcpFlags.EcnEcho);
        peer.Write((int)(40 * Mss));
        Assert.Equal(10, peer.TakeAll().Segments);
        Assert.Equal(Ecn.Capable0, peer.Ecn);
        peer.Wait(s_rtt);

        for (var i = 1; i <= 5; i++)
            peer.GiveAck((uint)i * Mss, flags: TcpFlags.EcnEcho);

        Assert.Equal((RecoveryState.Reduced, 7), (peer.Connection.Flight.State, peer.Connection.Flight.Control.Threshold));
        Assert.True(peer.Take().Has(TcpFlags.CongestionReduced));
        Assert.False(peer.Take().Has(TcpFlags.CongestionReduced));
    }

    [Fact]
    public void Marked_data_is_echoed_until_the_peer_says_that_it_has_reduced()
    {
        var peer = new Peer(TcpOptions.Default with { Ecn = EcnMode.Ask }).Establish(flags: TcpFlags.EcnEcho);
        peer.GiveData(0, 100, ecn: Ecn.Congestion);
        Assert.True(peer.Take().Has(TcpFlags.EcnEcho));
        peer.GiveData(100, 100);
        Assert.True(peer.Take().Has(TcpFlags.EcnEcho));

        peer.GiveData(200, 100, TcpFlags.CongestionReduced);

        Assert.False(peer.Take().Has(TcpFlags.EcnEcho));
    }

    [Fact]
    public void A_smaller_path_mtu_cuts_what_is_in_flight_and_keeps_the_window()
    {
        var peer = TenInFlight();
        var window = peer.Connection.Flight.Control.Window;

        peer.Connection.HandlePathMtu(548, Peer.Theirs + At(3));

        var copy = peer.Take();
        Assert.Equal((Peer.Theirs + At(0), 536), (copy.Sequence, copy.Payload.Length));
        Assert.Equal(window, peer.Connection.Flight.Control.Window);
    }

    [Fact]
    public void A_path_mtu_for_what_is_not_in_flight_is_ignored()
    {
        var peer = TenInFlight();

        peer.Connection.HandlePathMtu(548, Peer.Theirs + At(10));

        Assert.Equal((int)Mss, peer.Connection.Flight.Mss);
    }

    [Fact]
    public void An_idle_connection_begins_again_with_a_smaller_window()
    {
        var pair = new Pair(new LinkShape { Delay = TimeSpan.FromMilliseconds(20) });
        pair.Client.Closes = pair.Server.Closes = false;
        pair.Connect();
        pair.Client.ToWrite = 2_000_000;
        pair.RunUntil(() => pair.Server.Read == 2_000_000, TimeSpan.FromSeconds(20));
        pair.Run(TimeSpan.FromMinutes(1));
        Assert.True(pair.Client.Connection.Flight.Control.Window > 50);

        pair.Client.ToWrite = 1;
        pair.Run(TimeSpan.FromSeconds(1));

        Assert.Equal(CongestionControl.InitialWindow, pair.Client.Connection.Flight.Control.Window);
    }
}
