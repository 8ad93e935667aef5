using System.Text.Json;

namespace Macro.Linux;

/// <summary>nft(8): whole scripts, each applied in one transaction or not at all.</summary>
static class NftCommand
{
    /// <exception cref="LinuxException">Carries nft's own message.</exception>
    internal static void Apply(string script, string purpose)
    {
        var result = Tool.Run("nft", script, "-f", "-");
        if (result.ExitCode != 0)
            throw new LinuxException($"Cannot {purpose}: nft says '{result.Errors.Split('\n')[0]}'");
    }

    /// <summary>Names of the tables of the family inet.</summary>
    internal static IReadOnlyList<string> Tables()
    {
        var result = Tool.Run("nft", "", "-j", "list", "tables");
        if (result.ExitCode != 0)
            return [];
        using var document = JsonDocument.Parse(result.Output);
        return [.. from item in document.RootElement.GetProperty("nftables").EnumerateArray()
                   where item.TryGetProperty("table", out var table) && table.GetProperty("family").GetString() == "inet"
                   select item.GetProperty("table").GetProperty("name").GetString()];
    }

    /// <summary>The comment of a table; empty where it has none or is gone.</summary>
    internal static string CommentOf(string table)
    {
        var result = Tool.Run("nft", "", "list", "table", "inet", table);
        const string mark = "comment \"";
        var start = result.Output.IndexOf(mark, StringComparison.Ordinal);
        if (result.ExitCode != 0 || start < 0)
            return "";
        start += mark.Length;
        var end = result.Output.IndexOf('"', start);
        return end < 0 ? "" : result.Output[start..end];
    }
}
