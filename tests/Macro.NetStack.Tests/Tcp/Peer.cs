using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests;

/// <summary>A connection of ours, and in the place of its peer the test, which says what each segment is.</summary>
sealed class Peer
{
    /// <summary>The sequence number of our first byte.</summary>
    public const uint First = 10_001;

    readonly byte[] _room = new byte[TcpSegment.MaxHeader + 2000];
    readonly byte[] _out = new byte[TcpSegment.MaxHeader + 70_000];
    byte[] _taken = [];
    bool _stamps;

    public Peer(TcpOptions? options = null) =>
        Connection = TcpConnection.Connect(Pair.Flow, options ?? TcpOptions.Default, Memory, 1_000_000, 0, Now);

    public TcpMemory Memory { get; } = new(64 << 20);
    public TcpConnection Connection { get; }
    public Instant Now { get; private set; } = Instant.FromUnixSeconds(1_000_000);

    /// <summary>What our timestamps say.</summary>
    public uint Stamp { get; set; } = 1000;

    /// <summary>The ECN field of the segment that was taken last.</summary>
    public Ecn Ecn { get; private set; }

    /// <summary>The first sequence number of the connection's data.</summary>
    public static uint Theirs => 1_000_001;

    public Peer Establish(bool options = true, ushort window = ushort.MaxValue, byte scale = 7, TcpFlags flags = TcpFlags.None, TimeSpan rtt = default)
    {
        Take();
        Wait(rtt);
        var answer = new TcpSegment { Sequence = First - 1, Acknowledgment = Theirs, Flags = TcpFlags.Syn | TcpFlags.Ack | flags, Window = window };
        if (options)
        {
            _stamps = true;
            answer.Mss = 1268;
            answer.WindowScale = scale;
            answer.SackPermitted = true;
        }
        Give(answer);
        Assert.Equal(TcpState.Established, Connection.State);
        TakeAll();
        return this;
    }

    public void Give(TcpSegment segment, Ecn ecn = Ecn.NotCapable)
    {
        (segment.SourcePort, segment.DestinationPort) = (Pair.Flow.Remote.Port, Pair.Flow.Local.Port);
        if (_stamps && !segment.HasTimestamps)
            (segment.HasTimestamps, segment.TimestampValue, segment.TimestampEcho) = (true, Stamp, (uint)(Now.Ticks / TimeSpan.TicksPerMillisecond));
        Assert.True(segment.TryWrite(_out, out var length));
        Assert.True(TcpSegment.TryParse(_out.AsSpan(0, length), out var parsed));
        Connection.Receive(parsed, ecn, Now);
    }

    /// <summary>Data of ours at an offset from <see cref="First"/>.</summary>
    public void GiveData(uint offset, int length, TcpFlags flags = TcpFlags.None, uint acknowledged = 0, Ecn ecn = Ecn.NotCapable) =>
        Give(new TcpSegment { Sequence = First + offset, Acknowledgment = Theirs + acknowledged, Flags = TcpFlags.Ack | flags, Window = ushort.MaxValue, Payload = new byte[length] }, ecn);

    public void GiveAck(uint acknowledged, ushort window = ushort.MaxValue, TcpFlags flags = TcpFlags.None, params (uint Start, uint End)[] sacks)
    {
        var blocks = new byte[8 * sacks.Length];
        for (var i = 0; i < sacks.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(blocks.AsSpan(8 * i), Theirs + sacks[i].Start);
            BinaryPrimitives.WriteUInt32BigEndian(blocks.AsSpan(8 * i + 4), Theirs + sacks[i].End);
        }
        Give(new TcpSegment { Sequence = First, Acknowledgment = Theirs + acknowledged, Flags = TcpFlags.Ack | flags, Window = window, SackBlocks = blocks });
    }

    public void Write(int count)
    {
        for (var left = count; left > 0;)
        {
            var room = Connection.Writable;
            Assert.False(room.IsEmpty);
            var length = Math.Min(room.Length, left);
            Connection.Commit(length);
            left -= length;
        }
    }

    public bool TryTake(out TcpSegment segment)
    {
        segment = default;
        if (!Connection.TryTransmit(_room, Now, out var length, out var ecn))
            return false;
        Ecn = ecn;
        _taken = _room[..length];
        return TcpSegment.TryParse(_taken, out segment);
    }

    public TcpSegment Take()
    {
        Assert.True(TryTake(out var segment), "nothing is sent");
        return segment;
    }

    /// <summary>Takes all that is sent now; returns how many segments that was, and how much data was in them.</summary>
    public (int Segments, int Bytes) TakeAll()
    {
        var (segments, bytes) = (0, 0);
        for (; TryTake(out var segment); segments++)
            bytes += segment.Payload.Length;
        return (segments, bytes);
    }

    public void Wait(TimeSpan time)
    {
        Now += time;
        if (Connection.NextTimeout <= Now)
            Connection.HandleTimeout(Now);
    }

    /// <summary>Jumps to the next timeout; returns how long that took.</summary>
    public TimeSpan WaitForTimeout()
    {
        Assert.NotEqual(Instant.Never, Connection.NextTimeout);
        var time = Connection.NextTimeout - Now;
        Wait(time);
        return time;
    }
}
