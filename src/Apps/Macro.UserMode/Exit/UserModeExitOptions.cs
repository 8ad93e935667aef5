namespace Macro.UserMode;

/// <summary>From whom a mapped UDP port takes datagrams (RFC 4787 5).</summary>
public enum UdpFiltering
{
    /// <summary>From everybody: what applications that meet through a third party need (REQ-8).</summary>
    EndpointIndependent,

    /// <summary>From addresses to which the client has sent from this port.</summary>
    AddressDependent,
}

/// <summary>How much a user-mode exit does for its sessions, and for each of them.</summary>
public sealed record UserModeExitOptions
{
    /// <summary>Inner MTU in bytes. Default 1328, that of every circuit.</summary>
    public int Mtu { get; init; } = 1328;

    /// <summary>Loopback addresses may be targets, as far as the policy lets them: <see cref="NetStack.StackOptions.FarLoopback"/>. Default false.</summary>
    public bool FarLoopback { get; init; }

    /// <summary>Most TCP connections of one session, attempts included, 1..65535. Default 1024.</summary>
    public int MaxConnectionsPerSession { get; init; } = 1024;

    /// <summary>As <see cref="MaxConnectionsPerSession"/>, of all sessions. Default 16384; each takes a file descriptor.</summary>
    public int MaxConnections { get; init; } = 16384;

    /// <summary>Most connections of one session that are on their way up, 1..65535. Default 512; the SYN of one more is dropped, and comes again.</summary>
    public int MaxHalfOpenPerSession { get; init; } = 512;

    /// <summary>As <see cref="MaxHalfOpenPerSession"/>, of all sessions. Default 4096; one more drops the oldest.</summary>
    public int MaxHalfOpen { get; init; } = 4096;

    /// <summary>Most mapped UDP ports of one session. Default 512; one more takes the place of the one unused for longest.</summary>
    public int MaxMappingsPerSession { get; init; } = 512;

    /// <summary>As <see cref="MaxMappingsPerSession"/>, of all sessions. Default 8192; each takes a file descriptor.</summary>
    public int MaxMappings { get; init; } = 8192;

    /// <summary>Most identifiers of echo requests of one session at once. Default 16.</summary>
    public int MaxEchoesPerSession { get; init; } = 16;

    /// <summary>
    /// New flows of one session in a second, of all kinds. Default 200, and as many at once; connections beyond wait for their
    /// turn, datagrams are dropped.
    /// </summary>
    public int NewFlowsPerSecond { get; init; } = 200;

    /// <summary>Sessions about which something is remembered. Default 20000.</summary>
    public int MaxSessions { get; init; } = 20_000;

    /// <summary>How long connecting may take. Default 30 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time without a byte after which a connection is closed. Default 2 h 4 min (RFC 5382 REQ-5).</summary>
    public TimeSpan ConnectionIdle { get; init; } = TimeSpan.FromMinutes(124);

    /// <summary>How long a mapped UDP port lives after the client's last datagram. Default 120 s (RFC 4787 REQ-5).</summary>
    public TimeSpan MappingIdle { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>As <see cref="MappingIdle"/>, of a port from which only DNS was asked. Default 30 s.</summary>
    public TimeSpan QueryIdle { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an identifier of echo requests lives after the last one. Default 60 s (RFC 5508 REQ-1).</summary>
    public TimeSpan EchoIdle { get; init; } = TimeSpan.FromSeconds(60);

    public UdpFiltering Filtering { get; init; }

    /// <summary>Firewall mark of the sockets, so that rules can tell them; 0 for none.</summary>
    public uint Mark { get; init; }
}

/// <summary>Totals of one exit since it was made; nothing in them tells who, when or where to.</summary>
public sealed class UserModeExitCounters
{
    /// <summary>Connections that came up outside.</summary>
    public long Connected { get; internal set; }

    /// <summary>Attempts to connect that failed outside.</summary>
    public long ConnectFailed { get; internal set; }

    /// <summary>Flows, datagrams and echoes that the policy denies.</summary>
    public long Denied { get; internal set; }

    /// <summary>Flows refused because their session, or all together, have enough of them, or want too many at once.</summary>
    public long Limited { get; internal set; }

    /// <summary>UDP ports mapped.</summary>
    public long Mapped { get; internal set; }

    /// <summary>Datagrams from outside that the filter did not let through.</summary>
    public long Filtered { get; internal set; }

    /// <summary>Datagrams dropped because the machine or the stack would not take them.</summary>
    public long Dropped { get; internal set; }

    /// <summary>Echo requests that this system allows nobody to send.</summary>
    public long EchoesRefused { get; internal set; }

    /// <summary>As <see cref="Denied"/>, because the target is an address of this machine that the policy does not know.</summary>
    public long OwnAddress { get; internal set; }
}
