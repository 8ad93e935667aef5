using System.Text;

namespace Macro.Architecture.Tests;

/// <summary>What every file of the repository keeps to.</summary>
public class TidinessTests
{
    static readonly string[] FoldersByKind = ["Utils", "Util", "Helpers", "Helper", "Common", "Managers", "Interfaces", "Exceptions", "Misc"];

    static readonly string[] Root =
    [
        ".editorconfig", ".gitattributes", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "Directory.Build.props",
        "Directory.Packages.props", "LICENSE", "Macro.slnx", "README.md", "SECURITY.md", "bench", "build", "global.json", "lab", "run", "test",
    ];

    static readonly string[] SourceSuffixes = [".cs", ".ts", ".svelte", ".sol", ".sh"];

    const int MostLines = 500;

    // Each in two parts, so that this file does not hold what it forbids.
    static readonly string[] NamesOfMachines =
        ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "registry.npm" + "js.org", "api.nu" + "get.org", "artifact" + "ory"];

    [Fact]
    public void The_root_holds_what_a_newcomer_needs_and_nothing_else() =>
        Assert.Equal(Root, Repository.Files.Where(path => !path.Contains('/', StringComparison.Ordinal)));

    [Fact]
    public void Folders_are_named_by_subject() =>
        Assert.Empty(
            from path in Repository.Files
            from folder in Path.GetDirectoryName(path)!.Split('/')
            where FoldersByKind.Contains(folder, StringComparer.OrdinalIgnoreCase)
            select path);

    [Fact]
    public void Source_files_are_short() =>
        Assert.Empty(
            from path in Repository.Files
            where SourceSuffixes.Contains(Path.GetExtension(path))
            let lines = Repository.Read(path).Count(b => b == '\n')
            where lines > MostLines
            select $"{path}: {lines} lines");

    [Fact]
    public void Text_files_end_with_a_newline() =>
        Assert.Empty(
            from path in Repository.Files
            let content = Repository.Read(path)
            where content.Length > 0 && Repository.IsText(content) && content[^1] != '\n'
            // Lock files are written by the package client, which ends them without one.
            where Path.GetFileName(path) != "packages.lock.json"
            select path);

    [Fact]
    public void No_file_names_a_machine_or_a_registry() =>
        Assert.Empty(
            from path in Repository.Files
            let content = Repository.Read(path)
            where Repository.IsText(content)
            let text = Encoding.UTF8.GetString(content)
            from name in NamesOfMachines
            where text.Contains(name, StringComparison.OrdinalIgnoreCase)
            select $"{path}: {name}");
}
