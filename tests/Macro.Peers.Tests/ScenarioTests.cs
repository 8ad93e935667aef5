using Macro.Sim;

namespace Macro.Peers.Tests;

/// <summary>The experiments of ./lab sim-discovery about the directory, in small; their figures go to the test's output.</summary>
public sealed class ScenarioTests(ITestOutputHelper output)
{
    [Fact]
    public void Bytes_of_a_reconciliation_are_proportional_to_the_difference() => Run(new ReconcileScenario(), 4000);

    [Fact]
    public void A_newcomer_is_known_everywhere_before_the_root_of_an_epoch_is_taken() => Run(new SpreadScenario(), 64);

    [Fact]
    public void Every_relay_is_drawn_equally_often_with_and_without_a_filter() => Run(new SamplingScenario(), 100);

    [Fact]
    public void The_view_under_attack_is_honest_or_the_attack_is_noticed() => Run(new DirectoryAttackScenario(), 600);

    [Fact]
    public void A_network_in_parts_is_sampled_like_one_that_everybody_holds() => Run(new PartsScenario(), 800);

    void Run(Scenario scenario, int nodes)
    {
        var report = new Report(scenario.Name);
        scenario.Run(new Settings(Nodes: nodes), report);
        using var text = new StringWriter();
        report.Print(text);
        output.WriteLine(text.ToString());
        Assert.NotEmpty(report.Checks);
        Assert.All(report.Checks, check => Assert.True(check.Ok, $"{check.Name}: {check.Detail}"));
    }
}
