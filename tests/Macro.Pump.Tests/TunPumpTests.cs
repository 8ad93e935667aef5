using System.Buffers.Binary;
using System.Collections.Concurrent;
using Macro.Core;
using Macro.Linux;

namespace Macro.Pump.Tests;

public sealed class TunPumpTests : IDisposable
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    readonly Queue _tun = new();
    readonly Sink _udp = new();
    readonly TunPump _pump;

    public TunPumpTests()
    {
        _pump = new TunPump(_tun, () => _udp, (fromTun, toUdp, _) =>
        {
            for (var i = 0; i < fromTun.Count; i++)
                toUdp.TryAdd(fromTun[i].Offset, fromTun[i].Length, default);
        }, new BootClock(), headroom: 0, tailroom: 0);
        Assert.True(_tun.Sleeps.Wait(s_patience));
    }

    public void Dispose()
    {
        _tun.Dispose();
        _pump.Join();
        _udp.Dispose();
    }

    [Fact]
    public void What_the_kernel_answered_goes_out_although_the_thread_sleeps()
    {
        _tun.Put(1, wake: false);
        _pump.TryPass();
        Assert.Equal([1], _udp.Sent);
    }

    [Fact]
    public void A_stream_is_left_to_the_thread()
    {
        for (var i = 0; i <= PumpThread.Few; i++)
            _tun.Put(i, wake: false);
        _pump.TryPass();
        _tun.Put(100, wake: false);
        _pump.TryPass();
        Assert.Equal(Enumerable.Range(0, PumpThread.Few + 1), _udp.Sent);
    }

    [Fact]
    public void Packets_stay_in_order_whoever_passes_them_on()
    {
        const int count = 20_000;
        for (var i = 0; i < count; i++)
        {
            _tun.Put(i, wake: true);
            if (i % 3 == 0)
                _pump.TryPass();
        }
        Assert.True(SpinWait.SpinUntil(() => _udp.Sent.Count == count, s_patience));
        Assert.Equal(Enumerable.Range(0, count), _udp.Sent);
    }

    /// <summary>A device of packets that are numbers.</summary>
    sealed class Queue : ITun
    {
        readonly ConcurrentQueue<int> _packets = new();
        readonly AutoResetEvent _readable = new(false);
        volatile bool _closed;

        public string Name => "queue";
        public int Mtu => 1420;

        /// <summary>The thread of the pump has found nothing.</summary>
        public ManualResetEventSlim Sleeps { get; } = new();

        public void Put(int number, bool wake)
        {
            _packets.Enqueue(number);
            if (wake)
                _readable.Set();
        }

        public bool TryRead(PacketBatch batch, int headroom, int tailroom)
        {
            batch.Clear();
            Span<byte> packet = stackalloc byte[4];
            while (batch.Count < PumpThread.MostPackets && _packets.TryDequeue(out var number))
            {
                BinaryPrimitives.WriteInt32BigEndian(packet, number);
                batch.TryCopy(packet, default);
            }
            return batch.Count > 0;
        }

        public bool Wait()
        {
            Sleeps.Set();
            _readable.WaitOne();
            return !_closed;
        }

        public bool Read(PacketBatch batch, int headroom, int tailroom) => throw new NotSupportedException();

        public void Write(PacketBatch batch) => throw new NotSupportedException();

        public void Dispose()
        {
            _closed = true;
            _readable.Set();
        }
    }

    sealed class Sink : IUdp
    {
        readonly List<int> _sent = [];

        public ushort Port => 0;

        public IReadOnlyList<int> Sent
        {
            get
            {
                lock (_sent)
                    return [.. _sent];
            }
        }

        public void Send(PacketBatch batch)
        {
            lock (_sent)
                for (var i = 0; i < batch.Count; i++)
                    _sent.Add(BinaryPrimitives.ReadInt32BigEndian(batch.Bytes(i)));
        }

        public bool Receive(PacketBatch batch) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
