using System.Buffers.Binary;
using Macro.Core;
using static Macro.Linux.Tests.PrivateNetwork;

namespace Macro.Linux.Tests;

[Collection(nameof(Alone))]
public sealed class TunDeviceTests
{
    const int Headroom = 16;
    const int Tailroom = 32;

    readonly PacketBatch _batch = new(512 * 1024, 512);

    public TunDeviceTests() => Require();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answers_a_ping_over_ipv4_and_ipv6(bool offload)
    {
        using var tun = Open(offload);
        var echo = Task.Run(() => EchoUntilClosed(tun));

        var v4 = TryShell("ping -c 5 -i 0.01 -W 2 10.77.0.2");
        var v6 = TryShell("ping -c 5 -i 0.01 -W 2 fd77::2");
        tun.Dispose();
        await echo;

        Assert.True(v4.ExitCode == 0, v4.Output);
        Assert.True(v6.ExitCode == 0, v6.Output);
    }

    [Fact]
    public async Task Waits_for_a_port_beside_it_as_well()
    {
        using var tun = Open(offload: true);
        using var port = UdpPort.Bind(0);
        using var client = UdpPort.Bind(0);
        Shell("ping -c 1 -W 1 10.77.0.2 || true");
        while (tun.TryRead(_batch, Headroom, Tailroom))
        {
        }

        var waits = Wait();
        var datagram = new PacketBatch(64, 1);
        datagram.TryCopy([1, 2, 3], new Endpoint(IpAddress.V4Loopback, port.Port));
        client.Send(datagram);
        Assert.True(await waits);
        do
            Assert.True(port.TryReceive(_batch));
        while (_batch.Count == 0);

        waits = Wait();
        tun.Wake();
        Assert.True(await waits);

        waits = Wait();
        port.Dispose();
        Assert.True(await waits);
        Assert.False(port.TryReceive(_batch));
        Assert.True(await Wait());

        tun.Dispose();
        tun.Wake();
        Assert.False(await Wait());

        Task<bool> Wait() => Task.Run(() => tun.Wait(port)).WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Reads_packets_with_the_room_asked_for_around_each(bool offload)
    {
        using var tun = Open(offload);
        Shell("ping -c 20 -i 0.002 -W 1 10.77.0.2 || true");
        var packets = 0;
        var end = Headroom;
        while (packets < 20)
        {
            Assert.True(tun.Read(_batch, Headroom, Tailroom));
            end = 0;
            foreach (ref var slot in _batch.Slots)
            {
                Assert.True(slot.Offset >= end + Headroom);
                end = slot.Offset + slot.Length + Tailroom;
                var packet = _batch.Buffer.AsSpan(slot.Offset, slot.Length);
                if (packet[0] == 0x45 && packet[9] == 1)
                    packets++;
            }
            Assert.True(end <= _batch.Buffer.Length);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Reading_and_writing_allocate_nothing(bool offload)
    {
        using var tun = Open(offload);
        var packet = Packet();
        var least = long.MaxValue;
        for (var round = 0; round < Allocations.Rounds; round++)
        {
            Shell("ping -c 3 -i 0.002 -W 1 10.77.0.2 || true");
            least = Math.Min(least, Allocations.Of(() =>
            {
                tun.Read(_batch, Headroom, Tailroom);
                tun.Write(_batch);
                tun.Write(packet);
            }));
        }
        Assert.Equal(0, least);
    }

    [Fact]
    public async Task A_blocked_read_returns_false_when_the_device_is_disposed()
    {
        var tun = Open(offload: true);
        var reader = Task.Run(() => EchoUntilClosed(tun));

        tun.Dispose();

        await reader.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(tun.Read(_batch, Headroom, Tailroom));
        Assert.False(tun.TryRead(_batch, Headroom, Tailroom));
        Assert.False(tun.Wait());
    }

    [Fact]
    public async Task A_blocked_read_returns_false_when_the_interface_is_deleted()
    {
        using var tun = Open(offload: true);
        var reader = Task.Run(() => EchoUntilClosed(tun));

        Shell("ip link delete tunA");

        await reader.WaitAsync(TimeSpan.FromSeconds(10));
        tun.Write(Packet());
        Assert.False(tun.Read(_batch, 0, 0));
    }

    [Fact]
    public void Follows_the_mtu_and_the_state_of_the_interface()
    {
        using var tun = Open(offload: true);
        using var changed = new AutoResetEvent(false);
        tun.LinkChanged += () => changed.Set();

        Shell("ip link set tunA mtu 1280");
        while (tun.Mtu != 1280)
            Assert.True(changed.WaitOne(TimeSpan.FromSeconds(10)));
        Shell("ip link set tunA down");
        while (tun.IsUp)
            Assert.True(changed.WaitOne(TimeSpan.FromSeconds(10)));

        tun.SetMtu(9000);
        Assert.Contains("mtu 9000", Shell("ip link show tunA"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_interface_name_that_is_in_use_is_refused_with_the_reason()
    {
        using var tun = Open(offload: true);

        var failure = Assert.Throws<LinuxException>(() => TunDevice.Create("tunA"));

        Assert.Contains("tunA", failure.Message, StringComparison.Ordinal);
        Assert.Equal(Interop.EBUSY, failure.Errno);
    }

    [Fact]
    public async Task Carries_a_tcp_transfer_between_two_devices_whole()
    {
        // A second stack needs a second namespace; names of namespaces are the machine's, so this one is ours alone.
        var farName = $"macro-test-{Environment.ProcessId}";
        Shell($"ip netns add {farName}");
        try
        {
            using var near = Open(offload: true);
            using var far = TunDevice.Create("tunB");
            Shell($"ip link set tunB netns {farName} && ip -n {farName} addr add 10.77.0.2/24 dev tunB && ip -n {farName} link set tunB mtu 1420 up");
            Shell("ip link set tunA mtu 1420");
            var there = Task.Run(() => Carry(near, far));
            var back = Task.Run(() => Carry(far, near));

            var result = TryShell($"ip netns exec {farName} iperf3 -s -1 -D -p 5301 && for i in 1 2 3 4 5 6 7 8 9 10; do iperf3 -c 10.77.0.2 -p 5301 -n 64M --connect-timeout 1000 && exit 0; done; exit 1");
            near.Dispose();
            far.Dispose();
            await Task.WhenAll(there, back).WaitAsync(TimeSpan.FromSeconds(10));

            Assert.True(result.ExitCode == 0, result.Output);
        }
        finally
        {
            Shell($"ip netns pids {farName} | xargs -r kill; ip netns delete {farName}");
        }
    }

    static TunDevice Open(bool offload)
    {
        var tun = TunDevice.Create("tunA", new TunOptions { Offload = offload });
        var network = new NetworkConfig(tun.Name);
        network.AddAddress(IpAddress.Parse("10.77.0.1"), 24);
        network.AddAddress(IpAddress.Parse("fd77::1"), 64);
        network.Up();
        return tun;
    }

    static void Carry(TunDevice from, TunDevice to)
    {
        var batch = new PacketBatch(512 * 1024, 512);
        while (from.Read(batch, Headroom, Tailroom))
            to.Write(batch);
    }

    void EchoUntilClosed(TunDevice tun)
    {
        while (tun.Read(_batch, Headroom, Tailroom))
        {
            for (var i = 0; i < _batch.Count; i++)
                TurnRound(_batch.Bytes(i));
            tun.Write(_batch);
        }
    }

    /// <summary>Makes an echo request its own answer: addresses swapped, type changed, checksum adjusted (RFC 1624).</summary>
    static void TurnRound(Span<byte> packet)
    {
        var v6 = packet[0] >> 4 == 6;
        var (address, size, icmp) = v6 ? (8, 16, 40) : (12, 4, 20);
        if (packet[v6 ? 6 : 9] != (v6 ? 58 : 1) || packet[icmp] != (v6 ? 128 : 8))
            return;
        Span<byte> swap = stackalloc byte[16];
        packet.Slice(address, size).CopyTo(swap);
        packet.Slice(address + size, size).CopyTo(packet[address..]);
        swap[..size].CopyTo(packet[(address + size)..]);
        var (request, reply) = v6 ? (128, 129) : (8, 0);
        packet[icmp] = (byte)reply;
        var sum = (uint)(ushort)~BinaryPrimitives.ReadUInt16BigEndian(packet[(icmp + 2)..]) + (ushort)~(request << 8) + (uint)(reply << 8);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet[(icmp + 2)..], (ushort)~sum);
    }

    static PacketBatch Packet()
    {
        var batch = new PacketBatch(4096, 4);
        batch.TryCopy([0x45, .. new byte[27]], default);
        return batch;
    }
}
