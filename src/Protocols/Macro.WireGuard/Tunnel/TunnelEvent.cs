namespace Macro.WireGuard;

public enum TunnelEventKind
{
    /// <summary>A session is proven by both sides and is now the one to send with. Comes with every renewal.</summary>
    SessionEstablished,

    /// <summary>No answer for 90 s: given up, staged packets dropped. New data begins again.</summary>
    HandshakeFailed,

    /// <summary>All keys were wiped: no new handshake for 540 s.</summary>
    KeysErased,
}

/// <param name="Session">The new session with <see cref="TunnelEventKind.SessionEstablished"/>, else null.</param>
public readonly record struct TunnelEvent(TunnelEventKind Kind, Session? Session = null);
