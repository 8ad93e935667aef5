using Macro.Core;

namespace Macro.NetStack;

/// <summary>What a <see cref="Stack"/> answers for, and how much it holds at most.</summary>
public sealed record StackOptions
{
    /// <summary>The stack's own addresses. Empty: it answers for any destination (the user-mode exit).</summary>
    public IReadOnlyList<IpAddress> Addresses { get; init; } = [];

    /// <summary>
    /// Addresses of 127.0.0.0/8 may be far ends, as in a network that is all on one machine. Whether one may be reached is
    /// for the exit's policy to say. Default false: such a packet is dropped (RFC 1122 3.2.1.3 g).
    /// </summary>
    public bool FarLoopback { get; init; }

    /// <summary>Largest IP packet in bytes, both ways. Default 1328, what fits into every circuit; 1280..65535.</summary>
    public int Mtu { get; init; } = 1328;

    /// <summary>TTL or hop limit of what leaves. Default 64.</summary>
    public byte TimeToLive { get; init; } = 64;

    /// <summary>Most TCP connections in any state. Default 16384; one more SYN is dropped.</summary>
    public int MaxConnections { get; init; } = 16384;

    /// <summary>Most incoming connections whose handshake is not over. Default 1024; one more drops the oldest.</summary>
    public int MaxHalfOpen { get; init; } = 1024;

    /// <summary>As <see cref="MaxHalfOpen"/>, of one source address. Default 128.</summary>
    public int MaxHalfOpenPerSource { get; init; } = 128;

    /// <summary>Most packets that wait for fragments. Default 64; one more drops the oldest.</summary>
    public int MaxReassemblies { get; init; } = 64;

    /// <summary>Most bytes of fragments that wait. Default 1 MiB; more drops the oldest packets.</summary>
    public int MaxReassemblyBytes { get; init; } = 1 << 20;

    /// <summary>How long the fragments of a packet wait for each other. Default 15 s (RFC 1122 3.3.2 asks for 60, Linux does 30).</summary>
    public TimeSpan ReassemblyTime { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Most destinations whose path MTU is remembered. Default 1024; one more forgets the oldest.</summary>
    public int MaxPathMtus { get; init; } = 1024;

    /// <summary>Most bytes of UDP that wait to be taken by <see cref="Stack.TryTransmit"/>. Default 1 MiB; more is refused.</summary>
    public int MaxDatagramBytes { get; init; } = 1 << 20;

    /// <summary>Most ICMP messages and resets in a second of our own accord, to all together. Default 10000 (RFC 1812 4.3.2.8, RFC 4443 2.4 f).</summary>
    public int MaxErrorsPerSecond { get; init; } = 10_000;

    /// <summary>As <see cref="MaxErrorsPerSecond"/>, to one address. Default 1000.</summary>
    public int MaxErrorsPerSecondTo { get; init; } = 1000;

    /// <summary>Segments that one connection sends before another has its turn. Default 44: about what the kernel takes in one piece, 64 KiB.</summary>
    public int SegmentsPerTurn { get; init; } = 44;

    /// <summary>First port that <see cref="Stack.Connect"/> and <see cref="Stack.TryBind(bool, IUdpHandler, out Endpoint)"/> choose from, up to 65535. Default 16384.</summary>
    public ushort FirstEphemeralPort { get; init; } = 16384;

    /// <summary>For every connection.</summary>
    public TcpOptions Tcp { get; init; } = new();
}
