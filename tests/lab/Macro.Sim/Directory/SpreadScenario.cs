using Macro.Core;
using Macro.Peers;

namespace Macro.Sim;

/// <summary>Relays reconcile with one other each minute: how long until a newcomer is known everywhere.</summary>
sealed class SpreadScenario : Scenario
{
    const int PublishedTo = 3;

    public override string Name => "spread";

    public override string What => "L1: minutes until everybody knows a newcomer";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? 300;
        var world = new RelayWorld(settings.Seed);
        var relays = world.NewRelays(size);
        var directories = relays.Select(_ => world.Directory(relays)).ToArray();
        var newcomer = world.NewRelay();
        for (var i = 0; i < PublishedTo; i++)
            directories[i].Offer(newcomer, world.Now);
        report.Fact("relays", size);
        report.Fact("published to", PublishedTo);
        var minutes = 0;
        int Knowing() => directories.Count(d => d.Find(newcomer.Id) is not null);
        while (Knowing() < size && minutes < 60)
        {
            minutes++;
            foreach (var directory in directories)
                Reconciliation.Run(world, directory, directories[world.Random.NextInt(size)]);
            report.Row(("minute", minutes), ("know it", Knowing()), ("share", (double)Knowing() / size));
        }
        // Push and pull double and more what knows it in each round: log2 n, and as much again for the last.
        var bound = Math.Log2(size);
        report.Fact("minutes", minutes);
        report.Require("everybody knows it within the settling time of a root", minutes <= DirectoryRoot.Settling.TotalMinutes, $"{minutes} min, log2(n) = {bound:F1}");
    }
}
