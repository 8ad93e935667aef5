namespace Macro.Circuits;

/// <summary>Where exits may be: countries (ISO 3166-1) in the order of preference, and "any" after them for all others.</summary>
public static class ExitRegions
{
    /// <summary>Every region.</summary>
    public const string Any = "any";

    const int MostRegions = 16;

    /// <summary>"ch,NL,any" becomes "CH,NL,any".</summary>
    public static bool TryParse(string text, out string regions)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        regions = Any;
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i] == Any && i == parts.Length - 1)
                continue;
            if (parts[i] is not [var a, var b] || !char.IsAsciiLetter(a) || !char.IsAsciiLetter(b))
                return false;
            parts[i] = parts[i].ToUpperInvariant();
        }
        regions = string.Join(',', parts);
        return parts.Length <= MostRegions;
    }
}
