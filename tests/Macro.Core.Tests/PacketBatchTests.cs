namespace Macro.Core.Tests;

public class PacketBatchTests
{
    static readonly Endpoint Far = Endpoint.Parse("192.0.2.1:51820");

    [Fact]
    public void Copies_lie_apart_with_room_around_them()
    {
        var batch = new PacketBatch(100, 4);

        Assert.True(batch.TryCopy([1, 2, 3], Far, headroom: 16, tailroom: 16));
        Assert.True(batch.TryCopy([4, 5], default, headroom: 16, tailroom: 16));

        Assert.Equal(2, batch.Count);
        Assert.Equal([1, 2, 3], batch.Bytes(0).ToArray());
        Assert.Equal([4, 5], batch.Bytes(1).ToArray());
        Assert.Equal(Far, batch[0].Remote);
        Assert.True(batch[1].Offset - (batch[0].Offset + batch[0].Length) >= 32);
    }

    [Fact]
    public void Refuses_what_does_not_fit()
    {
        var batch = new PacketBatch(10, 2);

        Assert.False(batch.TryCopy(new byte[11], Far));
        Assert.False(batch.TryCopy(new byte[5], Far, headroom: 3, tailroom: 3));
        Assert.True(batch.TryCopy(new byte[5], Far));
        Assert.False(batch.TryCopy(new byte[6], Far));
        Assert.True(batch.TryCopy(new byte[5], Far));
        Assert.False(batch.TryCopy([], Far));
        Assert.Equal(2, batch.Count);
    }

    [Fact]
    public void Clearing_gives_all_room_back()
    {
        var batch = new PacketBatch(10, 1);
        batch.TryCopy(new byte[10], Far);
        batch.Clear();

        Assert.Equal(0, batch.Count);
        Assert.True(batch.TryCopy(new byte[10], Far));
    }

    [Fact]
    public void Reserved_room_never_overlaps_slots_added_by_hand()
    {
        var batch = new PacketBatch(100, 4);
        Assert.True(batch.TryAdd(40, 20, Far, ecn: Ecn.Congestion));
        Assert.True(batch.TryReserve(0, 40, 0, Far, out var index));

        Assert.Equal(60, batch[index].Offset);
        Assert.Equal(Ecn.Congestion, batch[0].Ecn);
        Assert.False(batch.TryReserve(0, 1, 0, Far, out _));
    }

    [Fact]
    public void A_second_list_of_slots_shares_the_memory()
    {
        var batch = new PacketBatch(10, 2);
        batch.TryCopy([7], Far);
        var second = new PacketBatch(batch, 2);

        Assert.True(second.TryAdd(batch[0].Offset, 1, default));
        Assert.Equal([7], second.Bytes(0).ToArray());
    }

    [Fact]
    public void Slots_beyond_the_count_are_out_of_reach()
    {
        var batch = new PacketBatch(10, 2);
        batch.TryCopy([7], Far);
        batch.Clear();

        Assert.Throws<IndexOutOfRangeException>(() => batch[0].Length);
    }

    [Fact]
    public void Spreading_gives_each_packet_room_and_keeps_its_bytes()
    {
        var batch = new PacketBatch(1000, 8);
        for (byte i = 1; i <= 5; i++)
            batch.TryCopy(Enumerable.Repeat(i, i == 3 ? 150 : 10 * i).ToArray(), Far, headroom: 8, tailroom: 4);
        var first = batch[1].Offset;

        Assert.Equal(0, batch.Spread(1, headroom: 8, least: 100, tailroom: 4));

        Assert.Equal(first, batch[1].Offset);
        for (var i = 0; i < 5; i++)
            Assert.All(batch.Bytes(i).ToArray(), value => Assert.Equal(i + 1, value));
        for (var i = 1; i < 4; i++)
            Assert.True(batch[i + 1].Offset - 8 >= batch[i].Offset + Math.Max(batch[i].Length, 100) + 4);
        Assert.True(batch.TryReserve(0, 1, 0, default, out var next));
        Assert.True(batch[next].Offset >= batch[4].Offset + 104);
    }

    [Fact]
    public void Spreading_gives_up_what_has_no_room_left()
    {
        var batch = new PacketBatch(250, 8);
        for (byte i = 1; i <= 4; i++)
            batch.TryCopy([i, i], Far, headroom: 8, tailroom: 4);

        Assert.Equal(2, batch.Spread(0, headroom: 8, least: 100, tailroom: 4));

        Assert.Equal([2, 2, 0, 0], batch.Slots.ToArray().Select(slot => slot.Length));
        Assert.Equal([2, 2], batch.Bytes(1).ToArray());
    }
}
