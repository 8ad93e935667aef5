namespace Macro.WireGuard;

/// <summary>What a <see cref="Tunnel"/> wants done.</summary>
public enum TunnelOutputKind
{
    Nothing,

    /// <summary>Send the first <see cref="TunnelOutput.Length"/> bytes of the buffer to the peer.</summary>
    ToNetwork,

    /// <summary>Deliver <see cref="TunnelOutput.Packet"/>.</summary>
    ToTunnel,

    /// <summary>The input was refused; <see cref="TunnelOutput.Reason"/> says why. Answer nothing.</summary>
    Dropped,
}

/// <summary>Why a <see cref="Tunnel"/> refused an input.</summary>
public enum DropReason
{
    None,

    /// <summary>Not a message of a type that the verb takes, or an impossible size.</summary>
    Malformed,

    /// <summary>No session or handshake of this tunnel has that index.</summary>
    UnknownIndex,

    /// <summary>A tag does not fit.</summary>
    NotAuthentic,

    /// <summary>Seen before, or older than the replay window or the newest initiation.</summary>
    Replay,

    /// <summary>The session is too old or has used up its counters.</summary>
    Expired,

    /// <summary>Initiations come faster than one in 20 ms.</summary>
    Flood,

    /// <summary>There is no session and this side may not begin one.</summary>
    NoSession,
}

/// <summary>One output of a <see cref="Tunnel"/>; spans point into the buffer that the caller gave.</summary>
public readonly ref struct TunnelOutput
{
    TunnelOutput(TunnelOutputKind kind, DropReason reason, int length, Span<byte> packet, bool authenticated)
    {
        Kind = kind;
        Reason = reason;
        Length = length;
        Packet = packet;
        Authenticated = authenticated;
    }

    public TunnelOutputKind Kind { get; }

    public DropReason Reason { get; }

    /// <summary>Bytes of the buffer to send.</summary>
    public int Length { get; }

    /// <summary>Plaintext as it was sealed, padding included.</summary>
    public Span<byte> Packet { get; }

    /// <summary>The datagram that went in proved the peer: its source is now the peer's endpoint (roaming, whitepaper 2.1).</summary>
    public bool Authenticated { get; }

    internal static TunnelOutput Nothing => default;
    internal static TunnelOutput Dropped(DropReason reason) => new(TunnelOutputKind.Dropped, reason, 0, default, false);
    internal static TunnelOutput ToNetwork(int length) => new(TunnelOutputKind.ToNetwork, DropReason.None, length, default, false);
    internal static TunnelOutput ToTunnel(Span<byte> packet) => new(TunnelOutputKind.ToTunnel, DropReason.None, 0, packet, true);

    internal TunnelOutput Proven() => new(Kind, Reason, Length, Packet, true);
}
