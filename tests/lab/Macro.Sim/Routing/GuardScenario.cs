using Macro.Circuits;
using Macro.Engine;
using Macro.Core;
using Macro.Simulation;

namespace Macro.Sim;

/// <summary>How many circuits an adversary sees from both ends in half a year, who runs some share of all capacity.</summary>
sealed class GuardScenario : Scenario
{
    const int Days = 180, CircuitsADay = 2;

    public override string Name => "guards";

    public override string Subject => "routing";

    public override string What => "circuits with a hostile guard and exit over 180 days, by the adversary's capacity";

    public override void Run(Settings settings, Report report)
    {
        var clients = settings.Long ? 1000 : 250;
        report.Fact("clients", clients);
        report.Fact("days", Days);
        foreach (var share in new[] { 0.05, 0.10, 0.20 })
        {
            var random = new SeededRandom(settings.Seed);
            var world = new RoutingWorld(random, settings.Nodes ?? 1000);
            world.FindCoordinates(rounds: 300);
            var hostile = Corrupt(world, random, share);
            double circuits = 0, seen = 0, hit = 0, guards = 0, without = 0;
            for (var i = 0; i < clients; i++)
            {
                var client = new SimClient(world, random);
                var (met, isHit) = (new HashSet<string>(), false);
                for (var day = 0; day < Days; day++)
                {
                    client.UpdateGuards();
                    for (var n = 0; n < CircuitsADay; n++)
                    {
                        var path = client.Choose(ConnectionMode.Private);
                        circuits++;
                        met.Add(path.Targets[0].Name);
                        var both = hostile.Contains(RoutingWorld.Number(path.Hops[0].Relay)) && hostile.Contains(RoutingWorld.Number(path.Hops[^1].Relay));
                        seen += both ? 1 : 0;
                        isHit |= both;
                    }
                    client.Now += TimeSpan.FromDays(1);
                }
                hit += isHit ? 1 : 0;
                guards += met.Count;
                var stray = client.Choose(ConnectionMode.Private, guards: false);
                without += hostile.Contains(RoutingWorld.Number(stray.Hops[0].Relay)) && hostile.Contains(RoutingWorld.Number(stray.Hops[^1].Relay)) ? 1 : 0;
            }
            // With g guards in half a year and many circuits a client is seen sooner or later when one of them is hostile; without, all are.
            var theory = 1 - Math.Pow(1 - share, guards / clients);
            var never = 1 - Math.Pow(1 - share * share, Days * CircuitsADay);
            report.Row(("hostile capacity", share), ("circuits seen", seen / circuits), ("theory", share * share), ("clients ever seen", hit / clients), ("theory ", theory),
                ("theory without guards", never), ("guards used by a client", guards / clients));
            report.Require($"{share:P0} hostile: circuits are seen as seldom as theory says", seen / circuits <= 1.5 * share * share + 0.002, $"{seen / circuits:P2} against {share * share:P2}");
            report.Require($"{share:P0} hostile: no more clients are ever seen than theory says", hit / clients <= theory + 0.06, $"{hit / clients:P0} against {theory:P0}, without guards {never:P0}");
        }
    }

    /// <summary>Relays taken over at random until they have that share of all capacity, and of the exits' as well. Each claims to be its own operator's.</summary>
    static HashSet<int> Corrupt(RoutingWorld world, SeededRandom random, double share)
    {
        var hostile = new HashSet<int>();
        foreach (var exits in new[] { true, false })
        {
            int[] order = [.. Enumerable.Range(0, world.Relays.Length).Where(i => world.Relays[i].IsExit == exits)];
            random.Shuffle<int>(order);
            var (left, at) = (share * order.Sum(i => Counted(world, i)), 0);
            while (left > 0)
            {
                var relay = order[at++];
                if (Counted(world, relay) > 2 * left && at < order.Length)
                    continue;
                hostile.Add(relay);
                left -= Counted(world, relay);
                world.Relays[relay] = world.Relays[relay] with { Family = 0 };
            }
        }
        return hostile;
    }

    static double Counted(RoutingWorld world, int relay) => Math.Min(128, 1 << world.Relays[relay].BandwidthClass);
}
