using Macro.Core;

namespace Macro.Circuits.Tests;

public class FairQueueTests
{
    static readonly FairQueueOptions s_small = new() { Queues = 64, MostPackets = 500, MostBytes = 500_000 };

    readonly FairQueue _queue = new(s_small);
    readonly Dictionary<long, int> _sent = [];
    Instant _now = Instant.FromUnixSeconds(1_800_000_000);

    [Fact]
    public void Packets_of_a_flow_stay_in_order()
    {
        for (var i = 0; i < 100; i++)
            Put(1, handle: i);
        for (var i = 0; i < 100; i++)
        {
            Assert.True(_queue.TryDequeue(_now, out var packet));
            Assert.Equal(i, packet.Handle);
        }
        Assert.False(_queue.TryDequeue(_now, out _));
        Assert.Equal((0, 0), (_queue.Count, _queue.Bytes));
    }

    [Fact]
    public void Greedy_flows_share_by_bytes_whatever_the_size_of_their_packets()
    {
        Serve(4000, new() { [1] = 1500, [2] = 1500, [3] = 300, [4] = 64 });
        Assert.All(_sent.Values, bytes => Assert.InRange(bytes, 0.95 * _sent[1], 1.05 * _sent[1]));
    }

    [Fact]
    public void Shares_are_kept_while_all_wait_and_nothing_is_left_idle_when_they_do_not()
    {
        _queue.SetShare(1, 3);
        Serve(4000, new() { [1] = 1500, [2] = 1500 });
        Assert.InRange(_sent[1] / (double)_sent[2], 2.85, 3.15);
        _sent.Clear();
        while (_queue.TryDequeue(_now, out _))
        {
        }
        Serve(100, new() { [2] = 1500 });
        Assert.Equal(100 * 1500, _sent[2]);
    }

    [Fact]
    public void A_flow_that_sends_little_goes_first()
    {
        for (var i = 0; i < 50; i++)
            for (var flow = 1; flow <= 4; flow++)
                Put(flow, handle: flow);
        for (var i = 0; i < 20; i++)
        {
            Put(9, bytes: 100, handle: 9);
            Assert.True(_queue.TryDequeue(_now, out var first));
            // The first time the others are as new as it is.
            if (i > 0)
                Assert.Equal(9, first.Handle);
            // More than a round of the others until its next packet: less would not be little.
            for (var n = 0; n < 8; n++)
                _queue.TryDequeue(_now, out _);
        }
    }

    [Fact]
    public void Going_first_again_and_again_starves_nobody()
    {
        for (var i = 0; i < 100; i++)
            Put(1, handle: 1);
        var old = 0;
        for (var i = 0; i < 200; i++)
        {
            Put(2, bytes: 1500, handle: 2);
            Assert.True(_queue.TryDequeue(_now, out var packet));
            old += packet.Handle == 1 ? 1 : 0;
        }
        Assert.InRange(old, 60, 100);
    }

    [Fact]
    public void Memory_is_bounded_and_the_oldest_of_the_longest_is_dropped_first()
    {
        for (var i = 0; i < 50; i++)
            Put(2, handle: 100_000 + i);
        for (var i = 0; i < 10_000; i++)
            Put(1, handle: i);
        Assert.InRange(_queue.Count, 0, s_small.MostPackets);
        Assert.InRange(_queue.Bytes, 0, s_small.MostBytes);
        Assert.Equal(_queue.Overflowed, 10_050 - _queue.Count);
        var left = Drain();
        Assert.Equal(Enumerable.Range(100_000, 50).Select(i => (long)i), left.Where(handle => handle >= 100_000));
        Assert.Contains(9999L, left);
        Assert.DoesNotContain(0L, left);
    }

    [Fact]
    public void Every_handle_comes_back_once_sent_or_dropped()
    {
        var back = new List<long>();
        for (var i = 1; i <= 5000; i++)
        {
            _queue.Enqueue(i % 7, new QueuedPacket { Handle = i, Bytes = 200 + i % 1200 }, _now);
            Collect(back);
            if (i % 3 == 0 && _queue.TryDequeue(_now, out var packet))
                back.Add(packet.Handle);
            Collect(back);
            _now += TimeSpan.FromMilliseconds(1);
        }
        while (_queue.TryDequeue(_now, out var packet))
        {
            back.Add(packet.Handle);
            Collect(back);
        }
        Collect(back);
        Assert.Equal(Enumerable.Range(1, 5000).Select(i => (long)i), back.Order());
    }

    [Fact]
    public void A_packet_that_can_never_fit_is_dropped_itself()
    {
        _queue.Enqueue(1, new QueuedPacket { Handle = 5, Bytes = s_small.MostBytes + 1 }, _now);
        Assert.True(_queue.TryTakeDropped(out var handle));
        Assert.Equal(5, handle);
        Assert.Equal(0, _queue.Count);
    }

    [Fact]
    public void Once_made_it_allocates_nothing()
    {
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 2000; i++)
            {
                _queue.Enqueue(i % 64, new QueuedPacket { Handle = i, Bytes = 1500 }, _now);
                if (i % 2 == 0)
                    _queue.TryDequeue(_now, out _);
                while (_queue.TryTakeDropped(out _))
                {
                }
            }
        }));
    }

    void Put(int flow, int bytes = 1500, long handle = 0) => _queue.Enqueue(flow, new QueuedPacket { Handle = handle, Bytes = bytes }, _now);

    /// <summary>Each flow always has ten packets waiting; so many are sent, all in one moment, so that only the order of turns counts.</summary>
    void Serve(int packets, Dictionary<int, int> sizes)
    {
        foreach (var (flow, size) in sizes)
            for (var i = 0; i < 60; i++)
                Put(flow, size, flow);
        for (var i = 0; i < packets; i++)
        {
            Assert.True(_queue.TryDequeue(_now, out var packet));
            _sent[packet.Handle] = _sent.GetValueOrDefault(packet.Handle) + packet.Bytes;
            Put((int)packet.Handle, sizes[(int)packet.Handle], packet.Handle);
        }
    }

    List<long> Drain()
    {
        var left = new List<long>();
        while (_queue.TryDequeue(_now, out var packet))
            left.Add(packet.Handle);
        return left;
    }

    void Collect(List<long> handles)
    {
        while (_queue.TryTakeDropped(out var handle))
            handles.Add(handle);
    }
}
