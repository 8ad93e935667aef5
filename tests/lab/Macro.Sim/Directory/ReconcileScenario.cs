using Macro.Peers;

namespace Macro.Sim;

/// <summary>
/// Two relays that know the same network have gone apart for five minutes: how many bytes until they agree again, and for
/// what.
/// </summary>
sealed class ReconcileScenario : Scenario
{
    public override string Name => "reconcile";

    public override string What => "L1: bytes to bring two directories into step (50 000 relays, 1 % churn in 5 min)";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? (settings.Long ? 200_000 : 50_000);
        var world = new RelayWorld(settings.Seed);
        var relays = world.NewRelays(size);
        var churn = world.NewRelays(size / 100);
        report.Fact("relays", size);
        Measure("nothing differs", relays, relays);
        var one = Measure("one relay is new", relays, [.. relays, churn[0]]);
        var percent = Measure("1 % are new, half to each", [.. relays, .. churn[..(churn.Length / 2)]], [.. relays, .. churn[(churn.Length / 2)..]]);
        // A descriptor is renewed every 112 minutes on average: in five, 4.5 % are.
        var renewed = relays.ToArray();
        world.Now += TimeSpan.FromMinutes(5);
        for (var i = 0; i < size * 5 / 112; i++)
        {
            using var identity = RelayWorld.Identity(((int)settings.Seed << 24) + i);
            renewed[i] = world.Sign(identity, world.Now);
        }
        Measure("and 4.5 % are renewed", [.. relays, .. churn[..(churn.Length / 2)]], [.. renewed, .. churn[(churn.Length / 2)..]]);
        Measure("one side is empty", [], relays);
        report.Require("1 % churn: overhead per difference, at most 400 bytes", percent <= 400, $"{percent:F0}");
        report.Require("a single difference costs at most 4 kB", one <= 4000, $"{one:F0}");

        double Measure(string what, IReadOnlyList<SignedDescriptor> mine, IReadOnlyList<SignedDescriptor> theirs)
        {
            var (a, b) = (world.Directory(mine), world.Directory(theirs));
            var cpu = Machine.CpuSeconds();
            var tally = Reconciliation.Run(world, a, b);
            cpu = Machine.CpuSeconds() - cpu;
            var per = (double)tally.Overhead / Math.Max(1, tally.Differences);
            report.Row(("what", what), ("differences", tally.Differences), ("overhead bytes", tally.Overhead), ("each", per),
                ("descriptor bytes", tally.Descriptors), ("questions", tally.Questions), ("largest message", tally.Largest), ("CPU ms", cpu * 1000));
            report.Require($"{what}: both hold the same then", tally.Agree, $"{a.Count} and {b.Count}");
            return per;
        }
    }
}

/// <summary>What one reconciliation cost.</summary>
sealed record ReconciliationTally(int Differences, long Overhead, long Descriptors, int Questions, int Largest, bool Agree);

static class Reconciliation
{
    /// <summary>From the first question to the last; everything that comes is taken as proven.</summary>
    public static ReconciliationTally Run(RelayWorld world, RelayDirectory asking, RelayDirectory answering)
    {
        var service = new DirectoryService(answering, RelayWorld.Rules);
        var session = new Reconciler(asking, RelayWorld.Rules, world.Random, _ => false, world.Now);
        long descriptors = 0;
        int questions = 0, largest = 0;
        while (!session.IsDone)
        {
            while (session.TryTakeRequest(out var number, out var request))
            {
                world.Now += TimeSpan.FromMilliseconds(10);
                questions++;
                service.Answer(request, world.Now, out var answer);
                session.HandleAnswer(number, answer, world.Now);
                largest = Math.Max(largest, Math.Max(request.Length, answer.Length));
                if (request[0] != 4)
                    descriptors += request.Length + answer.Length;
                while (service.TryTakePublished(out var published))
                    answering.Offer(published, world.Now);
            }
            while (session.TryTakeFetched(out var fetched))
                asking.Offer(fetched, world.Now);
        }
        var agree = !session.Failed && asking.Current(world.Now).Select(d => d.Digest).SequenceEqual(answering.Current(world.Now).Select(d => d.Digest));
        return new ReconciliationTally(session.Found + session.Offered, session.Overhead, descriptors, questions, largest, agree);
    }
}
