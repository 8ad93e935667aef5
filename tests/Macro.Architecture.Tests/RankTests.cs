namespace Macro.Architecture.Tests;

/// <summary>The rank table of ARCHITECTURE.md: a project references lower ranks only, never a sibling.</summary>
public partial class RankTests
{
    static readonly Dictionary<string, int> Ranks = new(StringComparer.Ordinal)
    {
        ["Macro.Core"] = 0,
        ["Macro.Api"] = 0,
        ["Macro.Crypto"] = 1,
        ["Macro.Linux"] = 1,
        ["Macro.Cli"] = 1,
        ["Macro.WireGuard"] = 2,
        ["Macro.NetStack"] = 2,
        ["Macro.Nat"] = 2,
        ["Macro.Dht"] = 2,
        ["Macro.Peers"] = 2,
        ["Macro.Circuits"] = 3,
        ["Macro.Payments"] = 3,
        ["Macro.Engine"] = 4,
        ["Macro.Pump"] = 5,
        ["Macro.UserMode"] = 5,
        ["Macro.Daemon"] = 6,
        ["Macro.Wg"] = 6,
    };

    [Fact]
    public void Every_project_has_a_rank() =>
        Assert.Empty(SourceProject.All.Select(project => project.Name).Except(Ranks.Keys));

    [Fact]
    public void The_page_on_architecture_has_the_same_table() =>
        Assert.Equal(
            SourceProject.All.Select(project => $"{project.Name} {Ranks[project.Name]}").Order(StringComparer.Ordinal),
            TableLine().Matches(System.Text.Encoding.UTF8.GetString(Repository.Read("ARCHITECTURE.md")))
                .Select(line => $"{line.Groups[1].Value} {line.Groups[2].Value}").Order(StringComparer.Ordinal));

    [Fact]
    public void A_project_references_lower_ranks_only() =>
        Assert.Empty(
            from project in SourceProject.All
            from reference in project.References
            where Ranks.GetValueOrDefault(reference, int.MaxValue) >= Ranks.GetValueOrDefault(project.Name)
            select $"{project.Name} -> {reference}");

    [Fact]
    public void The_command_line_reaches_the_node_through_its_api_alone() =>
        Assert.Equal(["Macro.Api"], SourceProject.All.Single(project => project.Name == "Macro.Cli").References);

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var listed = Repository.ReadXml("Macro.slnx").Descendants("Project").Select(item => (string?)item.Attribute("Path"));

        Assert.Empty(Repository.Files.Where(path => path.EndsWith(".csproj")).Except(listed));
    }

    [System.Text.RegularExpressions.GeneratedRegex(@"^  (Macro\.\w+) +rank (\d)", System.Text.RegularExpressions.RegexOptions.Multiline)]
    private static partial System.Text.RegularExpressions.Regex TableLine();
}
