using Macro.Core;

namespace Macro.WireGuard;

public enum DeviceEventKind
{
    /// <summary>The shell binds <see cref="Device.ListenPort"/>; 0 means any free port, to be written back there.</summary>
    ListenPortChanged,

    /// <summary>The shell sets <see cref="Device.FirewallMark"/> on the sockets.</summary>
    FirewallMarkChanged,

    /// <inheritdoc cref="TunnelEventKind.SessionEstablished"/>
    SessionEstablished,

    /// <inheritdoc cref="TunnelEventKind.HandshakeFailed"/>
    HandshakeFailed,

    /// <inheritdoc cref="TunnelEventKind.KeysErased"/>
    KeysErased,
}

/// <param name="Peer">Whom it concerns; null for the device itself.</param>
public readonly record struct DeviceEvent(DeviceEventKind Kind, Peer? Peer = null);

/// <summary>One datagram to send.</summary>
public readonly record struct Transmit(ReadOnlyMemory<byte> Datagram, Endpoint Remote);
