using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>Half of the network dies at once: how long are clients without answers that are in use? 25 ms one way, virtual time.</summary>
public sealed class RecoveryTests(ITestOutputHelper output)
{
    const int Clients = 4;

    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_packetEvery = TimeSpan.FromMilliseconds(250), s_limit = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void When_half_of_the_relays_die_clients_recover_by_themselves(ulong seed)
    {
        var network = new SelfFinding(new World(seed), relays: 24).Settled();
        var world = network.World;
        SimNode[] clients = [.. Enumerable.Range(0, Clients).Select(_ => network.Client())];
        foreach (var client in clients)
        {
            network.Connect(client, TimeSpan.FromSeconds(8));
            Use(client);
        }
        world.Run(TimeSpan.FromSeconds(10));
        foreach (var relay in network.Relays.Where((_, i) => i % 2 == 0))
            world.Kill(relay);
        var died = world.Now;
        // Answers that were under way.
        world.Run(TimeSpan.FromMilliseconds(200));

        foreach (var (client, heard) in clients.Select(client => (client, client.Inbox.Count)).ToArray())
            world.RunUntil(() => client.Inbox.Count > heard, died + s_limit - world.Now);

        output.WriteLine($"All had answers {(world.Now - died).TotalSeconds:F1} s after.");

        void Use(SimNode client)
        {
            client.SendPacket(Packets.Udp(Packets.Client, s_web, 1000, 53, "how far"u8));
            world.At(world.Now + s_packetEvery, () => Use(client));
        }
    }
}
