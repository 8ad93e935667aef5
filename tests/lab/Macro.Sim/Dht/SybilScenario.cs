using Macro.Core;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>
/// Every fifth id belongs to one liar: addresses in as many networks, ids that fit them (BEP 42), always up, while half of the
/// honest go every hour. His nodes tell of each other only, and keep nothing.
/// </summary>
sealed class SybilScenario : Scenario
{
    const double HonestShare = 0.8;
    const int Items = 100;

    public override string Name => "sybil";

    public override string What => "L0: 20 % of all ids belong to a liar who tells of his own nodes only";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? 1000;
        var honest = (int)(HonestShare * size);
        var world = new World(settings.Seed);
        world.Grow(honest, perSecond: 50);
        var gang = new Gang(world);
        for (var i = honest; i < size; i++)
        {
            var endpoint = world.NewEndpoint();
            gang.Add(new Liar(endpoint, SecureId.Generate(endpoint.Address, world.Random), gang), world.Some(50));
        }
        var items = Enumerable.Range(0, Items).Select(number => TestItems.Make(number)).ToArray();
        var (plain, disjoint) = (new LookupTally(), new LookupTally());
        var copies = int.MaxValue;
        for (var minute = 0; minute < 60; minute++)
        {
            if (minute % 30 == 0)
                copies = Math.Min(copies, LookupTally.Put(world, items));
            plain.Run(world, items[..20]);
            disjoint.Run(world, items[20..40], disjoint: true);
            for (var i = 0; i < honest / 120; i++)
            {
                world.Remove(world.Any());
                world.Add(new DhtOptions { Bootstrap = world.Some(4) });
                world.Run(TimeSpan.FromMinutes(1) / (honest / 120));
            }
        }

        var settled = world.Nodes.Where(node => node.State.Contacts >= Bucket.Size).ToArray();
        var contacts = settled.SelectMany(node => node.Dht.Family(v4: true)!.Table.Contacts).Select(contact => contact.Node.Endpoint).ToArray();
        var searches = Enumerable.Range(0, 200).Select(_ => world.AnySettled())
            .Select(node => (node, world.Do(node, (dht, now) => dht.FindNodes(Id160.Random(world.Random), now)))).ToArray();
        var closest = world.Await<NodesFound>(searches).SelectMany(found => found.Closest).Select(node => node.Endpoint).ToArray();
        var (inTables, amongClosest) = (Honest(contacts), Honest(closest));
        report.Fact("nodes", size);
        report.Fact("honest share of ids", HonestShare);
        report.Fact("honest share of contacts", inTables);
        report.Fact("honest share of the closest found", amongClosest);
        report.Fact("copies of an item, fewest", copies);
        report.Row(("gets", "one path"), ("asked", plain.Asked), ("found", plain.Found), ("ms median", plain.Milliseconds.Median), ("ms p95", plain.Milliseconds.P95), ("queries p95", plain.Queries.P95), ("crowds told", plain.Noticed));
        report.Row(("gets", "disjoint paths"), ("asked", disjoint.Asked), ("found", disjoint.Found), ("ms median", disjoint.Milliseconds.Median), ("ms p95", disjoint.Milliseconds.P95), ("queries p95", disjoint.Queries.P95), ("crowds told", disjoint.Noticed));
        report.Require("contacts are honest in proportion, 95 %", inTables >= 0.95 * HonestShare, $"{inTables:P1} of {HonestShare:P0}");
        report.Require("the closest found are honest in proportion, 95 %", amongClosest >= 0.95 * HonestShare, $"{amongClosest:P1} of {HonestShare:P0}");
        report.Require("look-ups succeed, 99 %", Math.Min(plain.Success, disjoint.Success) >= 0.99, $"{plain.Found} of {plain.Asked}, disjoint {disjoint.Found} of {disjoint.Asked}");

        double Honest(Endpoint[] endpoints) => endpoints.Count(endpoint => !gang.Has(endpoint)) / (double)endpoints.Length;
    }
}
