using System.Globalization;
using System.Text.Json;

namespace Macro.Linux;

/// <summary>ip(8) of iproute2: batches of changes, and queries in JSON.</summary>
static class IpCommand
{
    /// <summary>Everything of ours in the kernel's tables bears this origin (rtnetlink's rtm_protocol), so that a sweep finds it.</summary>
    internal const int Protocol = 190;

    /// <summary>Runs lines such as "route add …" in order and stops at the first that fails.</summary>
    /// <exception cref="LinuxException">Names the line that failed, and why.</exception>
    internal static void Batch(bool v6, params ReadOnlySpan<string> lines)
    {
        if (lines.IsEmpty)
            return;
        var result = Tool.Run("ip", string.Join('\n', lines) + "\n", v6 ? "-6" : "-4", "-batch", "-");
        if (result.ExitCode == 0)
            return;
        var reasons = result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var line = FailedLine(reasons) is { } number && number <= lines.Length ? lines[number - 1] : lines[0];
        throw new LinuxException($"'ip {(v6 ? "-6 " : "")}{line}' failed: {reasons.FirstOrDefault("no reason given")}");
    }

    /// <summary>Runs lines of which any may fail because there is nothing to do.</summary>
    internal static void TryBatch(bool v6, params ReadOnlySpan<string> lines)
    {
        if (!lines.IsEmpty)
            _ = Tool.Run("ip", string.Join('\n', lines) + "\n", v6 ? "-6" : "-4", "-force", "-batch", "-");
    }

    /// <summary>The objects of a listing; none where the kernel says that there is no such table or device.</summary>
    internal static IReadOnlyList<JsonElement> Query(bool v6, params ReadOnlySpan<string> arguments)
    {
        var result = Tool.Run("ip", "", [v6 ? "-6" : "-4", "-json", "-N", .. arguments]);
        if (result.ExitCode != 0 || string.IsNullOrWhiteSpace(result.Output))
            return [];
        using var document = JsonDocument.Parse(result.Output);
        return [.. document.RootElement.EnumerateArray().Select(element => element.Clone())];
    }

    static int? FailedLine(IEnumerable<string> reasons)
    {
        const string mark = "Command failed -:";
        var reason = reasons.FirstOrDefault(reason => reason.StartsWith(mark, StringComparison.Ordinal));
        return reason is not null && int.TryParse(reason.AsSpan(mark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var line) ? line : null;
    }
}
