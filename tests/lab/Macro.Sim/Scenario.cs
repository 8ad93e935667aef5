namespace Macro.Sim;

/// <summary>An experiment in virtual time. The same settings give the same figures, but for time and memory of this machine.</summary>
abstract class Scenario
{
    /// <summary>As it is called on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>Which lab runs it: discovery or routing.</summary>
    public virtual string Subject => "discovery";

    /// <summary>One line on what it shows.</summary>
    public abstract string What { get; }

    /// <summary>Runs it to its end; facts, rows and checks go into the report.</summary>
    public abstract void Run(Settings settings, Report report);
}

/// <param name="Nodes">Size of the network; null for the scenario's own.</param>
/// <param name="Long">The size that takes minutes and gigabytes.</param>
sealed record Settings(ulong Seed = 1, int? Nodes = null, bool Long = false);

/// <summary>All of them.</summary>
static class Scenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new ScaleScenario(), new ChurnScenario(), new SybilScenario(), new EclipseScenario(), new FloodScenario(), new StaleScenario(),
        new PoisonScenario(), new ReconcileScenario(), new SpreadScenario(), new SamplingScenario(), new DirectoryAttackScenario(), new PartsScenario(),
        new PathScenario(), new GuardScenario(), new DropperScenario(), new LiarScenario(),
    ];
}
