using Macro.Core;
using Macro.Core.Packets;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

/// <summary>What somebody who does not see the connection, or a peer that means ill, can do to it.</summary>
public class InjectionTests
{
    [Fact]
    public void A_reset_counts_only_at_the_next_expected_number()
    {
        var peer = new Peer().Establish();
        peer.Give(new TcpSegment { Sequence = Peer.First + 1000, Flags = TcpFlags.Reset });

        var challenge = peer.Take();
        Assert.Equal((TcpFlags.Ack, Peer.First, TcpState.Established), (challenge.Flags, challenge.Acknowledgment, peer.Connection.State));
        peer.Give(new TcpSegment { Sequence = Peer.First, Flags = TcpFlags.Reset });

        Assert.Equal(TcpFailure.Reset, peer.Connection.Failure);
        Assert.Equal(0, peer.Memory.Used);
    }

    [Fact]
    public void A_syn_on_a_living_connection_is_challenged()
    {
        var peer = new Peer().Establish();

        peer.Give(new TcpSegment { Sequence = Peer.First + 500, Flags = TcpFlags.Syn });

        Assert.Equal(TcpFlags.Ack, peer.Take().Flags);
        Assert.Equal(TcpState.Established, peer.Connection.State);
    }

    [Fact]
    public void Challenges_are_few()
    {
        var peer = new Peer().Establish();
        var answers = 0;
        for (var i = 0; i < 1000; i++)
        {
            peer.Give(new TcpSegment { Sequence = Peer.First + 1 + (uint)i, Flags = TcpFlags.Reset });
            answers += peer.TakeAll().Segments;
            peer.Wait(TimeSpan.FromMilliseconds(1));
        }

        Assert.InRange(answers, 1, 3);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-200_000)]
    public void Data_with_an_ack_outside_of_what_was_sent_is_not_taken(int acknowledged)
    {
        var peer = new Peer().Establish();

        peer.GiveData(0, 100, acknowledged: (uint)acknowledged);

        Assert.True(peer.Connection.Readable.IsEmpty);
        Assert.Equal(0, peer.Take().Payload.Length);
    }

    [Fact]
    public void An_old_timestamp_is_dropped_and_answered()
    {
        var peer = new Peer().Establish();
        peer.Stamp = 100_000;
        peer.GiveData(0, 100);
        peer.TakeAll();
        peer.Stamp = 50_000;

        peer.GiveData(100, 100);

        Assert.Equal(100, peer.Connection.Readable.Length);
        Assert.Equal(Peer.First + 100, peer.Take().Acknowledgment);
    }

    [Fact]
    public void A_hostile_mss_is_not_followed_below_88_bytes()
    {
        var peer = new Peer();
        peer.Take();
        peer.Give(new TcpSegment { Sequence = 1, Acknowledgment = Peer.Theirs, Flags = TcpFlags.Syn | TcpFlags.Ack, Window = 1000, Mss = 1 });
        Assert.True(peer.Connection.IsEstablished);

        Assert.Equal(88, peer.Connection.Flight.Mss);
    }

    [Fact]
    public void Sack_blocks_that_make_no_sense_change_nothing()
    {
        var peer = new Peer().Establish();
        peer.Write(12_560);
        peer.TakeAll();

        peer.GiveAck(0, sacks: [(20_000, 30_000), (5000, 5000), (uint.MaxValue - 100, 4)]);

        Assert.Equal(0, peer.Connection.Flight.Board.Sacked);
    }

    [Fact]
    public void Only_the_first_end_of_the_stream_counts()
    {
        var peer = new Peer().Establish();
        peer.GiveData(100, 100, TcpFlags.Fin);
        peer.GiveData(300, 100, TcpFlags.Fin);
        peer.GiveData(0, 100);

        Assert.Equal(TcpState.CloseWait, peer.Connection.State);
        Assert.Equal(200, peer.Connection.Readable.Length);
    }

    [Fact]
    public void Islands_in_a_sea_of_gaps_are_bounded()
    {
        var peer = new Peer().Establish();
        for (uint i = 0; i < 30_000; i++)
        {
            peer.GiveData(2 * i + 1, 1);
            peer.TakeAll();
        }

        Assert.True(peer.Memory.Used <= (64 << 10) + TcpMemory.ChunkSize);
    }

    [Fact]
    public void Garbage_breaks_neither_the_parser_nor_a_connection()
    {
        var random = new SeededRandom(5);
        var peer = new Peer().Establish();
        var bytes = new byte[200];
        for (var i = 0; i < 200_000; i++)
        {
            var length = random.NextInt(bytes.Length);
            random.Fill(bytes.AsSpan(0, length));
            if (length > 13 && random.NextInt(4) != 0)
            {
                // A header that is whole, near to what the connection expects, so that more than the front is reached.
                bytes[12] = (byte)(((5 + random.NextInt(11)) << 4) | 0);
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), (uint)(Peer.First + random.NextInt(2000) - 1000));
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), (uint)(peer.Connection.Flight.Next + random.NextInt(20) - 10));
            }
            if (!TcpSegment.TryParse(bytes.AsSpan(0, length), out var segment))
                continue;
            segment.Flags &= ~(random.NextInt(50) != 0 ? TcpFlags.Reset : TcpFlags.None);
            segment.HasTimestamps |= random.NextInt(2) == 0;
            peer.Connection.Receive(segment, (Ecn)random.NextInt(4), peer.Now);
            if (peer.Connection.Writable is { Length: > 0 } room)
                peer.Connection.Commit(Math.Min(room.Length, random.NextInt(100)));
            peer.TakeAll();
            peer.Connection.Consume(peer.Connection.Readable.Length);
            peer.Wait(random.NextTime(TimeSpan.FromMilliseconds(20)));
            if (peer.Connection.State == TcpState.Closed)
            {
                peer.Connection.Abort();
                Assert.Equal(0, peer.Memory.Used);
                peer = new Peer().Establish();
            }
        }
    }

    [Fact]
    public void What_is_written_is_parsed_again()
    {
        var bytes = new byte[200];
        var segment = new TcpSegment
        {
            SourcePort = 1, DestinationPort = 2, Sequence = 3, Acknowledgment = 4, Flags = TcpFlags.Syn | TcpFlags.Ack, Window = 5,
            Mss = 1268, WindowScale = 14, SackPermitted = true, HasTimestamps = true, TimestampValue = 6, TimestampEcho = 7, Payload = [8, 9],
        };

        Assert.True(segment.TryWrite(bytes, out var length));
        Assert.True(TcpSegment.TryParse(bytes.AsSpan(0, length), out var parsed));

        Assert.Equal((3u, 4u, segment.Flags, (ushort)5), (parsed.Sequence, parsed.Acknowledgment, parsed.Flags, parsed.Window));
        Assert.Equal((1268, (byte?)14, true, true, 6u, 7u), (parsed.Mss, parsed.WindowScale, parsed.SackPermitted, parsed.HasTimestamps, parsed.TimestampValue, parsed.TimestampEcho));
        Assert.Equal<byte>([8, 9], parsed.Payload);
        Assert.False(segment.TryWrite(bytes.AsSpan(0, length - 1), out _));
    }
}
