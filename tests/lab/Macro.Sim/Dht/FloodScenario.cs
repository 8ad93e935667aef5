using Macro.Core;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>
/// Thirty announce themselves on a topic every twelve minutes, and somebody with 500 endpoints does so every four. Where he has
/// few networks, none of the honest may be missing; where he has as many, they keep their share.
/// </summary>
sealed class FloodScenario : Scenario
{
    const int Honest = 30, Flooders = 500, Clients = 20;

    static readonly (string Name, Func<World, int, Endpoint> Endpoint, bool Few)[] s_layouts =
    [
        ("one address, 500 ports", (_, i) => new Endpoint(IpAddress.FromV4(0x05060708), (ushort)(1000 + i)), true),
        ("two /24", (_, i) => new Endpoint(IpAddress.FromV4(0x05060600u + (uint)i), 6881), true),
        ("one /16", (_, i) => new Endpoint(IpAddress.FromV4(0x05060000u + ((uint)i % 250 << 8) + (uint)i), 6881), true),
        ("500 networks", (world, _) => world.NewEndpoint(), false),
    ];

    public override string Name => "flood";

    public override string What => "L0: 500 endpoints announce themselves on a topic that 30 honest nodes share";

    public override void Run(Settings settings, Report report)
    {
        report.Fact("honest announcers", Honest);
        report.Fact("flooding endpoints", Flooders);
        foreach (var (name, endpoint, few) in s_layouts)
        {
            var (honest, flooders) = Flood(settings, endpoint);
            var share = honest / (honest + flooders);
            report.Row(("flooded from", name), ("honest found, of 30", honest), ("flooders found", flooders), ("honest share", share));
            const double Fair = (double)Honest / (Honest + Flooders);
            report.Require($"{name}: {(few ? "95 % of the honest are found" : "the honest keep 95 % of their share")}",
                few ? honest >= 0.95 * Honest : share >= 0.95 * Fair, $"{honest:F1} of {Honest} found, {share:P1} of all; fair is {Fair:P1}");
        }
    }

    /// <summary>How many of each kind a client finds on average.</summary>
    static (double Honest, double Flooders) Flood(Settings settings, Func<World, int, Endpoint> endpoint)
    {
        var world = new World(settings.Seed);
        world.Grow(settings.Nodes ?? 400);
        world.Run(TimeSpan.FromMinutes(1));
        var topic = Id160.HashOf("topic"u8);
        var announcers = world.Nodes.Take(Honest).ToArray();
        var gang = new Gang(world);
        var flooders = Enumerable.Range(0, Flooders).Select(i => new Flooder(endpoint(world, i), Id160.Random(world.Random), topic, gang)).ToArray();
        foreach (var flooder in flooders)
            gang.Add(flooder, []);
        for (var minute = 0; minute < 20; minute += 4)
        {
            if (minute is 0 or 12)
                world.Await<PeersEnded>([.. announcers.Select(node => (node, world.Do(node, (dht, now) => dht.Announce(topic, 6881, implied: true, now))))]);
            var storing = world.ClosestTo(topic, 2 * Bucket.Size);
            foreach (var flooder in flooders)
            {
                foreach (var node in storing)
                    world.Post(flooder.Hello(), flooder.Endpoint, node.Endpoint);
                world.Run(TimeSpan.FromMilliseconds(100));
            }
            world.Run(TimeSpan.FromMinutes(3));
        }

        var honest = announcers.Select(node => node.Endpoint).ToHashSet();
        double found = 0, flood = 0;
        for (var i = 0; i < Clients; i++)
        {
            var client = world.AnySettled();
            var peers = world.FindPeers(client, topic);
            found += peers.Count(honest.Contains);
            flood += peers.Count(gang.Has);
        }
        return (found / Clients, flood / Clients);
    }

    /// <summary>Asks for a token, and announces itself with it.</summary>
    sealed class Flooder(Endpoint endpoint, Id160 id, Id160 topic, Gang gang) : Liar(endpoint, id, gang)
    {
        readonly byte[] _query = new byte[512];

        QueryHead Head => new(Id, 7, ReadOnly: true);

        public override ReadOnlySpan<byte> Hello() => _query.AsSpan(0, Macro.Dht.Queries.GetPeers(_query, Head, topic));

        public override ReadOnlySpan<byte> Answer(ReadOnlySpan<byte> datagram, Endpoint source) =>
            Message.TryParse(datagram, out var message) && message is { Kind: MessageKind.Response, Token.IsEmpty: false }
                ? _query.AsSpan(0, Macro.Dht.Queries.AnnouncePeer(_query, Head, topic, Endpoint.Port, implied: true, message.Token))
                : default;
    }
}
