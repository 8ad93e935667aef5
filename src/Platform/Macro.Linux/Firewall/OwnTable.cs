using System.Globalization;
using System.Text;

namespace Macro.Linux;

/// <summary>
/// An nft table that belongs to one interface of ours: "macrovpn_NAME", with a suffix for each purpose. Its comment says
/// which interface it serves and what the kernel settings were that it changed, so that whoever finds it after a crash
/// can put all back: "interface NAME index N setting=value …".
/// </summary>
sealed class OwnTable
{
    internal const string Prefix = "macrovpn_";

    readonly string _interface;
    readonly string _purpose;

    internal OwnTable(string interfaceName, string suffix, string purpose)
    {
        if (interfaceName.Length is 0 or > 15 || interfaceName.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-' or '.')))
            throw new ArgumentException($"'{interfaceName}' cannot be an interface name.", nameof(interfaceName));
        _interface = interfaceName;
        _purpose = purpose;
        Name = Prefix + interfaceName + suffix;
    }

    internal string Name { get; }

    /// <summary>Puts the table in place of any earlier one of its name, then changes the settings.</summary>
    /// <param name="chains">The body of the table.</param>
    /// <param name="settings">Kernel settings, name and value, to hold while the table stands.</param>
    internal void Install(string chains, params IReadOnlyList<(string Name, string Value)> settings)
    {
        var index = Interop.InterfaceIndex(_interface);
        if (index == 0)
            throw new LinuxException($"Cannot {_purpose}: there is no interface '{_interface}'.");
        var comment = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"interface {_interface} index {index}"));
        var present = settings.Where(setting => Sysctl.Read(setting.Name) is not null).ToList();
        foreach (var (name, _) in present)
            comment.Append(CultureInfo.InvariantCulture, $" {name}={Original(name)}");
        NftCommand.Apply($$"""
            table inet {{Name}}
            delete table inet {{Name}}
            table inet {{Name}} {
                comment "{{comment}}"
            {{chains}}
            }
            """, _purpose);
        foreach (var (name, value) in present)
            if (Sysctl.Read(name) != value)
                Sysctl.Write(name, value);
    }

    internal void Remove() => Remove(Name);

    /// <summary>Removes a table and puts the settings back that no other table of ours still needs.</summary>
    internal static void Remove(string table)
    {
        var settings = Settings(NftCommand.CommentOf(table));
        // Adding it first makes the deletion succeed whether it was there or not.
        NftCommand.Apply($"table inet {table}\ndelete table inet {table}\n", $"remove the firewall table {table}");
        var held = Others().SelectMany(other => Settings(NftCommand.CommentOf(other))).Select(setting => setting.Name).ToHashSet();
        foreach (var (name, value) in settings)
            if (!held.Contains(name) && Sysctl.Read(name) is { } now && now != value)
                Sysctl.Write(name, value);
    }

    /// <summary>All tables of ours whose interface is gone, or is another one of the same name.</summary>
    internal static IEnumerable<string> Stale()
    {
        foreach (var table in Others())
        {
            var words = NftCommand.CommentOf(table).Split(' ');
            var known = words is ["interface", _, "index", _, ..];
            if (!known || Interop.InterfaceIndex(words[1]).ToString(CultureInfo.InvariantCulture) != words[3])
                yield return table;
        }
    }

    static IEnumerable<string> Others() => NftCommand.Tables().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal));

    /// <summary>What the setting was before any table of ours changed it.</summary>
    static string Original(string name) =>
        Others().SelectMany(other => Settings(NftCommand.CommentOf(other))).FirstOrDefault(setting => setting.Name == name).Value ?? Sysctl.Read(name)!;

    static List<(string Name, string Value)> Settings(string comment) =>
        [.. comment.Split(' ').Select(word => word.Split('=')).Where(pair => pair.Length == 2).Select(pair => (pair[0], pair[1]))];
}
