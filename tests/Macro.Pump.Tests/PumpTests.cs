using System.Buffers.Binary;
using System.Collections.Concurrent;
using Macro.Core;
using Macro.Linux;

namespace Macro.Pump.Tests;

/// <summary>A TUN device and a UDP port of packets that are numbers, and the two pumps between them.</summary>
public sealed class PumpTests : IDisposable
{
    const string DeviceThread = "queue read", PortThread = "udp 7";
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    readonly object _gate = new();
    readonly FakeTun _tun;
    readonly FakeUdp _udp;
    readonly TunPump _tunPump;
    readonly UdpPump _udpPump;

    public PumpTests()
    {
        (_tun, _udp) = (new FakeTun(_gate), new FakeUdp(_gate));
        var clock = new BootClock();
        _tunPump = new TunPump(_tun, () => _udp, (fromTun, toUdp, _) => Move(fromTun, toUdp), clock, headroom: 0, tailroom: 0);
        _udpPump = new UdpPump(_udp, _tun, (received, toTun, _) => Move(received, toTun), clock, _tunPump);

        static void Move(PacketBatch from, PacketBatch to)
        {
            foreach (ref readonly var slot in from.Slots)
                to.TryAdd(slot.Offset, slot.Length, slot.Remote);
        }
    }

    /// <summary>What came out at the other end, and by which thread.</summary>
    ConcurrentQueue<(int Number, string? By)> FromTun => _udp.Sent;

    ConcurrentQueue<(int Number, string? By)> FromUdp => _tun.Sent;

    public void Dispose()
    {
        _tun.Dispose();
        _tunPump.Join();
        _udp.Dispose();
        _udpPump.Join();
    }

    [Fact]
    public void While_little_comes_one_thread_does_both()
    {
        Calm();
        for (var i = 2; i < 10; i++)
            Assert.Equal((i, DeviceThread), Pass(_udp, i));
        Assert.Equal((10, DeviceThread), Pass(_tun, 10));
    }

