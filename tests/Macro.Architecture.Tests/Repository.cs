using System.Xml.Linq;

namespace Macro.Architecture.Tests;

/// <summary>The files of this repository as they lie on disk, without what builds leave behind.</summary>
static class Repository
{
    static readonly string[] LeftByBuilds = [".git", ".vs", "artifacts", "bin", "node_modules", "obj", "out"];

    static readonly string Root = FindRoot();

    /// <summary>Paths from the root with forward slashes, sorted.</summary>
    public static readonly string[] Files = [.. Walk(Root).Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    public static byte[] Read(string path) => File.ReadAllBytes(Path.Combine(Root, path));

    public static XDocument ReadXml(string path) => XDocument.Load(Path.Combine(Root, path));

    /// <summary>A file without a zero byte near its start.</summary>
    public static bool IsText(ReadOnlySpan<byte> content) => !content[..Math.Min(content.Length, 8192)].Contains((byte)0);

    static IEnumerable<string> Walk(string folder) =>
        Directory.EnumerateFiles(folder).Where(Belongs).Concat(Directory.EnumerateDirectories(folder)
            .Where(Belongs)
            .SelectMany(Walk));

    // In a linked work tree .git is a file.
    static bool Belongs(string path) => !LeftByBuilds.Contains(Path.GetFileName(path));

    static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Macro.slnx")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the repository.");
        return folder;
    }
}

/// <summary>One project file below src/.</summary>
sealed record SourceProject(string Path, XDocument Xml)
{
    public static readonly SourceProject[] All =
        [.. Repository.Files.Where(path => path.StartsWith("src/") && path.EndsWith(".csproj")).Select(path => new SourceProject(path, Repository.ReadXml(path)))];

    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    public bool IsPure => Path.StartsWith("src/Protocols/");

    public IEnumerable<string> References => Items("ProjectReference").Select(path => System.IO.Path.GetFileNameWithoutExtension(path.Replace('\\', '/')));

    public IEnumerable<string> Packages => Items("PackageReference");

    public IEnumerable<string> Items(string kind) =>
        Xml.Descendants().Where(item => item.Name.LocalName == kind).Select(item => (string?)item.Attribute("Include") ?? "");
}
