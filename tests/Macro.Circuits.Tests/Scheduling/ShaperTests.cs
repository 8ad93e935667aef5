using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits.Tests;

public class ShaperTests
{
    const int Rate = 10_000_000;
    static readonly Instant s_start = Instant.FromUnixSeconds(1_800_000_000);
    static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(1);
    static readonly Endpoint s_next = Endpoint.Parse("192.0.2.1:51900");

    // By their numbers: hashes, which each process draws anew, may share a queue.
    readonly Shaper _shaper = new(Rate, (packet, remote) => PacketSorters.ByCircuit(packet, remote) with { Queue = packet[4] }, s_start);
    readonly PacketBatch _in = new(1 << 20, 512), _out = new(1 << 20, 512);
    readonly Dictionary<uint, long> _sent = [];
    readonly List<TimeSpan> _waits = [];
    Instant _now = s_start;
    int _marked;

    [Fact]
    public void While_the_rate_allows_it_packets_stay_where_they_are()
    {
        Offer(circuit: 1, bytes: 1000, count: 3);
        _shaper.Pass(_in, _now);
        Assert.Equal((3, 0), (_in.Count, _shaper.Count));
        Assert.Equal(Instant.Never, _shaper.NextTimeout(_now));
    }

    [Fact]
    public void The_rate_holds_within_two_percent()
    {
        Run(TimeSpan.FromSeconds(20), () => Offer(circuit: 1, bytes: 1200, count: 4));
        Assert.InRange(_sent.Values.Sum() * 8 / 20.0, 0.98 * Rate, 1.02 * Rate);
    }

    [Fact]
    public void Another_rate_holds_from_then_on()
    {
        Run(TimeSpan.FromSeconds(5), () => Offer(circuit: 1, bytes: 1200, count: 4));
        _shaper.Change(Rate / 4, _now);
        _sent.Clear();
        Run(TimeSpan.FromSeconds(20), () => Offer(circuit: 1, bytes: 1200, count: 4));
        Assert.InRange(_sent.Values.Sum() * 8 / 20.0, 0.98 * Rate / 4, 1.02 * Rate / 4);
    }

    [Fact]
    public void Circuits_share_fairly_whatever_they_try()
    {
        Run(TimeSpan.FromSeconds(20), () =>
        {
            Offer(circuit: 1, bytes: 1400, count: 1);
            Offer(circuit: 2, bytes: 1400, count: 20);
            Offer(circuit: 3, bytes: 200, count: 20);
        });
        foreach (var circuit in (uint[])[1, 2, 3])
            Assert.InRange(_sent[circuit] / (double)_sent.Values.Sum(), 0.95 / 3, 1.05 / 3);
    }

    [Fact]
    public void Small_packets_of_a_circuit_wait_no_longer_than_a_large_one_takes()
    {
        var ticks = 0;
        Run(TimeSpan.FromSeconds(20), () =>
        {
            Offer(circuit: 1, bytes: 1400, count: 3);
            if (++ticks % 20 == 0)
                Offer(circuit: 1, bytes: 200, count: 1);
        });
        _waits.Sort();
        Assert.InRange(_waits.Count, 950, 1000);
        Assert.True(_waits[(int)(0.95 * _waits.Count)] <= 4 * s_tick, $"95 % within {_waits[(int)(0.95 * _waits.Count)]}");
    }

    [Fact]
    public void A_datagram_that_waited_too_long_is_marked_and_later_dropped()
    {
        RunABitTooFast(s_next, first: 4, Ecn.NotCapable);
        Assert.InRange(_marked, 20, 1000);
        // Nobody listened.
        Assert.InRange(_shaper.Dropped, 1, 1000);
    }

    [Fact]
    public void A_packet_that_knows_marks_is_marked_and_later_dropped()
    {
        RunABitTooFast(default, first: 0x45, Ecn.Capable0);
        Assert.InRange(_marked, 20, 1000);
        // Nobody listened.
        Assert.InRange(_shaper.Dropped, 1, 1000);
    }

    [Fact]
    public void What_no_mark_reaches_is_dropped()
    {
        RunABitTooFast(TcpEndpoint.Make(s_next.Address, 7), first: 4, Ecn.NotCapable);
        RunABitTooFast(default, first: 0x45, Ecn.NotCapable);
        Assert.Equal(0, _marked);
        Assert.True(_shaper.Dropped > 40, $"{_shaper.Dropped} dropped");
    }

    /// <summary>Nothing overflows within the time, but a queue stands.</summary>
    void RunABitTooFast(Endpoint remote, byte first, Ecn ecn)
    {
        var ticks = 0;
        Run(TimeSpan.FromSeconds(10), () =>
        {
            Offer(circuit: 1, bytes: remote.IsNone ? 1200 : 1172, count: ++ticks % 20 == 0 ? 2 : 1);
            for (var i = 0; i < _in.Count; i++)
            {
                _in[i].Remote = remote;
                (_in.Bytes(i)[0], _in.Bytes(i)[1]) = (first, (byte)ecn);
            }
        });
    }

    [Fact]
    public void What_waits_is_bounded_and_nothing_is_allocated()
    {
        void Flood()
        {
            Offer(circuit: 1, bytes: 100, count: 500);
            _shaper.Pass(_in, _now);
            _in.Clear();
            _now += s_tick;
            _out.Clear();
            _shaper.TryTake(_out, _now);
        }
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 200; i++)
                Flood();
        }));
        Assert.InRange(_shaper.Count, 1, 4096);
        Assert.True(_shaper.Dropped > 100_000);
    }

    void Run(TimeSpan time, Action offer)
    {
        for (var end = _now + time; _now < end; _now += s_tick)
        {
            offer();
            _shaper.Pass(_in, _now);
            Count(_in);
            _out.Clear();
            while (_shaper.NextTimeout(_now) <= _now && _shaper.TryTake(_out, _now))
            {
                Count(_out);
                _out.Clear();
            }
        }
    }

    void Count(PacketBatch batch)
    {
        for (var i = 0; i < batch.Count; i++)
        {
            var bytes = batch.Bytes(i);
            _marked += batch[i].Ecn == Ecn.Congestion || EcnField.Read(bytes) == Ecn.Congestion ? 1 : 0;
            var circuit = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            _sent[circuit] = _sent.GetValueOrDefault(circuit) + bytes.Length + 28;
            if (bytes.Length == 200)
                _waits.Add(_now - new Instant(BinaryPrimitives.ReadInt64LittleEndian(bytes[8..])));
        }
        batch.Clear();
    }

    void Offer(uint circuit, int bytes, int count)
    {
        for (var i = 0; i < count && _in.TryReserve(0, bytes, 0, s_next, out var index); i++)
        {
            var message = _in.Bytes(index);
            message[0] = 4;
            message[1..4].Clear();
            BinaryPrimitives.WriteUInt32LittleEndian(message[4..], circuit);
            BinaryPrimitives.WriteInt64LittleEndian(message[8..], _now.Ticks);
        }
    }
}