    [Fact]
    public void What_the_kernel_answers_goes_out_by_the_same_thread()
    {
        Calm();
        Pass(_udp, -2);
        Await(() => FromTun.Contains((2, DeviceThread)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_stream_has_a_thread_for_each_direction(bool fromTun)
    {
        Calm();
        Numbers device = fromTun ? _tun : _udp;
        device.Put([.. Enumerable.Range(100, TunPump.Few + 1)]);
        Await(() => (fromTun ? FromTun : FromUdp).Any(seen => seen.Number == 100 + TunPump.Few));
        Assert.Equal((200, PortThread), Pass(_udp, 200));
    }

    [Fact]
    public void Packets_stay_in_order_whoever_passes_them_on()
    {
        const int count = 20_000;
        for (var i = 0; i < count; i++)
        {
            _udp.Put(i);
            _tun.Put(i);
            if (i % 1000 == 0)
                Thread.Sleep(55);
        }
        Await(() => FromTun.Count == count && FromUdp.Count == count);
        Assert.Equal(Enumerable.Range(0, count), FromTun.Select(seen => seen.Number));
        Assert.Equal(Enumerable.Range(0, count), FromUdp.Select(seen => seen.Number));
        Assert.Equal([PortThread, DeviceThread], FromUdp.Select(seen => seen.By).Distinct().OrderByDescending(name => name));
    }

    [Fact]
    public void A_port_that_is_closed_meanwhile_frees_its_thread()
    {
        Calm();
        _udp.Dispose();
        _udpPump.Join();
        Assert.Equal((1, DeviceThread), Pass(_tun, 1));
    }

    [Fact]
    public void When_the_device_is_gone_the_port_is_its_own_threads()
    {
        Calm();
        _tun.Dispose();
        _tunPump.Join();
        for (var i = 2; i < 10; i++)
            Assert.Equal((i, PortThread), Pass(_udp, i));
    }

    [Fact]
    public void Real_devices_change_hands_as_well()
    {
        using var port = UdpPort.Bind(0);
        using var client = UdpPort.Bind(0);
        var tun = new FakeTun(_gate);
        var clock = new BootClock();
        var seen = 0;
        var other = new TunPump(tun, () => port, (_, _, _) => { }, clock, headroom: 0, tailroom: 0);
        var pump = new UdpPump(port, tun, (received, _, _) => Interlocked.Add(ref seen, received.Count), clock, other);
        var batch = new PacketBatch(64 * 1024, 64);
        for (var i = 0; i < 10; i++)
            batch.TryCopy([(byte)i, 1, 2, 3], new Endpoint(IpAddress.V4Loopback, port.Port));
        client.Send(batch);
        Await(() => seen == 10);
        port.Dispose();
        pump.Join();
        tun.Dispose();
        other.Join();
    }

    /// <summary>The device's thread waits at the port, too.</summary>
    void Calm()
    {
        Assert.Equal((0, PortThread), Pass(_udp, 0));
        Await(() => _tun.WaitsAt == _udp);
    }

    (int, string?) Pass(Numbers device, int number)
    {
        device.Put(number);
        var seen = device == _tun ? FromTun : FromUdp;
        Await(() => seen.Any(one => one.Number == number));
        return seen.Single(one => one.Number == number);
    }

    static void Await(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, s_patience));

    abstract class Numbers(object gate) : IDisposable
    {
        readonly Queue<int> _numbers = new();

        protected object Gate => gate;

        public ConcurrentQueue<(int Number, string? By)> Sent { get; } = new();

        public bool IsClosed { get; private set; }

        public bool IsReadable => _numbers.Count > 0 || IsClosed;

        public void Put(params int[] numbers)
        {
            lock (gate)
            {
                foreach (var number in numbers)
                    _numbers.Enqueue(number);
                Monitor.PulseAll(gate);
            }
        }

        public void Dispose()
        {
            lock (gate)
            {
                IsClosed = true;
                Monitor.PulseAll(gate);
            }
        }

        protected void Note(PacketBatch batch)
        {
            for (var i = 0; i < batch.Count; i++)
                Sent.Enqueue((BinaryPrimitives.ReadInt32BigEndian(batch.Bytes(i)), Thread.CurrentThread.Name));
        }

        protected void Take(PacketBatch batch)
        {
            batch.Clear();
            Span<byte> packet = stackalloc byte[4];
            lock (gate)
                while (!IsClosed && batch.Count < PumpThread.MostPackets && _numbers.TryDequeue(out var number))
                {
                    BinaryPrimitives.WriteInt32BigEndian(packet, number);
                    batch.TryCopy(packet, default);
                }
        }
    }

    sealed class FakeTun(object gate) : Numbers(gate), ITun
    {
        bool _isWoken;

        public string Name => "queue";
        public int Mtu => 1420;

        public IUdp? WaitsAt { get; private set; }

        public bool TryRead(PacketBatch batch, int headroom, int tailroom)
        {
            Take(batch);
            return batch.Count > 0;
        }

        public bool Wait(IUdp? port)
        {
            lock (Gate)
            {
                WaitsAt = port;
                while (!IsReadable && !_isWoken && port is not FakeUdp { IsReadable: true })
                    Monitor.Wait(Gate);
                (WaitsAt, _isWoken) = (null, false);
                return !IsClosed;
            }
        }

        public void Wake()
        {
            lock (Gate)
            {
                _isWoken = true;
                Monitor.PulseAll(Gate);
            }
        }

        public bool Read(PacketBatch batch, int headroom, int tailroom) => throw new NotSupportedException();

        /// <summary>Answers a negative number as the kernel answers a ping: before it returns.</summary>
        public void Write(PacketBatch batch)
        {
            Note(batch);
            if (BinaryPrimitives.ReadInt32BigEndian(batch.Bytes(0)) is var number && number < 0)
                Put(-number);
        }
    }

    sealed class FakeUdp(object gate) : Numbers(gate), IUdp
    {
        public ushort Port => 7;

        public bool Receive(PacketBatch batch)
        {
            lock (Gate)
            {
                while (!IsReadable)
                    Monitor.Wait(Gate);
                return TryReceive(batch);
            }
        }

        public bool TryReceive(PacketBatch batch)
        {
            Take(batch);
            return !IsClosed;
        }

        public void Send(PacketBatch batch) => Note(batch);
    }
}
