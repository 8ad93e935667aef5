using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests;

public class ClosingTests
{
    [Fact]
    public void One_side_may_be_closed_while_the_other_goes_on()
    {
        var peer = new Peer().Establish();
        peer.GiveData(0, 100, TcpFlags.Fin);
        Assert.Equal(TcpState.CloseWait, peer.Connection.State);
        Assert.False(peer.Connection.IsEndOfStream);
        peer.Connection.Consume(100);
        Assert.True(peer.Connection.IsEndOfStream);
        peer.TakeAll();

        peer.Write(500);
        Assert.Equal(500, peer.TakeAll().Bytes);
        peer.Connection.Shutdown();
        Assert.True(peer.Take().Has(TcpFlags.Fin));
        peer.Give(new TcpSegment { Sequence = Peer.First + 101, Acknowledgment = Peer.Theirs + 501, Flags = TcpFlags.Ack, Window = 1000 });

        Assert.Equal((TcpState.Closed, TcpFailure.None), (peer.Connection.State, peer.Connection.Failure));
    }

    [Fact]
    public void The_fin_waits_for_all_data_and_travels_with_the_last()
    {
        var peer = new Peer().Establish();
        peer.Write(1300);
        peer.Connection.Shutdown();

        Assert.False(peer.Take().Has(TcpFlags.Fin));
        var last = peer.Take();

        Assert.Equal((44, true), (last.Payload.Length, last.Has(TcpFlags.Fin)));
        Assert.True(peer.Connection.Writable.IsEmpty);
    }

    [Fact]
    public void Both_sides_may_close_at_once()
    {
        var peer = new Peer().Establish();
        peer.Connection.Shutdown();
        Assert.True(peer.Take().Has(TcpFlags.Fin));
        peer.GiveData(0, 0, TcpFlags.Fin);
        Assert.Equal(TcpState.Closing, peer.Connection.State);

        peer.Give(new TcpSegment { Sequence = Peer.First + 1, Acknowledgment = Peer.Theirs + 1, Flags = TcpFlags.Ack, Window = 1000 });

        Assert.Equal(TcpState.TimeWait, peer.Connection.State);
    }

    [Fact]
    public void Time_wait_answers_a_repeated_fin_begins_anew_and_ends_after_a_minute()
    {
        var peer = InTimeWait();
        peer.Wait(TimeSpan.FromSeconds(50));
        peer.GiveData(0, 0, TcpFlags.Fin, acknowledged: 1);
        Assert.Equal(Peer.First + 1, peer.Take().Acknowledgment);
        peer.Wait(TimeSpan.FromSeconds(50));
        Assert.Equal(TcpState.TimeWait, peer.Connection.State);

        peer.Wait(TimeSpan.FromSeconds(10));

        Assert.True(peer.Connection.IsFinished);
    }

    [Fact]
    public void A_reset_does_not_end_time_wait()
    {
        var peer = InTimeWait();

        peer.Give(new TcpSegment { Sequence = Peer.First + 1, Flags = TcpFlags.Reset });

        Assert.Equal(TcpState.TimeWait, peer.Connection.State);
    }

    [Fact]
    public void An_abort_sends_one_reset_and_gives_all_memory_back()
    {
        var peer = new Peer().Establish();
        peer.Write(60_000);
        peer.GiveData(0, 1000);
        peer.TakeAll();

        peer.Connection.Abort();

        var reset = peer.Take();
        Assert.True(reset.Has(TcpFlags.Reset));
        Assert.False(peer.TryTake(out _));
        Assert.Equal((0, TcpFailure.Aborted, true), (peer.Memory.Used, peer.Connection.Failure, peer.Connection.IsFinished));
    }

    [Fact]
    public void What_was_received_can_be_read_after_an_orderly_end()
    {
        var peer = new Peer().Establish();
        peer.Connection.Shutdown();
        peer.TakeAll();
        peer.GiveData(0, 1000, TcpFlags.Fin, acknowledged: 1);
        Assert.True(peer.Connection.IsClosed);

        Assert.Equal(1000, peer.Connection.Readable.Length);
        peer.Connection.Consume(1000);

        Assert.True(peer.Connection.IsEndOfStream);
        Assert.Equal(0, peer.Memory.Used);
    }

    [Fact]
    public void Data_that_nobody_acknowledges_ends_the_connection_after_the_user_timeout()
    {
        var peer = new Peer(TcpOptions.Default with { UserTimeout = TimeSpan.FromSeconds(30) }).Establish();
        peer.Write(100);
        peer.TakeAll();
        var began = peer.Now;

        while (!peer.Connection.IsClosed)
        {
            peer.WaitForTimeout();
            peer.TakeAll();
        }

        Assert.InRange((peer.Now - began).TotalSeconds, 30, 70);
        Assert.Equal(TcpFailure.TimedOut, peer.Connection.Failure);
    }

    [Fact]
    public void An_idle_peer_is_asked_and_a_dead_one_given_up()
    {
        var options = TcpOptions.Default with { KeepAliveIdle = TimeSpan.FromMinutes(1), KeepAliveInterval = TimeSpan.FromSeconds(10), KeepAliveProbes = 3 };
        var peer = new Peer(options).Establish();
        Assert.Equal(TimeSpan.FromMinutes(1), peer.WaitForTimeout());
        Assert.Equal(Peer.Theirs - 1, peer.Take().Sequence);
        // It lives.
        peer.GiveAck(0);
        peer.TakeAll();

        var probes = 0;
        while (!peer.Connection.IsClosed)
        {
            peer.WaitForTimeout();
            probes += peer.TakeAll().Segments;
        }

        Assert.Equal((4, TcpFailure.TimedOut), (probes, peer.Connection.Failure));
    }

    static Peer InTimeWait()
    {
        var peer = new Peer().Establish();
        peer.Connection.Shutdown();
        peer.TakeAll();
        peer.GiveAck(1);
        Assert.Equal(TcpState.FinWait2, peer.Connection.State);
        peer.GiveData(0, 0, TcpFlags.Fin, acknowledged: 1);
        Assert.Equal(TcpState.TimeWait, peer.Connection.State);
        peer.TakeAll();
        return peer;
    }
}
