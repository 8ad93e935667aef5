using System.Globalization;

namespace Macro.Crypto.Tests;

/// <summary>One line of a vector file: words between blanks, the first being the category; "-" is no bytes.</summary>
sealed record VectorLine(string File, int Number, string[] Words)
{
    public string Category => Words[0];

    public bool IsValid => Words[^1] == "valid";

    public byte[] Bytes(int word) => Words[word] == "-" ? [] : Convert.FromHexString(Words[word]);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{File}:{Number} {Category}");
}

/// <summary>The files in Vectors/.</summary>
static class VectorFile
{
    static VectorLine[] Read(string name) =>
        [.. from line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Vectors", name)).Index()
            where !line.Item.StartsWith('#')
            select new VectorLine(name, line.Index + 1, line.Item.Split(' '))];

    /// <summary>The lines of a file for which something does not hold; a file without lines fails.</summary>
    public static IReadOnlyList<VectorLine> Failures(string name, Func<VectorLine, bool> holds)
    {
        var lines = Read(name);
        Assert.NotEmpty(lines);
        return [.. lines.Where(line => !holds(line))];
    }
}
