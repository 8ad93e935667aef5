using System.Text;

namespace Macro.Fuzz;

/// <summary>Seeds in text: one input a line in hexadecimal, blanks between bytes as one likes, comments from # on.</summary>
public static class Corpus
{
    public static IReadOnlyList<byte[]> Load(string name)
    {
        using var stream = typeof(Corpus).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"There is no corpus '{name}'.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return Parse(reader.ReadToEnd());
    }

    public static IReadOnlyList<byte[]> Parse(string text) =>
        [.. text.Split('\n')
            .Select(line => line.Split('#')[0].Replace(" ", "", StringComparison.Ordinal).Trim())
            .Where(line => line.Length > 0)
            .Select(Convert.FromHexString)];
}
