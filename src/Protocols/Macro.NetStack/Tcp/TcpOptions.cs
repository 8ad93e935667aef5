namespace Macro.NetStack;

/// <summary>When a connection uses explicit congestion notification (RFC 3168).</summary>
public enum EcnMode : byte
{
    /// <summary>Never.</summary>
    Off,

    /// <summary>When the peer asks for it.</summary>
    WhenAsked,

    /// <summary>Asked for in our SYN.</summary>
    Ask,
}

/// <summary>Settings of TCP connections; immutable and shared by any number of them.</summary>
public sealed record TcpOptions
{
    public static readonly TcpOptions Default = new();

    /// <summary>
    /// The largest segment that we send and receive: payload bytes without options, that is the MTU less 40 (IPv4) or
    /// 60 (IPv6). At least 88, default 1268: MTU 1328 with IPv6.
    /// </summary>
    public int Mss { get; init; } = 1268;

    /// <summary>Bytes; bound of the autotuned receive buffer. 16 KiB to 1 GiB, default 8 MiB.</summary>
    public int MaxReceiveBuffer { get; init; } = 8 << 20;

    /// <summary>Bytes; bound of the autotuned send buffer. 16 KiB to 1 GiB, default 8 MiB.</summary>
    public int MaxSendBuffer { get; init; } = 8 << 20;

    /// <summary>Small writes wait while data is unacknowledged (RFC 9293 3.7.4). Off, because applications behind a proxy have their own.</summary>
    public bool Nagle { get; init; }

    public EcnMode Ecn { get; init; } = EcnMode.WhenAsked;

    /// <summary>Idle time after which the peer is asked whether it is still there; zero: never. Default 2 hours.</summary>
    public TimeSpan KeepAliveIdle { get; init; } = TimeSpan.FromHours(2);

    /// <summary>Between unanswered keep-alive probes. Default 75 s.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(75);

    /// <summary>Unanswered keep-alive probes after which the connection has timed out. Default 9.</summary>
    public int KeepAliveProbes { get; init; } = 9;

    /// <summary>How long a SYN may go unanswered. Default 60 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long sent data may go unacknowledged (RFC 9293 3.9.1). Default 5 minutes.</summary>
    public TimeSpan UserTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Time in TIME-WAIT: two segment lifetimes. Default 60 s.</summary>
    public TimeSpan TimeWait { get; init; } = TimeSpan.FromSeconds(60);
}
