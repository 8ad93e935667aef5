using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>
/// A resource of a gateway: http, a literal address, a port, a path. A gateway says where it wants to be asked, and so
/// could send us anywhere: names, other schemes, credentials and control characters are refused, and who uses this compares
/// the address with the one that answered.
/// </summary>
public readonly record struct GatewayUrl(Endpoint Host, string Path)
{
    /// <summary>Characters of the longest one that is read.</summary>
    public const int MaxLength = 512;

    public static bool TryParse(ReadOnlySpan<char> text, out GatewayUrl url)
    {
        url = default;
        const string scheme = "http://";
        if (text.Length > MaxLength || !text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        text = text[scheme.Length..];
        var slash = text.IndexOf('/');
        var authority = slash < 0 ? text : text[..slash];
        if (!TryParseAuthority(authority, out var host) || !TryCleanPath(slash < 0 ? "/" : text[slash..], out var path))
            return false;
        url = new GatewayUrl(host, path);
        return true;
    }

    /// <summary>Another resource of the same gateway: an absolute URL of the same host and port, or a path.</summary>
    public bool TryResolve(ReadOnlySpan<char> reference, out GatewayUrl url)
    {
        url = default;
        reference = reference.Trim();
        if (reference.Contains("://", StringComparison.Ordinal))
            return TryParse(reference, out url) && url.Host == Host;
        if (reference.IsEmpty || reference.Length > MaxLength)
            return false;
        var full = reference[0] == '/' ? reference.ToString() : string.Concat(Path.AsSpan(0, Path.LastIndexOf('/') + 1), reference);
        if (full.StartsWith("//", StringComparison.Ordinal) || !TryCleanPath(full, out var path))
            return false;
        url = new GatewayUrl(Host, path);
        return true;
    }

    public override string ToString() => $"http://{Host}{Path}";

    static bool TryParseAuthority(ReadOnlySpan<char> authority, out Endpoint host)
    {
        if (Endpoint.TryParse(authority, out host))
            return host.Port != 0;
        var bare = authority is ['[', .., ']'] ? authority[1..^1] : authority;
        host = new Endpoint(default, 80);
        if (!IpAddress.TryParse(bare, out var address))
            return false;
        host = new Endpoint(address, 80);
        return true;
    }

    /// <summary>Printable ASCII without blanks, so that it can stand in a request line as it is.</summary>
    static bool TryCleanPath(ReadOnlySpan<char> text, out string path)
    {
        path = "";
        if (text.IndexOf('#') is >= 0 and var fragment)
            text = text[..fragment];
        if (text.IsEmpty || text[0] != '/' || text.ContainsAnyExceptInRange('!', '~'))
            return false;
        path = text.ToString();
        return true;
    }
}
