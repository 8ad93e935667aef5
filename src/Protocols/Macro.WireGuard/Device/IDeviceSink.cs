using Macro.Core;

namespace Macro.WireGuard;

/// <summary>
/// How the pump threads hand to the owner thread what they cannot do themselves. Called on pump threads; an implementation copies into a
/// bounded queue and returns. Spans are valid during the call only.
/// </summary>
public interface IDeviceSink
{
    /// <summary>An initiation, response or cookie reply, for <see cref="Device.HandleHandshake"/>.</summary>
    void HandleHandshake(ReadOnlySpan<byte> datagram, Endpoint source);

    /// <summary>A packet for a peer without a session, for <see cref="Device.HandlePacket"/>.</summary>
    void HandlePacket(Peer peer, ReadOnlySpan<byte> packet);

    /// <summary>For <see cref="Device.HandleActivity"/>; rare.</summary>
    void HandleActivity(Peer peer);
}
