using Macro.Core;

namespace Macro.UserMode;

/// <summary>How the proxy listens and what it puts up with.</summary>
public sealed record ProxyOptions
{
    /// <summary>Where it listens. Default 127.0.0.1:1080 and [::1]:1080. Port 0 takes any free one.</summary>
    public IReadOnlyList<Endpoint> Listen { get; init; } = [new(IpAddress.V4Loopback, 1080), new(IpAddress.V6Loopback, 1080)];

    /// <summary>Clients that may use it, by address. Default: this machine only.</summary>
    public IReadOnlyList<Prefix> Clients { get; init; } = [Prefix.Parse("127.0.0.0/8"), Prefix.Parse("::1/128")];

    /// <summary>Where the exits of users and sites are to be. Default: where all of the connection's are.</summary>
    public IReadOnlyList<ExitChoice> Exits { get; init; } = [];

    /// <summary>Most connections at once, 1 to 65535. Default 4096; one more is closed at once.</summary>
    public int MaxConnections { get; init; } = 4096;

    /// <summary>Most connections at once from one address. Default 4096.</summary>
    public int MaxConnectionsPerSource { get; init; } = 4096;

    /// <summary>Most UDP associations at once. Default 256.</summary>
    public int MaxAssociations { get; init; } = 256;

    /// <summary>How long a client may take to say what it wants. Default 30 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long circuit, name and connection together may take. Default 60 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Time without a byte either way after which a connection is closed. Default 2 h.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromHours(2);

    /// <summary>Time without a datagram either way after which a UDP association is closed. Default 3 min; RFC 4787 asks for 2 at least.</summary>
    public TimeSpan AssociationTimeout { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Firewall mark of the proxy's own sockets, so that rules can tell them; 0 for none.</summary>
    public uint Mark { get; init; }
}
