using Macro.Nat;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>What a datagram of the node's one UDP port is. All protocols share the port and differ in their first bytes.</summary>
public enum DatagramKind
{
    /// <summary>None that is spoken here: dropped and counted.</summary>
    Unknown,

    /// <summary>Type 1..4, three zero bytes, a length that the type may have.</summary>
    WireGuard,

    /// <summary>A message of the DHT: a bencoded dictionary, which begins with 'd' (BEP 5).</summary>
    Krpc,

    /// <summary>Looks for a direct path: docs/protocol/disco.md.</summary>
    Disco,

    /// <summary>A STUN message: two zero bits, and the magic cookie in bytes 4 to 7 (RFC 8489 5).</summary>
    Stun,
}

public static class DatagramKinds
{
    public static DatagramKind Of(ReadOnlySpan<byte> datagram) => datagram switch
    {
        [(byte)'d', ..] => DatagramKind.Krpc,
        _ when DiscoMessage.IsDisco(datagram) => DatagramKind.Disco,
        [< 0x40, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..] when datagram.Length >= 20 && !Message.TryReadType(datagram, out var _) => DatagramKind.Stun,
        _ when Message.TryReadType(datagram, out var _) => DatagramKind.WireGuard,
        _ => DatagramKind.Unknown,
    };
}
