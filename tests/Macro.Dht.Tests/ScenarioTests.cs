using Macro.Sim;

namespace Macro.Dht.Tests;

/// <summary>The experiments of ./lab sim-discovery at L0, in a size that takes seconds: all their checks hold.</summary>
public sealed class ScenarioTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("scale", 10_000)]
    [InlineData("churn", 500)]
    [InlineData("sybil", 500)]
    [InlineData("eclipse", 400)]
    [InlineData("flood", 200)]
    [InlineData("stale", 300)]
    [InlineData("poison", 300)]
    public void Checks_hold(string scenario, int nodes)
    {
        var report = new Report(scenario);
        Scenarios.All.Single(each => each.Name == scenario).Run(new Settings(Nodes: nodes), report);

        var text = new StringWriter();
        report.Print(text);
        output.WriteLine(text.ToString());
        Assert.All(report.Checks, check => Assert.True(check.Ok, $"{check.Name}: {check.Detail}"));
    }
}
