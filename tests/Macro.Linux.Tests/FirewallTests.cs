using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Macro.Core;
using static Macro.Linux.Tests.PrivateNetwork;

namespace Macro.Linux.Tests;

public sealed class FirewallTests
{
    public FirewallTests() => Require();

    [Fact]
    public void The_exits_table_and_forwarding_are_gone_after_disposal()
    {
        using var tun = Open("exit0");
        var before = StateSweepTests.State();
        using (ExitGateway.Install("exit0", [Prefix.Parse("100.64.0.0/10"), Prefix.Parse("fd6d::/64")]))
        {
            Assert.Contains("masquerade", Shell("nft list table inet macrovpn_exit0"), StringComparison.Ordinal);
            Assert.Equal("1", Shell("cat /proc/sys/net/ipv4/ip_forward").Trim());
        }
        Assert.Equal(before, StateSweepTests.State());
    }

    [Fact]
    public void Two_exits_restore_forwarding_when_the_last_one_ends()
    {
        using var one = Open("exit1");
        using var two = Open("exit2");
        var first = ExitGateway.Install("exit1", [Prefix.Parse("100.64.0.0/10")]);
        var second = ExitGateway.Install("exit2", [Prefix.Parse("100.64.0.0/10")]);

        first.Dispose();
        Assert.Equal("1", Shell("cat /proc/sys/net/ipv4/ip_forward").Trim());
        second.Dispose();
        Assert.Equal("0", Shell("cat /proc/sys/net/ipv4/ip_forward").Trim());
    }

