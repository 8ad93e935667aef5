using Macro.Core;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>
/// Every fifth node answers with nodes that are not there, ever closer to what is looked for: to keep look-ups busy, or to send
/// their queries to somebody who never asked for them.
/// </summary>
sealed class PoisonScenario : Scenario
{
    const int Items = 50;

    static readonly Endpoint s_victim = Endpoint.Parse("151.7.7.7:53");

    static readonly (string Name, Func<World, int, Endpoint> Endpoint)[] s_poisons =
    [
        ("nobody's addresses", (world, _) => world.NewEndpoint()),
        ("one victim, all ports", (_, i) => s_victim with { Port = (ushort)(1 + i % 65535) }),
        ("a victim's /24", (_, i) => new Endpoint(IpAddress.FromV4(s_victim.Address.V4Bits & ~255u | (uint)i & 255), (ushort)(1 + i % 65535))),
    ];

    public override string Name => "poison";

    public override string What => "L0: 20 % of the nodes tell of nodes that are not there";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? 600;
        report.Fact("nodes", size);
        foreach (var (name, endpoint) in s_poisons)
        {
            var world = new World(settings.Seed);
            world.Grow(size * 4 / 5, perSecond: 50);
            world.Run(TimeSpan.FromMinutes(1));
            var gang = new Gang(world);
            for (var i = 0; i < size / 5; i++)
            {
                var own = world.NewEndpoint();
                gang.Add(new Poisoner(own, SecureId.Generate(own.Address, world.Random), endpoint, gang), world.Some(50));
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

    /// <summary>Makes up sixteen nodes, each closer to the target than the one before.</summary>
    sealed class Poisoner(Endpoint endpoint, Id160 id, Func<World, int, Endpoint> fake, Gang gang) : Liar(endpoint, id, gang)
    {
        int _made;

        protected override int NodesFor(Id160 target, Span<NodeInfo> nodes)
        {
            for (var i = 0; i < nodes.Length; i++)
                nodes[i] = new NodeInfo(target.RandomSibling(30 + _made % 100, Gang.World.Random), fake(Gang.World, _made++));
            return nodes.Length;
        }
    }
}
