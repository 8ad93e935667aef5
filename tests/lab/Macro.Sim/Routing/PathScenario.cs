using Macro.Circuits;
using Macro.Engine;
using Macro.Simulation;

namespace Macro.Sim;

/// <summary>How long the ways are that clients get, and how evenly relays are loaded.</summary>
sealed class PathScenario : Scenario
{
    const int Epochs = 5, Measured = 200;

    public override string Name => "paths";

    public override string Subject => "routing";

    public override string What => "latency of paths by mode against an even choice and the best, and the load of relays";

    public override void Run(Settings settings, Report report)
    {
        var random = new SeededRandom(settings.Seed);
        var relays = settings.Nodes ?? 1000;
        var clients = 20 * relays;
        report.Fact("relays", relays);
        report.Fact("clients", clients);
        foreach (var mode in Enum.GetValues<ConnectionMode>())
            RunMode(mode, new RoutingWorld(random, relays), random, clients, report);
    }

    static void RunMode(ConnectionMode mode, RoutingWorld world, SeededRandom random, int clients, Report report)
    {
        var fair = mode.Profile() with { Capacity = 0, Reliability = 0, Speed = 0 };
        var (ours, even, best) = (new Sample(), new Sample(), new Sample());
        var (load, evenLoad) = (new double[world.Relays.Length], new double[world.Relays.Length]);
        world.FindCoordinates(rounds: 300);
        var neighbours = new Neighbours(world);
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            for (var i = 0; i < clients / Epochs; i++)
            {
                var client = new SimClient(world, random);
                if (mode.Hops() > 1)
                    client.UpdateGuards();
                var path = client.Choose(mode);
                ours.Add(client.Latency(path));
                Count(path, load);
                var other = client.Choose(mode, guards: false, fair);
                even.Add(client.Latency(other));
                Count(other, evenLoad);
                if (i < Measured / Epochs)
                    best.Add(neighbours.Best(client, mode.Profile()));
            }
            // Relays publish what they carry: 15 when they carry three times their part.
            var part = load.Sum() / world.Capacity.Sum();
            for (var i = 0; i < load.Length; i++)
                world.Relays[i] = world.Relays[i] with { LoadClass = (byte)Math.Clamp(5 * load[i] / world.Capacity[i] / part, 0, 15) };
        }
        var (gini, evenGini) = (Gini(load, world.Capacity), Gini(evenLoad, world.Capacity));
        report.Row(("mode", mode.ToString()), ("ms p50", ours.Median), ("ms p95", ours.P95), ("even p50", even.Median), ("even p95", even.P95),
            ("best p50", best.Median), ("best p95", best.P95), ("Gini of use", gini), ("even Gini", evenGini));
        if (mode != ConnectionMode.Paranoid)
            report.Require($"{mode}: half the paths are shorter than by an even choice, by a fifth", ours.Median <= 0.8 * even.Median, $"{ours.Median:F0} against {even.Median:F0} ms");
        report.Require($"{mode}: load is spread better than by an even choice", gini < evenGini, $"Gini {gini:F2} against {evenGini:F2}");
    }

    static void Count(ChosenPath path, double[] load)
    {
        foreach (var hop in path.Hops)
            load[RoutingWorld.Number(hop.Relay)]++;
    }

    /// <summary>Of what relays carry for each Mbit/s that they have: 0 all alike, 1 one carries all. Weighted by capacity.</summary>
    static double Gini(double[] load, double[] capacity)
    {
        int[] order = [.. Enumerable.Range(0, load.Length).OrderBy(i => load[i] / capacity[i])];
        double all = load.Sum(), room = capacity.Sum(), carried = 0, area = 0;
        foreach (var i in order)
        {
            area += capacity[i] / room * (2 * carried + load[i]) / all;
            carried += load[i];
        }
        return 1 - area;
    }
}
