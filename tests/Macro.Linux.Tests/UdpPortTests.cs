using Macro.Core;
using static Macro.Linux.Tests.PrivateNetwork;

namespace Macro.Linux.Tests;

[Collection(nameof(Alone))]
public sealed class UdpPortTests
{
    readonly PacketBatch _received = new(512 * 1024, 512);

    public UdpPortTests() => Require();

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("::1", true)]
    [InlineData("::1", false)]
    public void Carries_a_batch_of_64_in_order(string address, bool offload)
    {
        var options = new UdpOptions { Offload = offload };
        using var from = UdpPort.Bind(0, options);
        using var to = UdpPort.Bind(0, options);
        var batch = Batch(64, 1400, new Endpoint(IpAddress.Parse(address), to.Port));

        from.Send(batch);

        var next = 0;
        while (next < 64)
        {
            Assert.True(to.Receive(_received));
            for (var i = 0; i < _received.Count; i++, next++)
            {
                Assert.Equal(batch.Bytes(next), _received.Bytes(i));
                Assert.Equal(new Endpoint(IpAddress.Parse(address), from.Port), _received[i].Remote);
            }
        }
    }

    [Fact]
    public void A_group_of_sockets_keeps_what_one_endpoint_sends_together_and_in_order()
    {
        const int senders = 40, batches = 20;
        var group = UdpPort.BindGroup(0, 4);
        var seen = new List<(ushort From, int Number)>[group.Count];
        var threads = group.Select((socket, i) => new Thread(() => Collect(socket, seen[i] = []))).ToList();
        threads.ForEach(thread => thread.Start());

        var ports = Enumerable.Range(0, senders).Select(_ => UdpPort.Bind(0)).ToList();
        for (var batch = 0; batch < batches; batch++)
            foreach (var port in ports)
                port.Send(Numbered(16 * batch, 16, new Endpoint(IpAddress.V4Loopback, group[0].Port)));
        SpinWait.SpinUntil(() => seen.Sum(s => s?.Count ?? 0) == senders * batches * 16, TimeSpan.FromSeconds(10));
        foreach (var socket in group)
            socket.Dispose();
        threads.ForEach(thread => thread.Join());

        Assert.True(seen.Count(s => s.Count > 0) > 1);
        foreach (var port in ports)
        {
            var where = Assert.Single(seen, s => s.Any(d => d.From == port.Port));
            Assert.Equal(Enumerable.Range(0, 16 * batches), where.Where(d => d.From == port.Port).Select(d => d.Number));
            port.Dispose();
        }
    }

    [Fact]
    public void A_group_does_not_share_its_port_with_another()
    {
        var group = UdpPort.BindGroup(0, 2);

        var failure = Assert.Throws<LinuxException>(() => UdpPort.BindGroup(group[0].Port, 2));

        Assert.Equal(98, failure.Errno);
        foreach (var socket in group)
            socket.Dispose();
    }

    static PacketBatch Numbered(int first, int count, Endpoint to)
    {
        var batch = new PacketBatch(count * 100, count);
        for (var i = 0; i < count; i++)
            batch.TryCopy(BitConverter.GetBytes(first + i), to);
        return batch;
    }

    static void Collect(UdpPort socket, List<(ushort, int)> seen)
    {
        var received = new PacketBatch(512 * 1024, 512);
        while (socket.Receive(received))
            for (var i = 0; i < received.Count; i++)
                seen.Add((received[i].Remote.Port, BitConverter.ToInt32(received.Bytes(i))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Keeps_datagrams_of_mixed_sizes_and_targets_apart(bool offload)
    {
        var options = new UdpOptions { Offload = offload };
        using var from = UdpPort.Bind(0, options);
        using var one = UdpPort.Bind(0, options);
        using var two = UdpPort.Bind(0, options);
        var batch = new PacketBatch(512 * 1024, 512);
        int[] sizes = [1, 100, 100, 50, 1200, 1200, 1200, 1201, 9000, 148, 92, 64, 32, 32];
        for (var i = 0; i < 40; i++)
            foreach (var size in sizes)
                if (batch.TryReserve(0, size, 0, new Endpoint(IpAddress.V4Loopback, (i & 4) == 0 ? one.Port : two.Port), out var slot))
                    batch.Bytes(slot).Fill((byte)(slot * 7));
        from.Send(batch);

        foreach (var port in new[] { one, two })
        {
            var expected = Enumerable.Range(0, batch.Count).Where(i => batch[i].Remote.Port == port.Port).ToList();
            for (var next = 0; next < expected.Count;)
            {
                Assert.True(port.Receive(_received));
                for (var i = 0; i < _received.Count; i++, next++)
                    Assert.Equal(batch.Bytes(expected[next]), _received.Bytes(i));
            }
        }
    }

    [Fact]
    public void Loses_nothing_of_a_burst_of_four_thousand_datagrams()
    {
        using var from = UdpPort.Bind(0);
        using var to = UdpPort.Bind(0);
        for (var i = 0; i < 40; i++)
            from.Send(Batch(100, 1200, new Endpoint(IpAddress.V4Loopback, to.Port)));

        for (var received = 0; received < 4000; received += _received.Count)
            Assert.True(to.Receive(_received));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void Leaves_as_ECT0_where_the_port_is_capable_and_says_nothing_else(string address)
    {
        using var from = UdpPort.Bind(0, new UdpOptions { EcnCapable = true });
        using var to = UdpPort.Bind(0);
        var batch = Batch(2, 100, new Endpoint(IpAddress.Parse(address), to.Port));
        batch[1].Ecn = Ecn.Congestion;
        from.Send(batch);

        var seen = new List<Ecn>();
        while (seen.Count < 2)
        {
            Assert.True(to.Receive(_received));
            for (var i = 0; i < _received.Count; i++)
                seen.Add(_received[i].Ecn);
        }
        Assert.Equal([Ecn.Capable0, Ecn.Congestion], seen);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void Carries_the_congestion_bits_of_the_outer_header(string address)
    {
        using var from = UdpPort.Bind(0);
        using var to = UdpPort.Bind(0);
        var batch = Batch(3, 100, new Endpoint(IpAddress.Parse(address), to.Port));
        for (var i = 0; i < 3; i++)
            batch[i].Ecn = (Ecn)(i + 1);
        from.Send(batch);

        for (var seen = 0; seen < 3;)
        {
            Assert.True(to.Receive(_received));
            for (var i = 0; i < _received.Count; i++)
                Assert.Equal((Ecn)(++seen), _received[i].Ecn);
        }
    }

    [Fact]
    public void Goes_on_after_targets_that_cannot_be_reached()
    {
        using var from = UdpPort.Bind(0);
        using var to = UdpPort.Bind(0);
        var batch = new PacketBatch(200 * 1024, 8);
        batch.TryCopy(new byte[100], Endpoint.Parse("127.0.0.1:9"));
        batch.TryCopy(new byte[100], Endpoint.Parse("203.0.113.1:9"));
        batch.TryCopy(new byte[100], Endpoint.Parse("[2001:db8::1]:9"));
        batch.TryCopy(new byte[65535], Endpoint.Parse("127.0.0.1:9"));
        batch.TryCopy([42], new Endpoint(IpAddress.V4Loopback, to.Port));
        from.Send(batch);
        from.Send(batch);

        Assert.True(to.Receive(_received));
        Assert.Equal([42], _received.Bytes(0).ToArray());
    }

    [Fact]
    public void Sends_singly_where_the_path_is_narrower_than_a_segment()
    {
        Shell("ip route replace local 127.5.5.5 dev lo table local mtu 600");
        using var from = UdpPort.Bind(0);
        using var to = UdpPort.Bind(0);

        from.Send(Batch(8, 1400, new Endpoint(IpAddress.Parse("127.5.5.5"), to.Port)));

        for (var seen = 0; seen < 8; seen += _received.Count)
        {
            Assert.True(to.Receive(_received));
            Assert.Equal(1400, _received[0].Length);
        }
    }

    [Fact]
    public void Marks_what_it_sends_so_that_policy_rules_see_it()
    {
        Shell("ip rule add fwmark 0x51 priority 100 unreachable");
        try
        {
            using var from = UdpPort.Bind(0, new UdpOptions { Mark = 0x51 });
            using var to = UdpPort.Bind(0);
            // Local addresses are looked up before our rule: only an address of another link shows the mark at work.
            Shell("nft 'add table inet marks; add chain inet marks out { type filter hook output priority 0; }; add rule inet marks out meta mark 0x51 counter'");
            from.Send(Batch(5, 100, new Endpoint(IpAddress.V4Loopback, to.Port)));
            from.Mark = 0;
            from.Send(Batch(5, 100, new Endpoint(IpAddress.V4Loopback, to.Port)));
            Assert.Matches("counter packets [15] ", Shell("nft list table inet marks"));
        }
        finally
        {
            TryShell("nft delete table inet marks; ip rule del priority 100");
        }
    }

    [Fact]
    public async Task A_blocked_receive_returns_false_when_the_port_is_disposed()
    {
        var port = UdpPort.Bind(0);
        var receiver = Task.Run(() => port.Receive(_received));

        port.Dispose();

        Assert.False(await receiver.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Sending_and_receiving_allocate_nothing()
    {
        using var from = UdpPort.Bind(0);
        using var to = UdpPort.Bind(0);
        var batch = Batch(64, 1200, new Endpoint(IpAddress.V4Loopback, to.Port));

        Assert.Equal(0, Allocations.Least(Exchange));

        void Exchange()
        {
            from.Send(batch);
            for (var seen = 0; seen < 64; seen += _received.Count)
                to.Receive(_received);
        }
    }

    [Fact]
    public void A_port_in_use_is_refused_with_the_reason()
    {
        using var first = UdpPort.Bind(0);

        var failure = Assert.Throws<LinuxException>(() => UdpPort.Bind(first.Port));

        Assert.Equal(Interop.EADDRINUSE, failure.Errno);
    }

    static PacketBatch Batch(int count, int size, Endpoint to)
    {
        var batch = new PacketBatch(count * size, count);
        for (var i = 0; i < count; i++)
        {
            Assert.True(batch.TryReserve(0, size, 0, to, out var index));
            batch.Bytes(index).Fill((byte)(i + 1));
        }
        return batch;
    }
}
