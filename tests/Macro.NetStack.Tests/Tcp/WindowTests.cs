using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests;

public class WindowTests
{
    [Fact]
    public void Two_full_segments_are_acknowledged_at_once_and_a_single_one_after_40_milliseconds()
    {
        var peer = new Peer().Establish();
        uint offset = 0;
        // The first ones of a connection are acknowledged quickly.
        for (; offset < 20 * 1256; offset += 1256)
        {
            peer.GiveData(offset, 1256);
            peer.TakeAll();
        }
        peer.Wait(TimeSpan.FromMilliseconds(40));
        peer.TakeAll();

        peer.GiveData(offset, 1256);
        Assert.False(peer.TryTake(out _));
        Assert.Equal(TimeSpan.FromMilliseconds(40), peer.WaitForTimeout());
        Assert.Equal(Peer.First + offset + 1256, peer.Take().Acknowledgment);
        peer.GiveData(offset + 1256, 1256);
        Assert.False(peer.TryTake(out _));
        peer.GiveData(offset + (2 * 1256), 1256);

        Assert.Equal(Peer.First + offset + (3 * 1256), peer.Take().Acknowledgment);
    }

    [Fact]
    public void A_gap_is_answered_at_once_with_the_block_behind_it()
    {
        var peer = new Peer().Establish();
        peer.GiveData(1000, 500);

        var answer = peer.Take();

        Assert.Equal(Peer.First, answer.Acknowledgment);
        Assert.Equal([(Peer.First + 1000, Peer.First + 1500)], Blocks(answer));
    }

    [Fact]
    public void The_block_that_changed_last_comes_first_and_a_duplicate_before_all()
    {
        var peer = new Peer().Establish();
        peer.GiveData(1000, 100);
        peer.GiveData(3000, 100);
        peer.GiveData(1100, 100);
        peer.TakeAll();

        peer.GiveData(3000, 100);

        Assert.Equal(
            [(Peer.First + 3000, Peer.First + 3100), (Peer.First + 3000, Peer.First + 3100), (Peer.First + 1000, Peer.First + 1200)],
            Blocks(peer.Take()));
    }

    [Fact]
    public void A_closed_window_is_probed_with_growing_patience_until_it_opens()
    {
        var peer = new Peer().Establish(window: 1000, scale: 0);
        peer.Write(5000);
        Assert.Equal(1000, peer.TakeAll().Bytes);
        peer.GiveAck(1000, window: 0);
        Assert.Equal(0, peer.TakeAll().Segments);

        var first = peer.WaitForTimeout();
        var probe = peer.Take();
        Assert.Equal((Peer.Theirs + 999, 0), (probe.Sequence, probe.Payload.Length));
        peer.TakeAll();
        Assert.True(peer.WaitForTimeout() > first);
        peer.TakeAll();

        peer.GiveAck(1000, window: 5000);
        Assert.Equal(4000, peer.TakeAll().Bytes);
    }

    [Fact]
    public void A_small_window_is_not_filled_with_small_segments_before_a_while()
    {
        var peer = new Peer().Establish(window: 20_000, scale: 0);
        peer.Write(10_000);
        peer.TakeAll();
        peer.GiveAck(10_000, window: 100);
        peer.Write(5000);

        Assert.Equal(0, peer.TakeAll().Bytes);
        peer.WaitForTimeout();

        Assert.Equal(100, peer.TakeAll().Bytes);
    }

    [Fact]
    public void Nagle_keeps_the_second_small_write_until_the_first_is_acknowledged()
    {
        var peer = new Peer(TcpOptions.Default with { Nagle = true }).Establish();
        peer.Write(10);
        Assert.Equal(10, peer.TakeAll().Bytes);
        peer.Write(20);
        Assert.Equal(0, peer.TakeAll().Bytes);

        peer.GiveAck(10);

        Assert.Equal(20, peer.TakeAll().Bytes);
    }

    [Fact]
    public void The_window_opens_again_when_half_of_the_buffer_was_read()
    {
        var peer = new Peer(TcpOptions.Default with { MaxReceiveBuffer = 16 << 10 }).Establish();
        for (uint offset = 0; offset < 16_000; offset += 1000)
            peer.GiveData(offset, 1000);
        peer.TakeAll();
        peer.Connection.Consume(4000);
        Assert.Equal(0, peer.TakeAll().Segments);

        peer.Connection.Consume(peer.Connection.Readable.Length);

        Assert.Equal(1, peer.TakeAll().Segments);
    }

    [Fact]
    public void What_lies_beyond_the_window_is_not_taken()
    {
        var peer = new Peer(TcpOptions.Default with { MaxReceiveBuffer = 16 << 10 }).Establish();

        peer.GiveData(0, 17_000);

        Assert.Equal(16 << 10, peer.Connection.Readable.Length);
        Assert.Equal(Peer.First + (16 << 10), peer.Take().Acknowledgment);
    }

    [Fact]
    public void The_receive_buffer_follows_the_rate_to_eight_mebibytes_and_not_further()
    {
        var pair = new Pair(new LinkShape { Delay = TimeSpan.FromMilliseconds(100), Rate = 1e9, Queue = 16 << 20 });
        pair.Client.Closes = pair.Server.Closes = false;
        pair.Connect();
        pair.Client.ToWrite = 200_000_000;
        Assert.True(pair.Server.Connection.ReceiveLimit < 1 << 16);

        pair.RunUntil(() => pair.Client.ToWrite == 0, TimeSpan.FromSeconds(60));

        Assert.Equal(8 << 20, pair.Server.Connection.ReceiveLimit);
    }

    [Fact]
    public void An_idle_connection_holds_no_memory()
    {
        var pair = new Pair(new LinkShape { Delay = TimeSpan.FromMilliseconds(10) });
        pair.Client.Closes = pair.Server.Closes = false;
        pair.Connect();
        pair.Client.ToWrite = 100_000;
        pair.RunUntil(() => pair.Server.Read == 100_000, TimeSpan.FromSeconds(5));
        pair.Run(TimeSpan.FromSeconds(1));

        Assert.Equal(0, pair.Memory.Used);
    }

    [Fact]
    public void A_writer_without_memory_is_told_when_there_is_some_again()
    {
        var memory = new TcpMemory(16 * TcpMemory.ChunkSize);
        var pair = new Pair(new LinkShape { Delay = TimeSpan.FromMilliseconds(10) }, memory: memory);
        pair.Client.Closes = pair.Server.Closes = false;
        pair.Connect();
        var hoard = new List<byte[]>();
        while (memory.TryTake(MemoryPurpose.InOrder) is { } chunk)
            hoard.Add(chunk);
        Assert.False(memory.AdmitsConnection);
        pair.Client.ToWrite = 100_000;
        pair.Run(TimeSpan.FromSeconds(1));
        Assert.Equal(0, pair.Client.Written);

        hoard.ForEach(memory.Return);

        pair.RunUntil(() => pair.Server.Read == 100_000, TimeSpan.FromSeconds(5));
    }

    static (uint, uint)[] Blocks(in TcpSegment segment)
    {
        var blocks = new (uint, uint)[segment.SackBlocks.Length / 8];
        for (var i = 0; i < blocks.Length; i++)
            blocks[i] = (System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(segment.SackBlocks[(8 * i)..]),
                System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(segment.SackBlocks[(8 * i + 4)..]));
        return blocks;
    }
}
