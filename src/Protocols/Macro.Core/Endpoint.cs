using System.Globalization;

namespace Macro.Core;

/// <summary>A UDP or TCP endpoint: address and port.</summary>
public readonly record struct Endpoint(IpAddress Address, ushort Port)
{
    /// <summary>No endpoint known.</summary>
    public bool IsNone => this == default;

    public static Endpoint Parse(string text) =>
        TryParse(text, out var endpoint) ? endpoint : throw new FormatException($"'{text}' is not an endpoint (a.b.c.d:port or [v6]:port).");

    /// <summary>"a.b.c.d:port" or "[v6]:port". No names are resolved.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Endpoint endpoint)
    {
        endpoint = default;
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            return false;
        var host = text[..colon];
        var bracketed = host is ['[', .., ']'];
        if (bracketed)
            host = host[1..^1];
        if (!IpAddress.TryParse(host, out var address) || bracketed != host.Contains(':'))
            return false;
        endpoint = new Endpoint(address, port);
        return true;
    }

    public override string ToString() => Address.IsV4
        ? string.Create(CultureInfo.InvariantCulture, $"{Address}:{Port}")
        : string.Create(CultureInfo.InvariantCulture, $"[{Address}]:{Port}");
}
