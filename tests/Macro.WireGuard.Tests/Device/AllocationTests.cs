using System.Runtime.CompilerServices;
using Macro.Core;

namespace Macro.WireGuard.Tests.Devices;

[Collection(nameof(Alone))]
public class AllocationTests
{
    const int Batch = 64;
    // The replay window has its full size after 8192 packets: then the state is steady.
    const int WarmUp = 700, Batches = 4000;

    static readonly int[] s_sizes = [28, 29, 61, 128, 576, 1011, 1280, 1399, 1420];
    static readonly int[] s_counts = [1, 2, 3, 5, 8, 17, 33, Batch];

    [Fact]
    public void A_tunnel_allocates_nothing_per_packet()
    {
        var network = new Network();
        var (alice, bob) = (network.Add("44.128.0.1:5000"), network.Add("44.128.0.2:5000"));
        var (toBob, toAlice) = (alice.Know(bob, "10.0.0.2/32", "fd00::2/128"), bob.Know(alice, "10.0.0.1/32", "fd00::1/128"));
        alice.Device.SetEndpoint(toBob, bob.Endpoint);
        alice.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
        network.Run(1);
        Assert.Single(bob.Delivered);
        Assert.Equal(alice.Endpoint, toAlice.Endpoint);

        var (there, back) = (new Lane(alice, bob), new Lane(bob, alice));
        byte[][] packetsThere = [.. Packets("10.0.0.1", "10.0.0.2"), .. Packets("fd00::1", "fd00::2")];
        byte[][] packetsBack = [.. Packets("10.0.0.2", "10.0.0.1"), .. Packets("fd00::2", "fd00::1")];
        var now = network.Now;
        var batches = 0;
        Exchange(WarmUp);
        List<long> allocated = [];
        for (var round = 0; round < Allocations.Rounds; round++)
        {
            (there.Allocated, back.Allocated) = (0, 0);
            Exchange(Batches / Allocations.Rounds);
            allocated.Add(there.Allocated + back.Allocated);
        }

        Assert.True(there.Sent > 10 * Batches, $"only {there.Sent} packets");
        Assert.Equal((there.Sent, back.Sent), (there.Opened, back.Opened));
        Assert.Contains(0, allocated);

        void Exchange(int count)
        {
            for (var end = batches + count; batches < end; batches++)
            {
                now += TimeSpan.FromMilliseconds(1);
                there.Run(packetsThere, batches, now);
                back.Run(packetsBack, batches, now);
            }
        }
    }

    static IEnumerable<byte[]> Packets(string source, string destination) =>
        s_sizes.Select(size => Network.Packet(source, destination, Math.Max(size - (source.Contains(':') ? 40 : 20), 0)));

    /// <summary>One direction between two hosts: batches of many sizes, and what each half allocated for them.</summary>
    sealed class Lane(Host from, Host to)
    {
        readonly PacketBatch _fromTun = new(1 << 18, Batch), _received = new(1 << 18, Batch);
        readonly Sealer _sealer = new(from.Device, new Deaf(), Batch);
        readonly Opener _opener = new(to.Device, new Deaf(), Batch);
        PacketBatch? _toUdp, _toTun;

        public long Sent { get; set; }
        public long Opened { get; set; }
        public long Allocated { get; set; }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public void Run(byte[][] packets, int round, Instant now)
        {
            _toUdp ??= new PacketBatch(_fromTun, Batch);
            _toTun ??= new PacketBatch(_received, Batch);
            _fromTun.Clear();
            var count = s_counts[round % s_counts.Length];
            for (var i = 0; i < count; i++)
                _fromTun.TryCopy(packets[(round * 7 + i) % packets.Length], default, Device.Headroom, Device.Tailroom);

            var before = GC.GetAllocatedBytesForCurrentThread();
            _sealer.HandlePackets(_fromTun, _toUdp, now);
            var sealing = GC.GetAllocatedBytesForCurrentThread() - before;

            _received.Clear();
            for (var i = 0; i < _toUdp.Count; i++)
                _received.TryCopy(_toUdp.Bytes(i), from.Endpoint);
            before = GC.GetAllocatedBytesForCurrentThread();
            _opener.HandleDatagrams(_received, _toTun, now);
            var opening = GC.GetAllocatedBytesForCurrentThread() - before;

            Sent += count;
            Opened += _toTun.Count;
            Allocated += sealing + opening;
        }
    }

    /// <summary>In the steady state there is nothing for the owner but now and then a look at the timers.</summary>
    sealed class Deaf : IDeviceSink
    {
        public void HandleHandshake(ReadOnlySpan<byte> datagram, Endpoint source) => Assert.Fail("a handshake");

        public void HandlePacket(Peer peer, ReadOnlySpan<byte> packet) => Assert.Fail("a packet without a session");

        public void HandleActivity(Peer peer)
        {
        }
    }
}
