namespace Macro.NetStack;

/// <summary>What the first bytes of a stream turned out to be.</summary>
public enum InputVerdict
{
    /// <summary>A whole message; the bytes behind it belong to what comes next.</summary>
    Complete,

    /// <summary>The beginning of a message: try again with more bytes. There is a bound beyond which this is never said.</summary>
    Incomplete,

    /// <summary>No such message can begin like this.</summary>
    Malformed,

    /// <summary>A message beyond the bound.</summary>
    TooLong,
}

/// <summary>What a client of a proxy speaks.</summary>
public enum ProxyProtocol
{
    Unknown,
    Socks4,
    Socks5,
    Http,
}

/// <summary>Tells the protocols of a proxy apart.</summary>
public static class ProxyProtocols
{
    /// <summary>By the first byte: a version of SOCKS, or the first letter of an HTTP method.</summary>
    public static ProxyProtocol Of(byte first) => first switch
    {
        4 => ProxyProtocol.Socks4,
        5 => ProxyProtocol.Socks5,
        >= (byte)'A' and <= (byte)'Z' => ProxyProtocol.Http,
        _ => ProxyProtocol.Unknown,
    };
}
