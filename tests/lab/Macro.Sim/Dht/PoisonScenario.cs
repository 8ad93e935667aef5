using Macro.Core;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>
/// Every fifth node answers with nodes that are not there or not what it says: to keep look-ups busy, to send their queries to
/// somebody who never asked for them, or to keep them from those who have what is looked for.
/// </summary>
sealed class PoisonScenario : Scenario
{
    const int Items = 50;

    static readonly Endpoint s_victim = Endpoint.Parse("151.7.7.7:53");

    static readonly (string Name, Poison Node)[] s_poisons =
    [
        ("nobody's addresses", (world, target, closest, i) => new NodeInfo(Near(world, target, i), world.NewEndpoint())),
        ("one victim, all ports", (world, target, closest, i) => new NodeInfo(Near(world, target, i), s_victim with { Port = (ushort)(1 + i % 65535) })),
        ("a victim's /24", (world, target, closest, i) => new NodeInfo(
            Near(world, target, i), new Endpoint(IpAddress.FromV4(s_victim.Address.V4Bits & ~255u | (uint)i & 255), (ushort)(1 + i % 65535)))),
        ("true nodes, false ids", (world, target, closest, i) => new NodeInfo(Near(world, target, i), world.Any().Endpoint)),
        ("the closest, said to be far", (world, target, closest, i) => new NodeInfo(
            target.RandomSibling(0, world.Random), closest[i % closest.Length])),
        ("neighbours of the closest", (world, target, closest, i) => new NodeInfo(
            Near(world, target, i), closest[i % Bucket.Size] with { Port = (ushort)(1 + i % 6000) })),
    ];

    /// <param name="closest">Those who really are closest to the target.</param>
    /// <param name="i">Of the node that is made up, counted by each liar.</param>
    delegate NodeInfo Poison(World world, Id160 target, Endpoint[] closest, int i);

    static Id160 Near(World world, Id160 target, int i) => target.RandomSibling(30 + i % 100, world.Random);

    public override string Name => "poison";

    public override string What => "L0: 20 % of the nodes tell of nodes that are not there, or not what they are said to be";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? 600;
        report.Fact("nodes", size);
        foreach (var (name, fake) in s_poisons)
        {
            var world = new World(settings.Seed);
            world.Grow(size * 4 / 5, perSecond: 50);
            world.Run(TimeSpan.FromMinutes(1));
            var gang = new Gang(world);
            var closest = new Dictionary<Id160, Endpoint[]>();
            for (var i = 0; i < size / 5; i++)
            {
                var own = world.NewEndpoint();
                gang.Add(new Poisoner(own, SecureId.Generate(own.Address, world.Random), fake, gang, closest), world.Some(50));
            }
            world.Run(TimeSpan.FromMinutes(5));
            var items = Enumerable.Range(0, Items).Select(number => TestItems.Make(number)).ToArray();
            LookupTally.Put(world, items);
            var (unanswered, began) = (world.Unanswered, world.Elapsed);
            var (plain, disjoint) = (new LookupTally(), new LookupTally());
            for (var i = 0; i < 10; i++)
                plain.Run(world, items);
            var wasted = (double)(world.Unanswered - unanswered) / plain.Asked;
            for (var i = 0; i < 10; i++)
                disjoint.Run(world, items, disjoint: true);
            var fakes = world.Nodes.SelectMany(node => node.Dht.Family(v4: true)!.Table.Contacts).Count(contact => !gang.Has(contact.Node.Endpoint) && !world.Has(contact.Node.Endpoint));
            report.Row(("poison", name), ("gets", plain.Asked), ("found", plain.Found), ("found, disjoint", disjoint.Found), ("ms median", plain.Milliseconds.Median), ("ms p95", plain.Milliseconds.P95),
                ("queries median", plain.Queries.Median), ("queries p95", plain.Queries.P95), ("datagrams to nobody, a get", wasted), ("fake contacts", fakes));
            report.Require($"{name}: look-ups succeed, 99 %", Math.Min(plain.Success, disjoint.Success) >= 0.99, $"{plain.Found} of {plain.Asked}, disjoint {disjoint.Found} of {disjoint.Asked}");
            report.Require($"{name}: nobody is a contact who has not answered", fakes == 0, $"{fakes}");
            if (name.Contains("victim", StringComparison.Ordinal))
                report.Require($"{name}: a get sends him eight datagrams at most, two to each of four endpoints", wasted <= 8, $"{wasted:F2}");
        }
    }

    /// <summary>Tells of sixteen nodes that are not what it says.</summary>
    sealed class Poisoner(Endpoint endpoint, Id160 id, Poison fake, Gang gang, Dictionary<Id160, Endpoint[]> known) : Liar(endpoint, id, gang)
    {
        int _told;

        protected override int NodesFor(Id160 target, Span<NodeInfo> nodes)
        {
            if (!known.TryGetValue(target, out var closest))
                known.Add(target, closest = [.. Gang.World.ClosestTo(target, 2 * Bucket.Size).Select(node => node.Endpoint)]);
            for (var i = 0; i < nodes.Length; i++)
                nodes[i] = fake(Gang.World, target, closest, _told++);
            return nodes.Length;
        }
    }
}
