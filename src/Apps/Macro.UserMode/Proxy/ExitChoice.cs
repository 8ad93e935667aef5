using System.Text;
using Macro.Circuits;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>Where the exits for one user of the proxy, or for one site, are to be.</summary>
public readonly record struct ExitChoice
{
    const string User = "user:", Below = "*.";

    readonly string _regions;

    ExitChoice(string whose, string regions) => (Whose, _regions) = (whose, regions);

    /// <summary>Of a user "user:" and his name; of a site its name, or with "*." in front all names below it.</summary>
    public string Whose { get; }

    /// <summary>
    /// As in "user:work CH,any", "bbc.co.uk GB" or "*.bbc.co.uk GB". Sites are host names in ASCII, in any case, with or without a final dot;
    /// addresses are none. Users are as they call themselves, 1 to 255 bytes without a space.
    /// </summary>
    public static bool TryParse(string text, out ExitChoice choice)
    {
        choice = default;
        if (text?.Split(' ') is not [var whose, var where] || !TryNormalize(ref whose) || !ExitRegions.TryParse(where, out var regions))
            return false;
        choice = new ExitChoice(whose, regions);
        return true;
    }

    /// <summary>
    /// The regions of the choice that says most: that of a site's own name before that of names below a longer one, before that of names
    /// below a shorter one, before that of the user. Null: nothing is chosen.
    /// </summary>
    /// <param name="user">Empty: none.</param>
    /// <param name="site">Lower-case, without a final dot; null: none.</param>
    public static string? For(string user, string? site, IReadOnlyList<ExitChoice> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        ExitChoice best = default;
        foreach (var choice in choices)
            if (choice.Covers(user, site) && choice.Weight > best.Weight)
                best = choice;
        return best._regions;
    }

    /// <summary>Neither who nor where: that is the user's own affair.</summary>
    public override string ToString() => nameof(ExitChoice);

    bool IsOfUser => Whose.StartsWith(User, StringComparison.Ordinal);

    bool IsOfNamesBelow => Whose.StartsWith(Below, StringComparison.Ordinal);

    /// <summary>What covers one name from below is longer the more it says.</summary>
    int Weight => Whose is null ? 0 : IsOfUser ? 1 : IsOfNamesBelow ? Whose.Length : int.MaxValue;

    bool Covers(string user, string? site) =>
        IsOfUser ? Whose.AsSpan(User.Length).SequenceEqual(user)
        : site is not null && (IsOfNamesBelow ? site.AsSpan().EndsWith(Whose.AsSpan(1), StringComparison.Ordinal) : site == Whose);

    static bool TryNormalize(ref string whose)
    {
        if (whose.StartsWith(User, StringComparison.Ordinal))
            return whose.Length > User.Length && ProxyUser.TryParse(Encoding.UTF8.GetBytes(whose[User.Length..]), out _);
        var below = whose.StartsWith(Below, StringComparison.Ordinal) ? Below : "";
        if (!ProxyTarget.TryParse(Encoding.ASCII.GetBytes(whose[below.Length..]), 1, out var target) || target.Name is null)
            return false;
        whose = below + target.Name;
        return true;
    }
}
