using Macro.Core;

namespace Macro.Circuits.Tests;

public class ResequencerTests
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_800_000_000);

    readonly Resequencer _order = new(new ReorderMemory());
    readonly PacketBatch _out = new(1 << 20, 2048);
    readonly List<int> _passed = [];

    [Fact]
    public void What_comes_in_order_goes_on_at_once()
    {
        for (var i = 0; i < 5; i++)
        {
            Come(i, 0);
            Assert.Equal(i + 1, Taken(0).Length);
        }
    }

    [Fact]
    public void A_packet_that_came_too_early_waits_for_those_before_it()
    {
        Come(0, 0);
        Come(2, 0);
        Come(3, 1);
        Assert.Equal([0], Taken(1));
        Come(1, 5);
        Assert.Equal([0, 1, 2, 3], Taken(5));
    }

    [Fact]
    public void Nobody_waits_longer_than_the_wait()
    {
        Come(0, 0);
        Come(2, 3);
        Assert.Equal([0], Taken(12));
        Assert.Equal([0, 2], Taken(13));
        Come(3, 14);
        Assert.Equal([0, 2, 3], Taken(14));
    }

    [Fact]
    public void What_comes_after_it_was_given_up_passes_at_once()
    {
        Come(0, 0);
        Come(2, 0);
        Taken(10);
        Come(1, 11);
        Assert.Equal([1], _passed);
        Assert.Equal([0, 2], Taken(11));
    }

    [Fact]
    public void What_all_paths_have_passed_over_is_lost()
    {
        Come(0, 0, path: 1);
        Come(1, 0, path: 2);
        Come(3, 1, path: 1);
        Come(4, 1, path: 1);
        Assert.Equal([0, 1], Taken(1));
        Come(5, 2, path: 2);
        Assert.Equal([0, 1, 3, 4, 5], Taken(2));
        // It was late after all.
        Come(2, 3, path: 2);
        Assert.Equal([2], _passed);
    }

    [Fact]
    public void A_path_that_carries_no_packets_is_not_waited_for()
    {
        Assert.False(_order.Add(1, 0, [], 2, At(0)));
        Come(1, 0, path: 1);
        Come(3, 1, path: 1);
        Assert.Equal([1, 3], Taken(1));
        Come(4, 2, path: 2);
        Come(6, 3, path: 1);
        Assert.Equal([1, 3, 4], Taken(3));
        // It carried some a moment ago, and brings no more.
        Come(7, 102, path: 1);
        Come(9, 103, path: 1);
        Assert.Equal([1, 3, 4, 6, 7, 9], Taken(103));
    }

    [Fact]
    public void Of_more_paths_than_there_can_be_the_ones_that_were_seen_last_count()
    {
        for (var i = 0; i < 9; i++)
            Come(i, i, path: 1 + (uint)i);
        Come(10, 9, path: 9);
        // Those numbered 6 to 8 brought packets a moment ago.
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8], Taken(9));
        for (uint path = 6; path < 9; path++)
            Come(5 + (int)path, 10, path);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13], Taken(10));
    }

    [Fact]
    public void Messages_without_a_packet_leave_no_gap()
    {
        Come(0, 0);
        Assert.False(_order.Add(1, 1, default, 0, At(0)));
        Come(2, 0);
        Assert.Equal([0, 2], Taken(0));
    }

    [Fact]
    public void A_new_session_goes_on_where_the_one_before_ended()
    {
        Come(7, 0);
        Come(1, 1, session: 2);
        Assert.Equal([7], Taken(1));
        Come(0, 2, session: 2);
        Assert.Equal([7, 0, 1], Taken(2));
        Come(8, 3, session: 1);
        Assert.Equal([8], _passed);
    }

    [Fact]
    public void A_leap_of_more_than_it_holds_gives_everything_up_that_was_waited_for()
    {
        Come(0, 0);
        Come(2, 0);
        Come(2 + Resequencer.Size, 1);
        Assert.Equal([2 + Resequencer.Size], _passed);
        Assert.Equal([0, 2], Taken(1));
        Come(3 + Resequencer.Size, 1);
        Assert.Equal([0, 2, 3 + Resequencer.Size], Taken(1));
    }

    [Fact]
    public void The_owner_is_told_once_and_wakes_when_the_wait_is_over()
    {
        Come(0, 0);
        Come(2, 0);
        Assert.Equal(Instant.Never, _order.NextTimeout);
        Assert.True(_order.Take(_out, At(0)));
        Assert.False(_order.Take(_out, At(1)));
        Assert.Equal(At(10), _order.NextTimeout);
        _order.Release(_out, At(10));
        Assert.Equal((0, Instant.Never), (_order.Count, _order.NextTimeout));
        Assert.Equal([0, 2], Taken(10));
    }

    [Fact]
    public void What_the_batch_cannot_take_comes_with_the_next()
    {
        var small = new PacketBatch(1 << 12, 2);
        for (var i = 0; i < 3; i++)
            Come(i, 0);
        Assert.True(_order.Take(small, At(0)));
        Assert.Equal((2, At(0)), (small.Count, _order.NextTimeout));
        Assert.Equal([2], Taken(0));
    }

    [Fact]
    public void Without_memory_everything_passes()
    {
        var poor = new Resequencer(new ReorderMemory(blocks: 1));
        var held = 0;
        for (ulong i = 1; i < 200; i++)
            held += poor.Add(1, i == 1 ? 0 : i, [1], 0, At(0)) ? 1 : 0;
        Assert.Equal(ReorderMemory.BlockPackets, held);
    }

    [Fact]
    public void Memory_that_is_given_back_serves_others()
    {
        var memory = new ReorderMemory(blocks: 1);
        var first = new Resequencer(memory);
        Assert.True(first.Add(1, 0, [1], 0, At(0)));
        first.Dispose();
        Assert.True(new Resequencer(memory).Add(1, 0, [1], 0, At(0)));
    }

    [Fact]
    public void Whatever_the_order_nothing_is_lost_and_little_is_late()
    {
        var random = new Random(5);
        var arrivals = Enumerable.Range(0, 5000).Where(_ => random.Next(100) > 0)
            .Select(i => (Counter: i, At: i * 0.2 + (random.Next(2) == 0 ? 0 : 8))).OrderBy(a => a.At).ToArray();
        foreach (var (counter, at) in arrivals)
        {
            Come(counter, at);
            if (random.Next(4) == 0)
                Taken(at);
        }
        var taken = Taken(2000);
        Assert.Equal(arrivals.Length, taken.Length + _passed.Count);
        Assert.Equal(taken.Order(), taken);
        // Only what came before the first that was looked at.
        Assert.InRange(_passed.Count, 0, 50);
    }

    [Fact]
    public void The_last_counter_of_all_makes_nobody_wait()
    {
        Assert.True(_order.Add(1, ulong.MaxValue - 4, BitConverter.GetBytes(1), 0, At(0)));
        Taken(0);
        for (ulong counter = 0; counter < 8; counter++)
            _order.Add(2, counter, BitConverter.GetBytes(2), 0, At(1));
        Taken(1);
        Assert.False(_order.Add(3, ulong.MaxValue, BitConverter.GetBytes(3), 0, At(2)));
        Taken(2000);
        Assert.Equal((0, Instant.Never), (_order.Count, _order.NextTimeout));
    }

    [Fact]
    public void After_the_end_it_takes_no_memory()
    {
        var memory = new ReorderMemory(blocks: 1);
        var ended = new Resequencer(memory);
        ended.Dispose();
        Assert.False(ended.Add(1, 0, [1], 0, At(0)));
        Assert.False(ended.Add(1, 2, [1], 0, At(0)));
        var next = new Resequencer(memory);
        next.Add(1, 0, [], 0, At(0));
        Assert.True(next.Add(1, 2, [1], 0, At(0)));
    }

    static Instant At(double milliseconds) => s_start + TimeSpan.FromMilliseconds(milliseconds);

    void Come(int counter, double at, uint path = 0, long session = 1)
    {
        if (!_order.Add(session, (ulong)counter, BitConverter.GetBytes(counter), path, At(at)))
            _passed.Add(counter);
    }

    readonly List<int> _taken = [];

    int[] Taken(double at)
    {
        _order.Take(_out, At(at));
        for (var i = 0; i < _out.Count; i++)
            _taken.Add(BitConverter.ToInt32(_out.Bytes(i)));
        _out.Clear();
        return [.. _taken];
    }
}
