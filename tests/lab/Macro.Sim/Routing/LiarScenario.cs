using Macro.Core;
using Macro.Engine;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Sim;

/// <summary>
/// One relay in ten claims to stand nearer to everybody than it does, as far as half of the relays that verify it let it; its times do
/// not lie. How much traffic that brings.
/// </summary>
sealed class LiarScenario : Scenario
{
    const int Witnesses = 8;

    public override string Name => "liars";

    public override string Subject => "routing";

    public override string What => "what relays gain that lie about their coordinates";

    public override void Run(Settings settings, Report report)
    {
        var random = new SeededRandom(settings.Seed);
        var world = new RoutingWorld(random, settings.Nodes ?? 1000);
        var places = world.FindCoordinates(rounds: 300);
        var liars = world.Relays.Length / 10;
        report.Fact("coordinates: error, median", Errors(world).Median);
        report.Fact("coordinates: error, p95", Errors(world).P95);
        var refused = Enumerable.Range(0, world.Relays.Length).Count(i => !Passes(world, places, i, world.Relays[i].Coordinates, random));
        report.Fact("honest relays refused", refused);
        report.Require("honest relays that are refused by half of their witnesses: less than 1 %", refused < 0.01 * world.Relays.Length, $"{refused}");

        SimClient[] clients = [.. Enumerable.Range(0, settings.Long ? 20_000 : 2000).Select(_ => new SimClient(world, random))];
        foreach (var mode in new[] { ConnectionMode.Speed, ConnectionMode.Balanced, ConnectionMode.Private })
        {
            var honest = Share(clients, mode, liars);
            var truth = world.Relays.ToArray();
            var caught = 0;
            for (var i = 0; i < liars; i++)
            {
                var lie = BestLie(world, places, i, random);
                caught += Passes(world, places, i, Center(truth[i].Coordinates, 1), random) ? 0 : 1;
                world.Relays[i] = truth[i] with { Coordinates = lie };
            }
            var lying = Share(clients, mode, liars);
            truth.CopyTo(world.Relays, 0);
            report.Row(("mode", mode.ToString()), ("share, honest", honest), ("share, lying", lying), ("gain, points", 100 * (lying - honest)), ("gain, relative", lying / honest - 1),
                ("caught claiming the centre", caught));
            report.Require($"{mode}: liars gain less than 5 % of the traffic", lying - honest < 0.05, $"{100 * (lying - honest):F1} points");
        }
    }

    /// <summary>From its true place straight toward where most relays and clients are, as far as it may go.</summary>
    static NetworkCoordinates BestLie(RoutingWorld world, Vivaldi[] places, int liar, SeededRandom random)
    {
        var truth = world.Relays[liar].Coordinates;
        var best = truth;
        for (var step = 1; step <= 20; step++)
        {
            var lie = Center(truth, step / 20.0);
            if (Passes(world, places, liar, lie, random))
                best = lie;
        }
        return best;
    }

    static NetworkCoordinates Center(NetworkCoordinates from, double share) => new(
        (short)(from.X * (1 - share)), (short)(from.Y * (1 - share)), (short)(from.Z * (1 - share)), (ushort)Math.Max(1, from.Height * (1 - share)));

    /// <summary>More than half of some honest relays, drawn at random, find the claim plausible: the others do not pass it on.</summary>
    static bool Passes(RoutingWorld world, Vivaldi[] places, int relay, NetworkCoordinates claim, SeededRandom random)
    {
        var agreed = 0;
        for (var i = 0; i < Witnesses; i++)
        {
            int witness;
            do
                witness = world.Relays.Length / 10 + random.NextInt(world.Relays.Length * 9 / 10);
            while (witness == relay);
            var least = Enumerable.Range(0, 5).Min(_ => world.Measured(world.Between(witness, relay)));
            agreed += CoordinateCheck.IsPlausible(places[witness].Coordinates, claim, least) ? 1 : 0;
        }
        return agreed > Witnesses / 2;
    }

    static double Share(SimClient[] clients, ConnectionMode mode, int liars)
    {
        double all = 0, theirs = 0;
        foreach (var client in clients)
        {
            foreach (var hop in client.Choose(mode, guards: false).Hops)
            {
                all++;
                theirs += RoutingWorld.Number(hop.Relay) < liars ? 1 : 0;
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
