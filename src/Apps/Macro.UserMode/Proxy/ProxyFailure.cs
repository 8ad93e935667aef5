using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>Why a request at the proxy is not served.</summary>
public enum ProxyFailure
{
    None,

    /// <summary>Not a request of the protocol that it began as.</summary>
    Malformed,

    /// <summary>A request head beyond the bound.</summary>
    TooLong,

    /// <summary>The user name cannot be an isolation key.</summary>
    BadCredentials,

    /// <summary>A request for a web server: the proxy is none, and a web page must not find one here.</summary>
    NotAProxyRequest,

    /// <summary>A command other than CONNECT and UDP ASSOCIATE, or https without CONNECT.</summary>
    Unsupported,

    /// <summary>SOCKS 5: an unknown type of address.</summary>
    AddressType,

    /// <summary>The target is one that the proxy, the resolver or the exit refuses.</summary>
    NotAllowed,

    /// <summary>The node is not connected.</summary>
    CircuitDown,

    /// <summary>No circuit could be built.</summary>
    CircuitFailed,

    /// <summary>As many circuits, associations or connections as may be.</summary>
    Busy,

    NameNotFound,

    /// <summary>The resolver at the exit failed or did not answer.</summary>
    NameFailed,

    Unreachable,

    Refused,

    TimedOut,

    /// <summary>The server's answer was no HTTP, or ended before its head did.</summary>
    BadAnswer,
}

/// <summary>Failures in the words of other parts, and of the protocols.</summary>
static class ProxyFailures
{
    internal static ProxyFailure Of(CircuitRefusal refusal) => refusal switch
    {
        CircuitRefusal.Down => ProxyFailure.CircuitDown,
        CircuitRefusal.TooMany => ProxyFailure.Busy,
        CircuitRefusal.NotAllowed => ProxyFailure.NotAllowed,
        _ => ProxyFailure.CircuitFailed,
    };

    internal static ProxyFailure Of(NameVerdict verdict) => verdict switch
    {
        NameVerdict.NotFound => ProxyFailure.NameNotFound,
        NameVerdict.Refused => ProxyFailure.NotAllowed,
        _ => ProxyFailure.NameFailed,
    };

    internal static ProxyFailure Of(TcpFailure failure) => failure switch
    {
        TcpFailure.Refused or TcpFailure.Reset => ProxyFailure.Refused,
        TcpFailure.TimedOut => ProxyFailure.TimedOut,
        TcpFailure.Prohibited => ProxyFailure.NotAllowed,
        TcpFailure.OutOfMemory => ProxyFailure.Busy,
        _ => ProxyFailure.Unreachable,
    };

    /// <summary>RFC 1928 6 has no words for a circuit: general failure. A server that does not answer is a TTL that ran out.</summary>
    internal static Socks5Reply ToSocks5(ProxyFailure failure) => failure switch
    {
        ProxyFailure.None => Socks5Reply.Succeeded,
        ProxyFailure.NotAllowed => Socks5Reply.NotAllowed,
        ProxyFailure.Unreachable or ProxyFailure.NameNotFound => Socks5Reply.HostUnreachable,
        ProxyFailure.Refused => Socks5Reply.ConnectionRefused,
        ProxyFailure.TimedOut => Socks5Reply.TimeToLiveExpired,
        ProxyFailure.Unsupported => Socks5Reply.CommandNotSupported,
        ProxyFailure.AddressType => Socks5Reply.AddressTypeNotSupported,
        _ => Socks5Reply.GeneralFailure,
    };

    internal static (int Status, string Text) ToHttp(ProxyFailure failure) => failure switch
    {
        ProxyFailure.TooLong => (431, "The head of the request is longer than 32 KiB."),
        ProxyFailure.BadCredentials => (407, "Proxy-Authorization must be Basic; its user name (UTF-8, no control characters) chooses the circuit."),
        ProxyFailure.NotAProxyRequest => (400, "This is the proxy of Macro VPN, not a web server: enter its address as HTTP or SOCKS5 proxy."),
        ProxyFailure.Unsupported => (400, "For https use CONNECT."),
        ProxyFailure.NotAllowed => (403, "This target is not allowed: the proxy or the exit refuses it. Another exit may have another policy."),
        ProxyFailure.CircuitDown => (503, "Macro VPN is not connected. Connect it, then try again."),
        ProxyFailure.CircuitFailed => (503, "No circuit could be built, or it broke. Try again; 'macrovpn doctor' finds out why."),
        ProxyFailure.Busy => (503, "Too many circuits or connections at once. Close some, or use fewer user names."),
        ProxyFailure.NameNotFound => (502, "The name has no address. Check how it is spelled."),
        ProxyFailure.NameFailed => (502, "The resolver at the exit did not answer. Try again."),
        ProxyFailure.Unreachable => (502, "The exit finds no way to the server. Try again later, or through another exit."),
        ProxyFailure.Refused => (502, "The server refused the connection. Check the port."),
        ProxyFailure.TimedOut => (504, "The server did not answer. Try again later."),
        ProxyFailure.BadAnswer => (502, "The answer of the server is not HTTP, or was cut off."),
        _ => (400, "The request is malformed."),
    };
}
