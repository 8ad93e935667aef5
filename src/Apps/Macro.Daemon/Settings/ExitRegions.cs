namespace Macro.Daemon.Settings;

/// <summary>Where exits may be: countries in the order of preference, and "any" after them for all others.</summary>
static class ExitRegions
{
    const string Any = "any";
    const int MostRegions = 16;

    /// <summary>"ch,NL,any" becomes "CH,NL,any", and "any" alone null.</summary>
    public static bool TryParse(string text, out string? regions)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        regions = null;
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i] == Any && i == parts.Length - 1)
                continue;
            if (parts[i] is not [var a, var b] || !char.IsAsciiLetter(a) || !char.IsAsciiLetter(b))
                return false;
            parts[i] = parts[i].ToUpperInvariant();
        }
        regions = parts is [Any] ? null : string.Join(',', parts);
        return parts.Length <= MostRegions;
    }
}
