using Macro.Core;

namespace Macro.Daemon.Tcp;

/// <summary>What strangers may take of a relay by TCP.</summary>
sealed record TcpLimits
{
    /// <summary>Connections together, 1.. Each holds at most some 200 KiB.</summary>
    public int Connections { get; init; } = 512;

    /// <summary>Connections of one IPv4 address or IPv6 /48.</summary>
    public int OfOneSource { get; init; } = 32;

    /// <summary>Connections that carried no answer of this node yet: TLS or WireGuard is under way.</summary>
    public int Unproven { get; init; } = 64;

    /// <summary>Connections taken in ten seconds: a TLS handshake costs a millisecond.</summary>
    public int InTenSeconds { get; init; } = 500;

    /// <summary>For TLS, and for the first WireGuard message that this node answers.</summary>
    public TimeSpan Handshake { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Without a message from the other end. A session ends with 180 s of silence, too.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(180);

    /// <summary>The other end takes nothing.</summary>
    public TimeSpan Stuck { get; init; } = TimeSpan.FromSeconds(20);
}
