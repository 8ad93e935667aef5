using System.Buffers;
using System.Text;
using Macro.Core;

namespace Macro.NetStack;

/// <summary>Where a client of a proxy wants to go: an address, or a name that is to be resolved at the exit.</summary>
public readonly record struct ProxyTarget
{
    /// <summary>Most bytes of a name (RFC 1035 2.3.4, in text without the final dot).</summary>
    public const int MaxName = 253;

    const int MaxLabel = 63;

    static readonly SearchValues<byte> s_nameBytes = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."u8);

    public ProxyTarget(Endpoint endpoint) => (Address, Port) = (endpoint.Address, endpoint.Port);

    ProxyTarget(string name, ushort port) => (Name, Port) = (name, port);

    /// <summary>Lower-case ASCII without a final dot; null when the target is an address.</summary>
    public string? Name { get; }

    /// <summary>Meaningful when there is no name.</summary>
    public IpAddress Address { get; }

    public ushort Port { get; }

    /// <summary>
    /// Reads a host: an IPv4 address, an IPv6 address with or without brackets, or a domain name of letters, digits, hyphens and
    /// underscores. An address written as a name is an address: nobody is asked about it.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> host, ushort port, out ProxyTarget target)
    {
        target = default;
        if (host.Length is 0 or > MaxName + 1 || port == 0)
            return false;
        if (host.Contains((byte)':'))
            return TryParseV6(host, port, out target);
        if (host.ContainsAnyExcept(s_nameBytes))
            return false;
        if (host[^1] == '.')
            host = host[..^1];
        // A name never ends in a number (RFC 3696 2, WHATWG URL 3.5): what does is an IPv4 address, or nothing.
        if (EndsInNumber(host))
        {
            Span<char> text = stackalloc char[15];
            if (host.Length > text.Length || !IpAddress.TryParse(text[..Encoding.ASCII.GetChars(host, text)], out var address))
                return false;
            target = new ProxyTarget(new Endpoint(address, port));
            return true;
        }
        if (!HasLabels(host))
            return false;
        Span<byte> lower = stackalloc byte[MaxName];
        _ = Ascii.ToLower(host, lower, out var length);
        target = new ProxyTarget(Encoding.ASCII.GetString(lower[..length]), port);
        return true;
    }

    public override string ToString() => Name is null ? new Endpoint(Address, Port).ToString() : $"{Name}:{Port}";

    static bool TryParseV6(ReadOnlySpan<byte> host, ushort port, out ProxyTarget target)
    {
        target = default;
        if (host is [(byte)'[', .., (byte)']'])
            host = host[1..^1];
        Span<char> text = stackalloc char[45];
        if (host.Length > text.Length || !Ascii.IsValid(host)
            || !IpAddress.TryParse(text[..Encoding.ASCII.GetChars(host, text)], out var address))
            return false;
        target = new ProxyTarget(new Endpoint(address, port));
        return true;
    }

    static bool EndsInNumber(ReadOnlySpan<byte> host)
    {
        var last = host[(host.LastIndexOf((byte)'.') + 1)..];
        return !last.IsEmpty && (!last.ContainsAnyExceptInRange((byte)'0', (byte)'9') || last is [(byte)'0', (byte)'x' or (byte)'X', ..]);
    }

    static bool HasLabels(ReadOnlySpan<byte> host)
    {
        if (host.Length is 0 or > MaxName)
            return false;
        foreach (var label in host.Split((byte)'.'))
            if (host[label].Length is 0 or > MaxLabel)
                return false;
        return true;
    }
}
