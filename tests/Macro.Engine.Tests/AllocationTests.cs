using System.Runtime.CompilerServices;
using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

[Collection(nameof(Alone))]
public class AllocationTests
{
    const int Slots = 64;
    // The replay windows have their full size after 8192 packets: then the state is steady.
    const int WarmUp = 700, Batches = 3000;

    static readonly int[] s_sizes = [29, 61, 127, 300, 577, 1013, 1277, 1311, CircuitMtu.Inner];
    static readonly int[] s_counts = [1, 2, 3, 5, 8, 17, 33, Slots];

    [Theory]
    [InlineData(ConnectionMode.Speed)]
    [InlineData(ConnectionMode.Balanced)]
    [InlineData(ConnectionMode.Private)]
    public void Client_relays_and_exit_allocate_nothing_per_packet(ConnectionMode mode)
    {
        var (world, client, _) = Networks.Six(31);
        client.Up(mode);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, TimeSpan.FromSeconds(5));
        world.Run(TimeSpan.FromSeconds(1));
        Measure(world, client, mode.Hops());
    }

    [Fact]
    public void Copies_for_the_standby_allocate_nothing_either()
    {
        var (world, client, _) = Networks.Six(32);
        client.Node.Controller.KeepsStandby = true;
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, TimeSpan.FromSeconds(5));
        world.RunUntil(() => client.Node.Controller.Carrying!.Standby is not null, TimeSpan.FromSeconds(5));
        var entry = client.Node.Controller.Carrying!.Hops[0].Target.Endpoint;
        world.Cut = (from, _) => from == entry;
        world.RunUntil(() => client.Node.Controller.Carrying!.Beside is not null, TimeSpan.FromSeconds(2));
        Measure(world, client, 3);
        Assert.NotNull(client.Node.Controller.Carrying!.Beside);
    }

    static void Measure(World world, SimNode client, int hops)
    {
        var line = new Line(world, client);
        byte[][] packets = [.. s_sizes.Select(size =>
            Packets.Udp(Packets.Client, IpAddress.Parse("203.0.114.7"), 4000, 53, new byte[size - 28]))];

        var now = world.Now;
        var batches = 0;
        Exchange(WarmUp);
        List<string> allocated = [];
        for (var round = 0; round < Allocations.Rounds; round++)
        {
            line.Forget();
            Exchange(Batches / Allocations.Rounds);
            allocated.Add(string.Join("; ", line.Allocated.Where(part => part.Value > 0)));
            Assert.True(line.Sent > 10 * Batches / Allocations.Rounds, $"only {line.Sent} packets");
            Assert.Equal((line.Sent, line.Sent), (line.Left, line.Returned));
        }
        Assert.Contains("", allocated);
        Assert.Equal(2 + 2 * hops, line.Allocated.Count);

        void Exchange(int count)
        {
            for (var end = batches + count; batches < end; batches++)
            {
                now += TimeSpan.FromMilliseconds(1);
                line.RoundTrip(packets, batches, s_counts[batches % s_counts.Length], now);
            }
        }
    }

    /// <summary>
    /// A circuit that stands, with planes of its own for each node: batches go there and back, and each plane's
    /// allocations are counted. The web sends every packet back as it came, addresses exchanged.
    /// </summary>
    sealed class Line
    {
        readonly Stop[] _stops;
        readonly Endpoint _client;
        readonly ClientPlane _plane;
        readonly ExitPlane _exit;
        readonly PacketBatch _tun = new(1 << 18, Slots), _fromWeb = new(1 << 18, Slots);
        readonly Stop _home;

        public Line(World world, SimNode client)
        {
            var owner = new Deaf();
            var circuit = client.Node.Controller.Carrying!;
            _client = client.Endpoint;
            _stops = [.. circuit.Hops.Select(hop => new Stop(world.Nodes.Single(n => n.Endpoint == hop.Target.Endpoint), owner))];
            _plane = new ClientPlane(owner, Slots) { Circuit = circuit };
            _exit = new ExitPlane(_stops[^1].Node.Node.Relay.Leases!, owner, Slots);
            _home = new Stop(client, owner);
        }

        public long Sent { get; private set; }
        public long Left { get; private set; }
        public long Returned { get; private set; }
        public Dictionary<string, long> Allocated { get; } = [];

        public void Forget()
        {
            (Sent, Left, Returned) = (0, 0, 0);
            foreach (var part in Allocated.Keys)
                Allocated[part] = 0;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public void RoundTrip(byte[][] packets, int round, int count, Instant now)
        {
            _tun.Clear();
            for (var i = 0; i < count; i++)
                _tun.TryCopy(packets[(round * 7 + i) % packets.Length], default, ClientPlane.Headroom, ClientPlane.Tailroom);
            Sent += count;
            var before = GC.GetAllocatedBytesForCurrentThread();
            _plane.Handle(_tun, now);
            Count("client, out", before);

            var datagrams = _tun;
            var from = _client;
            foreach (var stop in _stops)
            {
                before = stop.Handle(datagrams, from, now);
                Count(stop.PartOut, before);
                (datagrams, from) = (stop.Plane.Forwarded, stop.Node.Endpoint);
            }

            Left += _stops[^1].Plane.ToExit.Count;
            AnswerFromWeb(_stops[^1].Plane.ToExit);
            before = GC.GetAllocatedBytesForCurrentThread();
            _exit.Handle(_fromWeb, now);
            Count("exit, back", before);

            datagrams = _fromWeb;
            for (var i = _stops.Length - 2; i >= 0; i--)
            {
                before = _stops[i].Handle(datagrams, _stops[i + 1].Node.Endpoint, now);
                Count(_stops[i].PartBack, before);
                datagrams = _stops[i].Plane.Returned;
            }
            before = _home.Handle(datagrams, _stops[0].Node.Endpoint, now);
            Count("client, back", before);
            Returned += _home.Plane.ToClient[0].Packets.Count;
        }

        void Count(string part, long before)
        {
            var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            Allocated[part] = Allocated.GetValueOrDefault(part) + bytes;
        }

        void AnswerFromWeb(PacketBatch left)
        {
            _fromWeb.Clear();
            Span<byte> other = stackalloc byte[4];
            for (var i = 0; i < left.Count; i++)
            {
                var packet = left.Bytes(i);
                packet.Slice(12, 4).CopyTo(other);
                packet.Slice(16, 4).CopyTo(packet[12..]);
                other.CopyTo(packet[16..]);
                _fromWeb.TryCopy(packet, default, ExitPlane.Headroom, ExitPlane.Tailroom);
            }
        }
    }

    /// <summary>One node's UDP side.</summary>
    sealed class Stop
    {
        readonly PacketBatch _received = new(1 << 18, Slots);

        public Stop(SimNode node, IPlaneOwner owner)
        {
            Node = node;
            Plane = new DatagramPlane(_received, node.Node.Indices, node.Node.Switches, owner) { Policy = ExitPolicy.Default };
            (PartOut, PartBack) = (node.Name + ", out", node.Name + ", back");
        }

        public SimNode Node { get; }
        public DatagramPlane Plane { get; }
        public string PartOut { get; }
        public string PartBack { get; }

        /// <summary>Returns what the thread had allocated when the plane began.</summary>
        public long Handle(PacketBatch datagrams, Endpoint from, Instant now)
        {
            _received.Clear();
            for (var i = 0; i < datagrams.Count; i++)
                _received.TryCopy(datagrams.Bytes(i), from);
            var before = GC.GetAllocatedBytesForCurrentThread();
            Plane.Handle(now);
            return before;
        }
    }

    /// <summary>In the steady state there is nothing for the owner but now and then a look at the timers.</summary>
    sealed class Deaf : IPlaneOwner
    {
        public void PostHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Hop? via) => Assert.Fail("a handshake");

        public void PostPayload(Tunnel tunnel, ReadOnlySpan<byte> payload, Endpoint source) => Assert.Fail("a payload");

        public void PostOther(ReadOnlySpan<byte> datagram, Endpoint source) => Assert.Fail("another protocol");

        public void PostActivity(Tunnel tunnel)
        {
        }
    }
}