    [Fact]
    public void Installing_for_an_interface_that_is_not_there_says_so()
    {
        var failure = Assert.Throws<LinuxException>(() => ExitGateway.Install("nosuch0", [Prefix.Parse("100.64.0.0/10")]));

        Assert.Contains("nosuch0", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stranger_at_the_far_end_of_a_tunnel_reaches_nothing_here()
    {
        using var tun = Open("tun8");
        Shell("ip addr add 10.78.0.2/32 dev tun8 && ip link set tun8 up && ip route add 10.78.0.9/32 dev tun8");
        // An echo request of 10.78.0.9 to 10.78.0.2, 28 bytes.
        var request = Convert.FromHexString("4500001c000000004001663b0a4e00090a4e00020800f7ff00000000");

        using (InboundGuard.Install("tun8"))
            Inject(tun, request);
        var guarded = EchoRequests();
        Inject(tun, request);

        Assert.Equal(guarded + 1, EchoRequests());
        Assert.Equal(1, EchoRequests() - _echoRequestsBefore);
    }

    [Fact]
    public void An_exits_clients_reach_no_address_of_the_machine_however_young()
    {
        using var tun = TunDevice.Create("exit8");
        new NetworkConfig("exit8").AddAddress(IpAddress.Parse("10.78.0.1"), 24);
        new NetworkConfig("exit8").Up();
        var request = Convert.FromHexString("4500001c000000004001663b0a4e00090a4e00020800f7ff00000000");

        using (ExitGateway.Install("exit8", [Prefix.Parse("10.78.0.0/24")]))
        {
            Shell("ip addr add 10.78.0.2/32 dev lo");
            Inject(tun, request);
        }
        Assert.Equal(_echoRequestsBefore, EchoRequests());
        Inject(tun, request);
        Shell("ip addr del 10.78.0.2/32 dev lo");
        Assert.Equal(_echoRequestsBefore + 1, EchoRequests());
    }

    readonly long _echoRequestsBefore = EchoRequests();

    static void Inject(TunDevice tun, byte[] packet)
    {
        var batch = new PacketBatch(2048, 1);
        batch.TryCopy(packet, default);
        tun.Write(batch);
    }

    /// <summary>Echo requests that reached this network namespace's own stack.</summary>
    static long EchoRequests()
    {
        var lines = File.ReadAllLines("/proc/net/snmp").Where(line => line.StartsWith("Icmp:", StringComparison.Ordinal)).ToArray();
        var column = Array.IndexOf(lines[0].Split(' '), "InEchos");
        return long.Parse(lines[1].Split(' ')[column], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public void The_kill_switch_lets_only_the_tunnel_and_marked_datagrams_out()
    {
        Shell("ip link add outer type veth peer name outer2 && ip addr add 10.79.0.1/24 dev outer && ip link set outer up && ip link set outer2 up && ip neigh add 10.79.0.2 lladdr 02:00:00:00:00:01 dev outer");
        using var tun = Open("tun9");
        try
        {
            using (KillSwitch.Install("tun9", mark: 7))
            {
                Assert.Equal(0L, Transmitted("ping -c 1 -W 0.1 10.79.0.2"));
                Assert.Equal(1L, Transmitted("ping -m 7 -c 1 -W 0.1 10.79.0.2"));
            }
            Assert.Equal(1L, Transmitted("ping -c 1 -W 0.1 10.79.0.2"));
            using (KillSwitch.Install("tun9", mark: 7, allowsLan: true))
            {
                Assert.Equal(1L, Transmitted("ping -c 1 -W 0.1 10.79.0.2"));
                Shell("ip route add 203.0.114.0/24 via 10.79.0.2");
                Assert.Equal(0L, Transmitted("ping -c 1 -W 0.1 203.0.114.7"));
            }
        }
        finally
        {
            Shell("ip link del outer");
        }

        static long Transmitted(string command)
        {
            Shell("nft 'add table netdev count; add chain netdev count in { type filter hook ingress device outer2 priority 0; }; add rule netdev count in ip protocol icmp counter'");
            TryShell(command);
            var listing = Shell("nft list table netdev count; nft delete table netdev count");
            return long.Parse(System.Text.RegularExpressions.Regex.Match(listing, "counter packets (\\d+)").Groups[1].Value);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_question_to_the_local_networks_resolver_is_answered_by_ours(bool killSwitch)
    {
        Shell("ip link add outer type veth peer name outer2 && ip addr add 10.79.0.1/24 dev outer && ip link set outer up && ip link set outer2 up && ip neigh add 10.79.0.2 lladdr 02:00:00:00:00:01 dev outer");
        using var tun = Open("tun9");
        Shell("ip addr add 10.78.0.2/32 dev tun9 && ip link set tun9 up");
        try
        {
            using var resolver = new UdpClient(new IPEndPoint(IPAddress.Parse("10.78.0.2"), 53));
            using var program = new UdpClient(AddressFamily.InterNetwork);
            resolver.Client.ReceiveTimeout = program.Client.ReceiveTimeout = 2000;
            using var closed = killSwitch ? KillSwitch.Install("tun9", mark: 7) : null;
            using var redirect = DnsRedirect.Install("tun9", [Endpoint.Parse("10.78.0.2:53")], mark: 7);

            program.Send([1, 2, 3], new IPEndPoint(IPAddress.Parse("10.79.0.2"), 53));
            IPEndPoint? asker = null;
            Assert.Equal([1, 2, 3], resolver.Receive(ref asker));
            resolver.Send([4, 5], asker!);
            IPEndPoint? answerer = null;
            Assert.Equal([4, 5], program.Receive(ref answerer));

            Assert.Equal("10.79.0.2:53", answerer!.ToString());
        }
        finally
        {
            Shell("ip link del outer");
        }
    }

    [Fact]
    public void Full_tunnel_routes_send_everything_inside_but_marked_datagrams()
    {
        Shell("ip link add outer type veth peer name outer2 && ip addr add 10.79.0.1/24 dev outer && ip link set outer up && ip link set outer2 up && ip route add default via 10.79.0.2");
        using var tun = Open("tun9");
        try
        {
            var before = StateSweepTests.State();
            using (ClientRoutes.Install("tun9", new ClientRouteOptions { Mark = 7 }))
            {
                Assert.Contains("dev tun9", Shell("ip route get 192.0.2.1"), StringComparison.Ordinal);
                Assert.Contains("dev tun9", Shell("ip -6 route get 2001:db8::1"), StringComparison.Ordinal);
                Assert.Contains("dev outer", Shell("ip route get 192.0.2.1 mark 7"), StringComparison.Ordinal);
                Assert.Contains("dev outer", Shell("ip route get 10.79.0.9"), StringComparison.Ordinal);
                using var again = ClientRoutes.Install("tun9", new ClientRouteOptions { Mark = 7 });
            }
            Assert.Equal(before, StateSweepTests.State());
        }
        finally
        {
            Shell("ip link del outer");
        }
    }

    [Fact]
    public void An_exits_packets_go_outside_on_a_machine_that_is_inside_a_tunnel()
    {
        Shell("ip link add outer type veth peer name outer2 && ip addr add 10.79.0.1/24 dev outer && ip link set outer up && ip link set outer2 up && ip neigh add 10.79.0.2 lladdr 02:00:00:00:00:01 dev outer && ip route add default via 10.79.0.2");
        Shell("nft 'add table netdev count; add chain netdev count in { type filter hook ingress device outer2 priority 0; }; add rule netdev count in ip saddr 10.79.0.1 ip daddr 192.0.2.1 counter'");
        using var inside = Open("tun9");
        using var exit = TunDevice.Create("exit3");
        new NetworkConfig("exit3").AddAddress(IpAddress.Parse("100.65.0.1"), 16);
        new NetworkConfig("exit3").Up();
        try
        {
            using var routes = ClientRoutes.Install("tun9", new ClientRouteOptions { Mark = 7 });
            using var guard = KillSwitch.Install("tun9", 7, allowsLan: false, "exit3");
            using var gateway = ExitGateway.Install("exit3", [Prefix.Parse("100.65.0.0/16")], mark: 7);
            // UDP from 100.65.0.9 to 192.0.2.1, port 9, one byte; and the same from outside the pool.
            var batch = new PacketBatch(4096, 4);
            batch.TryCopy(Convert.FromHexString("4500001d000000004011548564410009c00002010009000900090000ff"), default);
            batch.TryCopy(Convert.FromHexString("4500001d000000004011548464420009c00002010009000900090000ff"), default);
            exit.Write(batch);

            Assert.True(SpinWait.SpinUntil(() => Shell("nft list table netdev count").Contains("counter packets 1 ", StringComparison.Ordinal), TimeSpan.FromSeconds(5)));
        }
        finally
        {
            Shell("nft delete table netdev count; ip link del outer");
        }
    }

    [Fact]
    public void Connections_of_addresses_that_nobody_has_any_more_are_forgotten()
    {
        Shell("ip link add outer type veth peer name outer2 && ip addr add 10.79.0.1/24 dev outer && ip addr add 10.76.0.1/24 dev outer && ip -6 addr add 2001:db8::1/64 dev outer nodad && ip link set outer up && ip link set outer2 up");
        Shell("ip neigh add 10.79.0.2 lladdr 02:00:00:00:00:01 dev outer && ip neigh add 10.76.0.2 lladdr 02:00:00:00:00:01 dev outer && ip -6 neigh add 2001:db8::2 lladdr 02:00:00:00:00:01 dev outer");
        using var exit = TunDevice.Create("exit4");
        var network = new NetworkConfig("exit4");
        network.AddAddress(IpAddress.Parse("100.65.0.1"), 16);
        network.AddAddress(IpAddress.Parse("fd6d::1"), 64);
        network.Up();
        try
        {
            using var gateway = ExitGateway.Install("exit4", [Prefix.Parse("100.65.0.0/16"), Prefix.Parse("fd6d::/64")]);
            // An address that no other test has.
            using var other = new UdpClient(new IPEndPoint(IPAddress.Parse("10.76.0.1"), 0));
            other.Send([1], new IPEndPoint(IPAddress.Parse("10.76.0.2"), 9));
            foreach (var (source, target) in new[] { ("100.65.0.8", "10.79.0.2"), ("100.65.0.9", "10.79.0.2"), ("fd6d::8", "2001:db8::2"), ("fd6d::9", "2001:db8::2") })
                Inject(exit, Datagram(source, target));
            Assert.Equal([1, 1, 1, 1, 1], Tracked());

            gateway.ForgetConnections(address => address == IpAddress.Parse("100.65.0.8") || address == IpAddress.Parse("fd6d::8"));
            Assert.Equal([1, 0, 1, 0, 1], Tracked());

            gateway.ForgetConnections(_ => false);
            Assert.Equal([0, 0, 0, 0, 1], Tracked());
        }
        finally
        {
            Shell("ip link del outer");
        }

        static int[] Tracked()
        {
            var sources = File.ReadAllLines("/proc/net/nf_conntrack").Select(line => IpAddress.Parse(line.Split("src=")[1].Split(' ')[0])).ToList();
            return [.. new[] { "100.65.0.8", "100.65.0.9", "fd6d::8", "fd6d::9", "10.76.0.1" }
                .Select(address => sources.Count(source => source == IpAddress.Parse(address)))];
        }
    }

    [Fact]
    public void Thousands_of_connections_are_forgotten_at_once()
    {
        Shell("ip link add outer type veth peer name outer2 && ip addr add 10.79.0.1/24 dev outer && ip link set outer up && ip link set outer2 up && ip neigh add 10.79.0.2 lladdr 02:00:00:00:00:01 dev outer");
        using var exit = Open("exit5");
        try
        {
            using var gateway = ExitGateway.Install("exit5", [Prefix.Parse("100.64.0.0/10")]);
            for (var i = 0; i < 5000; i++)
                Inject(exit, Datagram($"100.64.{i >> 8}.{i & 0xff}", "10.79.0.2"));
            Assert.InRange(Tracked(), 4000, 5000);

            gateway.ForgetConnections(address => address == IpAddress.Parse("100.64.9.9"));

            Assert.Equal(1, Tracked());
        }
        finally
        {
            Shell("ip link del outer");
        }

        static int Tracked() => File.ReadAllLines("/proc/net/nf_conntrack").Count(line => line.Contains("src=100.64.", StringComparison.Ordinal));
    }

    /// <summary>UDP with one byte, to port 9.</summary>
    static byte[] Datagram(string source, string target)
    {
        var (from, to) = (IpAddress.Parse(source), IpAddress.Parse(target));
        byte[] udp = [0x0f, 0xa0, 0, 9, 0, 9, 0, 0, 0xff];
        byte[] packet = from.IsV4
            ? [0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, .. new byte[8], .. udp]
            : [0x60, 0, 0, 0, 0, 9, 17, 64, .. new byte[32], .. udp];
        var addresses = packet.AsSpan(from.IsV4 ? 12 : 8);
        from.Write(addresses);
        to.Write(addresses[from.Size..]);
        if (from.IsV4)
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Sum(packet.AsSpan(0, 20), 0));
        // In IPv6 the checksum of UDP must be there; it is over the addresses, the length and the protocol, too.
        else
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(46), Sum(packet.AsSpan(8), 9 + 17));
        return packet;

        static ushort Sum(ReadOnlySpan<byte> bytes, uint sum)
        {
            for (var i = 0; i < bytes.Length; i += 2)
                sum += (uint)(bytes[i] << 8 | (i + 1 < bytes.Length ? bytes[i + 1] : 0));
            while (sum >> 16 != 0)
                sum = (sum & 0xffff) + (sum >> 16);
            return (ushort)~sum;
        }
    }

    [Fact]
    public void A_failing_ip_line_is_named_with_the_reason()
    {
        var failure = Assert.Throws<LinuxException>(() => IpCommand.Batch(false, "link set dev lo up", "route add 192.0.2.0/24 dev nosuch0"));

        Assert.Contains("ip route add 192.0.2.0/24 dev nosuch0", failure.Message, StringComparison.Ordinal);
        Assert.Contains("nosuch0\"", failure.Message, StringComparison.Ordinal);
    }

    static TunDevice Open(string name)
    {
        var tun = TunDevice.Create(name);
        var network = new NetworkConfig(name);
        network.AddAddress(IpAddress.Parse("100.64.0.1"), 32);
        network.AddAddress(IpAddress.Parse("fd6d::1"), 128);
        network.Up();
        return tun;
    }
}
