using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>
/// Clients come and go, relays die and return, the network loses, garbles, doubles and delays: from a seed, so that what fails can
/// be run again. After every step the nodes must agree with themselves; in the end nothing may be left.
/// </summary>
public class ChaosTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_happens_the_nodes_agree_with_themselves(int quarter)
    {
        for (var i = 0; i < 60; i++)
            Run((ulong)(quarter * 60 + i + 1));
    }

    static void Run(ulong seed)
    {
        var world = new World(seed) { Loss = 0.04, Errors = 0.02, Duplicates = 0.05, Jitter = TimeSpan.FromMilliseconds(40) };
        var relays = Enumerable.Range(1, 5).Select(i => world.Add($"relay{i}", $"44.{140 + i}.0.1:51820", relay: true, exit: i > 3)).ToArray();
        var clients = Enumerable.Range(1, 3).Select(i => world.Add($"client{i}", $"44.1.0.{i}:5000")).ToArray();
        foreach (var relay in relays)
            relay.Answer = Packets.Echo;
        foreach (var client in clients)
            client.Node.Controller.Candidates = [.. relays.Select(r => r.Candidate)];
        // Between nodes there is only WireGuard, and never a packet's text.
        world.Tap = (_, _, bytes) =>
        {
            Assert.True(WireGuard.Message.TryReadType(bytes, out _), $"Not WireGuard (seed {seed}).");
            Assert.True(bytes.AsSpan().IndexOf("plain text"u8) < 0, $"A packet outside of its circuit (seed {seed}).");
        };

        for (var step = 0; step < 40; step++)
        {
            Act(world, clients[world.Random.NextInt(3)], relays[world.Random.NextInt(5)]);
            world.Run(world.Random.NextTime(TimeSpan.FromSeconds(step % 20 == 0 ? 150 : 2)));
            foreach (var node in relays.Concat(clients))
                node.CheckConsistency();
        }
        CheckDelivered(clients, relays, seed);

        world.Loss = world.Errors = 0;
        foreach (var relay in relays)
            world.Revive(relay);
        foreach (var client in clients)
            client.Down();
        world.Run(TimeSpan.FromSeconds(200));
        foreach (var node in relays.Concat(clients))
        {
            node.CheckConsistency();
            Assert.True(
                (node.Node.Relay.Sessions, node.Node.Switches.Count, node.Node.Indices.Count, node.Node.Relay.Leases?.Count ?? 0) == (0, 0, 0, 0),
                $"{node.Name} keeps something (seed {seed}).");
        }
        foreach (var relay in relays)
            relay.Serve(relay: true, relay.Candidate.IsExit);
        clients[0].Up(ConnectionMode.Private);
        world.RunUntil(() => clients[0].Node.Controller.Connection.State == ConnectionState.Active, TimeSpan.FromSeconds(20));
    }

    static void Act(World world, SimNode client, SimNode relay)
    {
        switch (world.Random.NextInt(14))
        {
            case 0 or 1:
                client.Up((ConnectionMode)world.Random.NextInt(3));
                break;
            case 2:
                client.Down();
                break;
            case 3:
                world.Kill(relay);
                break;
            case 4:
                world.Revive(relay);
                break;
            case 5:
                relay.Serve(relay: world.Random.NextInt(4) > 0, exit: relay.Candidate.IsExit && world.Random.NextInt(4) > 0);
                break;
            case 6 or 7:
                client.Use(IsolationKey.Named($"{world.Random.NextInt(40)}"));
                break;
            default:
                for (var i = world.Random.NextInt(20); i >= 0; i--)
                    client.SendPacket(Packets.Udp(Packets.Client, s_web, ushort.Parse(client.Name[6..]), 53, "plain text"u8));
                break;
        }
    }

    /// <summary>What came out is what went in: the client's own answers, with its own port, and nothing of the others.</summary>
    static void CheckDelivered(SimNode[] clients, SimNode[] relays, ulong seed)
    {
        foreach (var client in clients)
            Assert.All(client.Inbox, packet => Assert.Equal(Packets.Udp(s_web, Packets.Client, 53, ushort.Parse(client.Name[6..]), "plain text"u8), packet));
        Assert.True(relays.Sum(r => r.Internet.Count) >= clients.Sum(c => c.Inbox.Count), $"More answers than packets (seed {seed}).");
    }
}
