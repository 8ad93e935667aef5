namespace Macro.Circuits;

/// <summary>
/// What keeps flows apart: two that differ in it never share a circuit, an exit session or a hop key, nor a line of a DNS cache. What
/// is in it (the name of a SOCKS user, say, or where a site's exits are to be) is the user's own affair: it is compared, and never
/// shown, logged or written.
/// </summary>
public readonly record struct IsolationKey
{
    enum Kind
    {
        Shared,
        Device,
        Named,
    }

    readonly Kind _kind;
    readonly string? _name;

    IsolationKey(Kind kind, string? name) => (_kind, _name) = (kind, name);

    /// <summary>Everything that asks for no isolation of its own.</summary>
    public static IsolationKey Shared => default;

    /// <summary>What comes by the TUN device.</summary>
    public static IsolationKey Device => new(Kind.Device, null);

    /// <summary>Of a name that an application gives; the empty one is <see cref="Shared"/>.</summary>
    public static IsolationKey Named(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length == 0 ? Shared : new(Kind.Named, name);
    }

    /// <summary>Where its exits are to be, in the words of <see cref="ExitRegions"/>; null: where the connection's are.</summary>
    public string? ExitRegion { get; init; }

    /// <summary>The kind, and nothing else.</summary>
    public override string ToString() => _kind.ToString();
}
