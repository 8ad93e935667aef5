using System.Text;
using System.Text.RegularExpressions;

namespace Macro.Architecture.Tests;

/// <summary>What the node may say to its log: no addresses, no packets, no keys.</summary>
public partial class LogTests
{
    static readonly string[] MayBeLogged = ["string", "int", "long", "ushort"];

    [Fact]
    public void Messages_take_words_and_numbers_only() =>
        Assert.Empty(
            from source in Sources()
            from Match message in LogMessage().Matches(source.Text)
            from parameter in message.Groups["parameters"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            where !MayBeLogged.Contains(parameter.Split(' ')[0].TrimEnd('?')) && !parameter.StartsWith("ILogger", StringComparison.Ordinal)
            select $"{source.Path}: {parameter}");

    /// <summary>Every message is declared, so that the list above sees it.</summary>
    [Fact]
    public void Nothing_is_logged_past_the_declared_messages() =>
        Assert.Empty(
            from source in Sources()
            where UndeclaredLog().IsMatch(source.Text)
            select source.Path);

    static IEnumerable<(string Path, string Text)> Sources() =>
        from path in Repository.Files
        where path.StartsWith("src/", StringComparison.Ordinal) && path.EndsWith(".cs", StringComparison.Ordinal)
        select (path, Encoding.UTF8.GetString(Repository.Read(path)));

    [GeneratedRegex(@"\[LoggerMessage\([^\]]*\)\]\s*(?:\w+\s+)*partial\s+void\s+\w+\((?<parameters>[^)]*)\)")]
    private static partial Regex LogMessage();

    [GeneratedRegex(@"\.Log(Trace|Debug|Information|Warning|Error|Critical)\(")]
    private static partial Regex UndeclaredLog();
}
