using Macro.Core;
using Macro.Simulation;

namespace Macro.Circuits.Tests;

public class SchedulerTests
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_800_000_000);

    [Theory]
    [InlineData(64_000, 1500)]
    [InlineData(5_000_000, 1500)]
    [InlineData(5_000_000, 64)]
    [InlineData(10_000_000_000, 1500)]
    public void A_rate_holds_within_two_percent(long rate, int bytes)
    {
        var now = s_start;
        var bucket = new TokenBucket(rate, 10_000, now);
        long sent = -10_000;
        var packets = 0;
        for (; packets < 20_000; packets++)
        {
            now = bucket.OpensAt(now);
            Assert.True(bucket.IsOpen(now));
            bucket.Take(bytes);
            sent += bytes;
        }
        Assert.InRange(sent * 8 / (now - s_start).TotalSeconds, 0.98 * rate, 1.02 * rate);
    }

    [Fact]
    public void A_rate_is_not_lost_to_timers_that_come_late()
    {
        var (now, sent, random) = (s_start, 0L, new SeededRandom(1));
        var bucket = new TokenBucket(8_000_000, 20_000, now);
        while (now - s_start < TimeSpan.FromSeconds(60))
        {
            while (bucket.IsOpen(now))
            {
                bucket.Take(1500);
                sent += 1500;
            }
            now = bucket.OpensAt(now) + random.NextTime(TimeSpan.FromMilliseconds(10));
        }
        Assert.InRange(sent * 8 / 60.0, 0.98 * 8_000_000, 1.02 * 8_000_000);
    }

    [Fact]
    public void After_a_pause_no_more_goes_at_once_than_the_burst()
    {
        var bucket = new TokenBucket(1_000_000, 15_000, s_start);
        var (now, packets) = (s_start + TimeSpan.FromHours(1), 0);
        for (; bucket.IsOpen(now); packets++)
            bucket.Take(1500);
        Assert.Equal(10, packets);
    }

    [Fact]
    public void A_call_beside_four_downloads_waits_little_and_loses_nothing()
    {
        var link = new Bottleneck(ecn: true);
        link.Run(TimeSpan.FromSeconds(30));
        Assert.Equal(0, link.CallLost);
        Assert.InRange(link.CallDelay95.TotalMilliseconds, 0, 15);
        Assert.InRange(link.Goodput, 0.93 * Bottleneck.Rate, Bottleneck.Rate);
        Assert.InRange(link.BulkLoss, 0, 0.001);
        Assert.True(link.Marked > 0);
    }

    [Fact]
    public void Without_marks_packets_are_dropped_and_the_call_does_as_well()
    {
        var link = new Bottleneck(ecn: false);
        link.Run(TimeSpan.FromSeconds(30));
        Assert.Equal((0, 0), (link.CallLost, link.Marked));
        Assert.InRange(link.CallDelay95.TotalMilliseconds, 0, 15);
        Assert.InRange(link.Goodput, 0.9 * Bottleneck.Rate, Bottleneck.Rate);
    }

    /// <summary>
    /// 10 Mbit/s, 40 ms there and back: four downloads whose windows grow by a packet each round trip and halve when one is
    /// marked or dropped, and a call of 50 packets a second.
    /// </summary>
    sealed class Bottleneck(bool ecn)
    {
        public const double Rate = 10_000_000;
        const int Flows = 4, Call = 9, Size = 1500;
        static readonly TimeSpan s_away = TimeSpan.FromMilliseconds(40);

        readonly FairQueue _queue = new(new FairQueueOptions { Quantum = Size });
        readonly TokenBucket _bucket = new((long)Rate, Size, s_start);
        readonly PriorityQueue<Action, long> _events = new();
        readonly double[] _windows = [10, 10, 10, 10];
        readonly int[] _inFlight = new int[Flows];
        readonly Instant[] _cutAt = new Instant[Flows];
        readonly List<TimeSpan> _callDelays = [];
        Instant _now = s_start;
        long _bytes, _bulkSent, _bulkLost;
        TimeSpan _time;
        bool _isWaiting;

        public int CallLost { get; private set; }

        public int Marked { get; private set; }

        public double Goodput => _bytes * 8 / _time.TotalSeconds;

        public double BulkLoss => _bulkLost / (double)_bulkSent;

        public TimeSpan CallDelay95 => _callDelays.Order().ElementAt(_callDelays.Count * 95 / 100);

        public void Run(TimeSpan time)
        {
            _time = time;
            for (var flow = 0; flow < Flows; flow++)
                Fill(flow);
            for (var at = TimeSpan.Zero; at < time; at += TimeSpan.FromMilliseconds(20))
                At(at, () => Put(Call, 200));
            while (_events.TryDequeue(out var action, out var ticks) && ticks < (s_start + time).Ticks)
            {
                _now = new Instant(ticks);
                action();
                Pump();
            }
        }

        void At(TimeSpan after, Action action) => _events.Enqueue(action, (_now + after).Ticks);

        void Put(int flow, int bytes) =>
            _queue.Enqueue(flow, new QueuedPacket { Handle = flow, Bytes = bytes, EcnCapable = ecn }, _now);

        void Fill(int flow)
        {
            for (; _inFlight[flow] < (int)_windows[flow]; _inFlight[flow]++)
            {
                Put(flow, Size);
                _bulkSent++;
            }
        }

        void Pump()
        {
            while (_bucket.IsOpen(_now) && _queue.TryDequeue(_now, out var packet))
            {
                var sent = packet;
                _bucket.Take(packet.Bytes);
                _bytes += packet.Bytes;
                if (sent.Handle == Call)
                    _callDelays.Add(_now - sent.Since);
                else
                    At(s_away, () => Acknowledge((int)sent.Handle, sent.Marked));
                Marked += sent.Marked && sent.Handle != Call ? 1 : 0;
            }
            while (_queue.TryTakeDropped(out var handle))
            {
                if (handle == Call)
                    CallLost++;
                else
                {
                    _bulkLost++;
                    At(s_away, () => Acknowledge((int)handle, congested: true));
                }
            }
            if (_isWaiting || _queue.Count == 0)
                return;
            var next = _bucket.OpensAt(_now);
            _isWaiting = true;
            _events.Enqueue(() => _isWaiting = false, Math.Max(next.Ticks, _now.Ticks + 1));
        }

        void Acknowledge(int flow, bool congested)
        {
            _inFlight[flow]--;
            if (!congested)
                _windows[flow] += 1 / _windows[flow];
            else if (_now - _cutAt[flow] > s_away)
                (_windows[flow], _cutAt[flow]) = (Math.Max(2, _windows[flow] / 2), _now);
            Fill(flow);
        }
    }
}
