using System.Buffers.Binary;
using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

public class CircuitTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(ConnectionMode.Speed)]
    [InlineData(ConnectionMode.Balanced)]
    [InlineData(ConnectionMode.Private)]
    public void A_packet_goes_to_the_web_and_its_answer_comes_back(ConnectionMode mode)
    {
        var (world, client, relays) = Networks.Six(1);
        client.Up(mode);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        Assert.Equal(mode.Hops(), client.Node.Controller.Carrying!.Hops.Length);

        var ping = Packets.Udp(Packets.Client, s_web, 4000, 53, "hello"u8);
        client.SendPacket(ping);
        world.RunUntil(() => client.Inbox.Count > 0, 5 * s_second);

        var exit = relays.Single(r => r.Internet.Count > 0);
        Assert.True(exit.Candidate.IsExit);
        Assert.NotEqual(Packets.Client, Packets.Source(exit.Internet[0]));
        Assert.Equal(s_web, Packets.Destination(exit.Internet[0]));
        Assert.Equal(Packets.Client, Packets.Destination(client.Inbox[0]));
        Assert.Equal(Packets.Udp(s_web, Packets.Client, 53, 4000, "hello"u8), client.Inbox[0]);
    }

    [Theory]
    [InlineData(ConnectionMode.Speed)]
    [InlineData(ConnectionMode.Balanced)]
    [InlineData(ConnectionMode.Private)]
    public void Packets_of_every_size_up_to_the_inner_MTU_pass_both_ways(ConnectionMode mode)
    {
        var (world, client, _) = Networks.Six(16);
        world.Tap = (_, _, bytes) => Assert.InRange(bytes.Length, 32, CircuitMtu.Payload + 32);
        client.Up(mode);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        for (var size = 28; size <= CircuitMtu.Inner; size += 41)
        {
            client.Inbox.Clear();
            client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, new byte[Math.Min(size, CircuitMtu.Inner) - 28]));
            client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, new byte[CircuitMtu.Inner - 28]));
            world.RunUntil(() => client.Inbox.Count == 2, s_second);
        }
    }

    [Fact]
    public void Hop_by_hop_every_one_is_reached_in_one_round_trip_to_it()
    {
        // Delay 25 ms a leg: handshakes take 2, 4 and 6 legs, the exit's answer 6 more.
        var (world, client, _) = Networks.Six(2);
        client.Node.Controller.GoesEarly = false;
        var start = world.Now;
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        Assert.Equal(TimeSpan.FromMilliseconds(25 * (2 + 4 + 6 + 6)), world.Now - start);
    }

    [Fact]
    public void On_the_wire_there_is_only_WireGuard_and_no_relay_sees_both_ends()
    {
        var (world, client, relays) = Networks.Six(3);
        var links = new HashSet<(Endpoint, Endpoint)>();
        world.Tap = (from, to, bytes) =>
        {
            links.Add((from, to));
            Assert.True(Macro.WireGuard.Message.TryReadType(bytes, out _));
        };
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "secret"u8));
        world.Run(s_second);

        var hops = client.Node.Controller.Carrying!.Hops;
        Assert.All(links.Where(l => l.Item1 == client.Endpoint || l.Item2 == client.Endpoint),
            l => Assert.True(l.Item1 == hops[0].Target.Endpoint || l.Item2 == hops[0].Target.Endpoint));
        Assert.DoesNotContain((hops[0].Target.Endpoint, hops[2].Target.Endpoint), links);
        Assert.Equal(3, hops.Select(h => h.Tunnel.Activity.BytesSent > 0).Count(sent => sent));
    }

    [Fact]
    public void Hop_keys_are_never_used_twice()
    {
        var (world, client, relays) = Networks.Six(4);
        var keys = new HashSet<Macro.Crypto.PublicKey>();
        for (var i = 0; i < 5; i++)
        {
            client.Up(ConnectionMode.Private);
            world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
            foreach (var hop in client.Node.Controller.Carrying!.Hops)
                Assert.True(keys.Add(hop.PublicKey));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Without_a_standby_a_dead_relay_is_found_within_three_seconds_and_replaced(int index)
    {
        var (world, client, relays) = Networks.Six(5 + (ulong)index);
        client.Node.Controller.KeepsStandby = false;
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        Talk(world, client);
        var victim = client.Node.Controller.Carrying!.Hops[index].Target;
        world.Kill(relays.Single(r => r.Endpoint == victim.Endpoint));
        var killed = world.Now;

        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Reconnecting, 4 * s_second);
        Assert.True(world.Now - killed <= 3 * s_second, $"took {world.Now - killed}");
        Assert.Contains($"Hop {index + 1} of 3", client.Node.Controller.Connection.Problem);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        Assert.DoesNotContain(client.Node.Controller.Carrying!.Hops, h => h.Target.Endpoint == victim.Endpoint);

        client.Inbox.Clear();
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "again"u8));
        world.RunUntil(() => client.Inbox.Count > 0, 5 * s_second);
    }

    [Fact]
    public void While_there_is_no_circuit_packets_go_nowhere()
    {
        var (world, client, _) = Networks.Six(8);
        var sent = 0;
        world.Tap = (_, _, _) => sent++;
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "leak?"u8));
        Assert.Equal(0, sent);
    }

    [Theory]
    [InlineData("198.51.100.23")]
    [InlineData("192.168.1.5")]
    public void A_packet_that_bears_another_address_of_the_machine_stays_inside(string address)
    {
        var (world, client, _) = Networks.Six(17);
        client.Up(ConnectionMode.Speed);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        var sent = 0;
        world.Tap = (_, _, _) => sent++;
        client.SendPacket(Packets.Udp(IpAddress.Parse(address), s_web, 4000, 53, "who am I?"u8));
        Assert.Equal(0, sent);
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "a client"u8));
        Assert.Equal(1, sent);
    }

    [Fact]
    public void A_circuit_lives_through_its_rekeys_for_ten_minutes()
    {
        var (world, client, relays) = Networks.Six(9);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        var circuit = client.Node.Controller.Carrying;
        for (var i = 0; i < 600; i++)
            Talk(world, client);
        Assert.Same(circuit, client.Node.Controller.Carrying);
        Assert.Equal(600, client.Inbox.Count);
        // The relays forgot the sessions that were renewed: nothing piles up.
        Assert.All(relays, r => Assert.True(r.Node.Switches.Count <= Channel.MaxIndices));
    }

    [Fact]
    public void An_idle_circuit_lives_on_too()
    {
        var (world, client, _) = Networks.Six(10);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        var circuit = client.Node.Controller.Carrying;
        world.Run(TimeSpan.FromMinutes(20));
        Assert.Same(circuit, client.Node.Controller.Carrying);
        Talk(world, client);
        Assert.Single(client.Inbox);
    }

    [Fact]
    public void Circuits_stand_under_ten_percent_loss()
    {
        // Two circuits in a row may lose one datagram five times: measured once in six hundred.
        var late = 0;
        for (ulong seed = 100; seed < 300; seed++)
        {
            var (world, client, _) = Networks.Six(seed);
            world.Loss = 0.1;
            client.Up(ConnectionMode.Private);
            for (var i = 0; i < 20 && client.Node.Controller.Connection.State != ConnectionState.Active; i++)
                world.Run(s_second);
            late += client.Node.Controller.Connection.State == ConnectionState.Active ? 0 : 1;
            world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 20 * s_second);
        }
        Assert.InRange(late, 0, 1);
    }

    [Theory]
    [InlineData(0.03, true)]
    [InlineData(0.03, false)]
    [InlineData(0.1, true)]
    public void A_circuit_that_stands_is_not_given_up_for_a_few_lost_datagrams(double loss, bool traffic)
    {
        var (world, client, _) = Networks.Six(18);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        var circuit = client.Node.Controller.Carrying;
        world.Loss = loss;
        for (var i = 0; i < 6000; i++)
        {
            if (traffic)
                client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "talk"u8));
            world.Run(s_second / 10);
        }
        Assert.Same(circuit, client.Node.Controller.Carrying);
    }

    [Fact]
    public void When_one_hop_dies_the_others_are_told()
    {
        var (world, client, relays) = Networks.Six(19);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        Talk(world, client);
        var victim = client.Node.Controller.Carrying!.Hops[2].Target;
        world.Kill(relays.Single(r => r.Endpoint == victim.Endpoint));
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Reconnecting, 4 * s_second);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        Assert.Equal(3, relays.Where(world.IsAlive).Sum(r => r.Node.Relay.Sessions));
    }

    [Fact]
    public void Down_makes_every_relay_forget_at_once()
    {
        var (world, client, relays) = Networks.Six(11);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        client.Down();
        world.Run(s_second);
        Assert.All(relays, r => Assert.Equal((0, 0, 0), (r.Node.Relay.Sessions, r.Node.Switches.Count, r.Node.Indices.Count)));
        Assert.Equal(0, client.Node.Indices.Count);
    }

    [Fact]
    public void A_relay_forgets_a_client_that_vanished()
    {
        var (world, client, relays) = Networks.Six(12);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        world.Kill(client);
        world.Run(TimeSpan.FromSeconds(181));
        Assert.All(relays, r => Assert.Equal((0, 0, 0), (r.Node.Relay.Sessions, r.Node.Switches.Count, r.Node.Indices.Count)));
    }

    [Fact]
    public void A_device_that_cannot_be_made_ends_the_attempt_with_its_reason()
    {
        var (world, client, _) = Networks.Six(13);
        client.DeviceWorks = false;
        client.Up(ConnectionMode.Speed);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Failed, 5 * s_second);
        Assert.Equal(("no device", "be root"), (client.Node.Controller.Connection.Problem, client.Node.Controller.Connection.Remedy));
        Assert.Null(client.Node.Controller.Carrying);
        client.DeviceWorks = true;
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 30 * s_second);
    }

    [Fact]
    public void Without_an_answer_from_anybody_the_client_waits_and_says_why_until_there_is_one()
    {
        var (world, client, relays) = Networks.Six(14);
        foreach (var relay in relays)
            world.Kill(relay);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Waiting, 120 * s_second);
        Assert.NotNull(client.Node.Controller.Connection.Problem);
        Assert.NotNull(client.Node.Controller.Connection.Remedy);
        foreach (var relay in relays)
            world.Revive(relay);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 20 * s_second);
        Assert.Null(client.Node.Controller.Connection.Problem);
    }

    [Fact]
    public void The_device_stands_before_the_first_circuit_does()
    {
        var (world, client, relays) = Networks.Six(22);
        foreach (var relay in relays)
            world.Kill(relay);
        Assert.False(client.Node.Controller.NeedsDevice);
        client.Node.Controller.Up(new ConnectRequest(), world.Now);
        Assert.True(client.Node.Controller.NeedsDevice);
        Assert.Null(client.Node.Controller.Carrying);
    }

    [Fact]
    public void A_directory_that_comes_later_ends_the_wait()
    {
        var (world, client, relays) = Networks.Six(23);
        client.Node.Controller.Candidates = [];
        client.Up(ConnectionMode.Private);
        world.Run(TimeSpan.FromMinutes(5));
        Assert.Equal(ConnectionState.Waiting, client.Node.Controller.Connection.State);
        client.Node.Controller.Candidates = [.. relays.Select(r => r.Candidate)];
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 10 * s_second);
    }

    [Fact]
    public void A_region_without_an_exit_is_named()
    {
        var (_, client, _) = Networks.Six(15);
        client.Up(ConnectionMode.Speed, "JP");
        Assert.Equal(ConnectionState.Waiting, client.Node.Controller.Connection.State);
        Assert.Contains("JP", client.Node.Controller.Connection.Problem);
        Assert.Equal(PathVerdict.NoExitInRegion, client.Node.Controller.Connection.Verdict);
    }

    [Fact]
    public void A_request_that_cannot_be_met_can_be_asked_about_without_losing_what_stands()
    {
        var (world, client, _) = Networks.Six(20);
        client.Up(ConnectionMode.Private);
        world.RunUntil(() => client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        Assert.Contains("JP", client.Node.Controller.WhyNot(new ConnectRequest { ExitRegion = "JP" }, world.Now)!.Value.Problem);
        Assert.Null(client.Node.Controller.WhyNot(new ConnectRequest { ExitRegion = "NL" }, world.Now));
        Talk(world, client);
        Assert.Single(client.Inbox);
    }

    static void Talk(World world, SimNode client)
    {
        client.SendPacket(Packets.Udp(Packets.Client, s_web, 4000, 53, "talk"u8));
        world.Run(s_second);
    }
}
