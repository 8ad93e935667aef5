using Macro.Core;
using Macro.Engine;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Sim;

/// <summary>
/// One relay in ten claims to stand in the middle of everybody, with no last mile at all; some tell their region besides, and some hide it. How much more
/// traffic that brings than the truth.
/// </summary>
sealed class LiarScenario : Scenario
{
    const int CircuitsOfClient = 80;

    static readonly NetworkCoordinates s_middle = new(0, 0, 0, 1);

    public override string Name => "liars";

    public override string Subject => "routing";

    public override string What => "what relays gain that lie about their coordinates";

    public override void Run(Settings settings, Report report)
    {
        var random = new SeededRandom(settings.Seed);
        var world = new RoutingWorld(random, settings.Nodes ?? 1000);
        world.FindCoordinates(rounds: 300);
        var liars = world.Relays.Length / 10;
        report.Fact("coordinates: error, median", Errors(world).Median);
        report.Fact("coordinates: error, p95", Errors(world).P95);

        SimClient[] clients = [.. Enumerable.Range(0, settings.Long ? 20_000 : 1000).Select(_ => new SimClient(world, random))];
        foreach (var mode in new[] { ConnectionMode.Speed, ConnectionMode.Balanced, ConnectionMode.Private })
        {
            var honest = Share(clients, mode, liars);
            var lying = ShareOfLies(world, clients, mode, liars, hidesRegion: false);
            var hiding = ShareOfLies(world, clients, mode, liars, hidesRegion: true);
            report.Row(("mode", mode.ToString()), ("share, honest", honest), ("share, lying", lying), ("gain", lying / honest - 1),
                ("share, lying and hiding the region", hiding), ("gain ", hiding / honest - 1));
            report.Require($"{mode}: liars gain less than 5 % of their traffic", Math.Max(lying, hiding) < 1.05 * honest, $"{lying / honest - 1:P1}, {hiding / honest - 1:P1}");
        }
    }

    static double ShareOfLies(RoutingWorld world, SimClient[] clients, ConnectionMode mode, int liars, bool hidesRegion)
    {
        var truth = world.Relays.ToArray();
        for (var i = 0; i < liars; i++)
        {
            var target = truth[i].Target;
            world.Relays[i] = truth[i] with { Coordinates = s_middle, Target = hidesRegion ? target with { Region = Descriptor.UnknownRegion } : target };
        }
        world.PlaceRelays();
        var share = Share(clients, mode, liars);
        truth.CopyTo(world.Relays, 0);
        return share;
    }

    static double Share(SimClient[] clients, ConnectionMode mode, int liars)
    {
        double all = 0, theirs = 0;
        foreach (var client in clients)
        {
            for (var i = 0; i < CircuitsOfClient; i++)
            {
                foreach (var hop in client.Choose(mode, guards: false).Hops)
                {
                    all++;
                    theirs += RoutingWorld.Number(hop.Relay) < liars ? 1 : 0;
                }
            }
        }
        return theirs / all;
    }

    static Sample Errors(RoutingWorld world)
    {
        var errors = new Sample();
        for (var i = 0; i < world.Relays.Length; i += 7)
            for (var j = 0; j < i; j += 7)
                if (world.Relays[i].Coordinates.RoundTrip(world.Relays[j].Coordinates) is { } foretold)
                    errors.Add(Math.Abs(foretold.TotalMilliseconds - world.Between(i, j)) / world.Between(i, j));
        return errors;
    }
}
