using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>What a <see cref="Tunnel"/> starts with.</summary>
public sealed record TunnelOptions
{
    /// <summary>Our static key; shared by many tunnels, not owned.</summary>
    public required PrivateKey PrivateKey { get; init; }

    /// <summary>The peer's static key.</summary>
    public required PublicKey Remote { get; init; }

    /// <summary>32 bytes, or null for none; not owned.</summary>
    public SecretBytes? PresharedKey { get; init; }

    /// <summary>Zero (default) is off; else 1 to 65535 s.</summary>
    public TimeSpan PersistentKeepalive { get; init; }

    /// <summary>False for a relay's side of an anonymous client: answers, but never begins or renews by itself.</summary>
    public bool MayInitiate { get; init; } = true;

    /// <summary>Packets that wait for a handshake; the oldest go first when there are more. Default 128.</summary>
    public int StagedPackets { get; init; } = 128;

    /// <summary>Packets are padded to at least so many bytes, at most the MTU. Default 0: as WireGuard pads.</summary>
    public int PadTo { get; init; }

    /// <summary>What a keepalive carries, that the other side knows for one. Default nothing, as in WireGuard.</summary>
    public ReadOnlyMemory<byte> Keepalive { get; init; }

    /// <summary>Inner MTU in bytes, up to which packets are padded. Default 1420.</summary>
    public int Mtu { get; init; } = 1420;
}
