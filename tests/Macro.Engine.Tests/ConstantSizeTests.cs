using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

public class ConstantSizeTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(ConnectionMode.Private)]
    [InlineData(ConnectionMode.Paranoid)]
    public void Between_two_nodes_all_data_messages_have_one_size(ConnectionMode mode)
    {
        var (world, client, _) = Networks.Six(41);
        client.Node.Controller.KeepsStandby = true;
        var sizes = Watch(world);
        client.Up(mode);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        for (var size = 28; size <= CircuitMtu.Inner; size += 97)
            client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, new byte[size - 28]));
        // One that the policy denies: the exit's own notice.
        client.SendPacket(Packets.Udp(Packets.Client, IpAddress.Parse("192.168.1.1"), 4000, 53, "hello"u8));
        world.RunUntil(() => client.Inbox.Count >= 14, 5 * s_second);
        // Probes, keepalives and renewals.
        world.Run(TimeSpan.FromMinutes(7));
        client.Down();
        world.Run(s_second);
        Assert.True(sizes.Count >= 4, $"only {sizes.Count} links");
        Assert.All(sizes, link => Assert.Single(link.Value));
        Assert.Equal([1360, 1408, 1452], sizes.Values.SelectMany(all => all).Distinct().Order());
    }

    [Fact]
    public void Other_modes_pad_as_WireGuard_pads()
    {
        var (world, client, _) = Networks.Six(42);
        var sizes = Watch(world);
        client.Up(ConnectionMode.Balanced);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "hello"u8));
        world.RunUntil(() => client.Inbox.Count > 0, s_second);
        Assert.All(sizes, link => Assert.True(link.Value.Count > 1));
    }

    [Fact]
    public void The_client_knows_which_hops_pad()
    {
        var (world, client, _) = Networks.Six(43);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        world.Run(s_second);
        Assert.All(client.Node.Controller.Carrying!.Hops, hop => Assert.True(hop.IsPadding));
    }

    [Fact]
    public void Keepalives_of_constant_size_draw_no_keepalives()
    {
        var (world, client, _) = Networks.Six(44);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        world.Run(30 * s_second);
        var (messages, from) = (0, world.Now);
        world.Tap = (sender, _, bytes) => messages += sender == client.Endpoint && Message.TryReadType(bytes, out var type) && type == MessageType.Data ? 1 : 0;
        world.Run(TimeSpan.FromMinutes(1));
        // Three hops are probed each 25 s; ten seconds after an answer each gets a keepalive.
        Assert.InRange(messages, 3, 3 * 3 * 2);
    }

    [Fact]
    public void A_small_datagram_from_another_address_draws_no_challenge_of_full_size()
    {
        var (world, client, relays) = Networks.Six(45);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        world.Run(s_second);
        var hop = client.Node.Controller.Carrying!.Hops[0];
        var entry = relays.Single(relay => relay.Endpoint == hop.Target.Endpoint);
        var drawn = 0;
        var victim = Endpoint.Parse("44.250.9.9:9");
        world.Listen(victim, (datagram, _) => drawn += datagram.Length);
        var session = hop.Tunnel.Sending!;
        foreach (var (payload, expected) in (ReadOnlySpan<(int, int)>)[(0, 0), (400, 0), (CircuitMtu.Payload, 1452)])
        {
            var datagram = new byte[2048];
            var length = session.Seal(Frame.Wrap(new byte[2048], FrameType.Cover, 0, new byte[Math.Max(0, payload - 8)]), datagram, world.Now, CircuitMtu.Payload);
            entry.Receive(datagram[..length], victim);
            world.Run(s_second);
            Assert.Equal(expected, drawn);
        }
    }

    /// <summary>Sizes of data messages by link, both directions together.</summary>
    static Dictionary<(string, string), HashSet<int>> Watch(World world)
    {
        var sizes = new Dictionary<(string, string), HashSet<int>>();
        world.Tap = (from, to, bytes) =>
        {
            if (!Message.TryReadType(bytes, out var type) || type != MessageType.Data)
                return;
            var (a, b) = (from.ToString(), to.ToString());
            var link = string.CompareOrdinal(a, b) < 0 ? (a, b) : (b, a);
            if (!sizes.TryGetValue(link, out var seen))
                sizes[link] = seen = [];
            seen.Add(bytes.Length);
        };
        return sizes;
    }
}
