using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>Where a packet waits.</summary>
/// <param name="Queue">What shares fairly with others: a hash.</param>
/// <param name="IsSmall">It goes before the others of its queue.</param>
/// <param name="Cost">Bytes as they load the link, 1 and up.</param>
public readonly record struct QueuePlace(uint Queue, bool IsSmall, int Cost);

/// <param name="remote">Where a datagram goes; none for an IP packet.</param>
public delegate QueuePlace PacketSorter(ReadOnlySpan<byte> packet, Endpoint remote);

public static class PacketSorters
{
    /// <summary>
    /// Bytes of a datagram that still counts as small: an inner packet of 300 bytes within three layers. Of what is sealed nobody can
    /// tell more than its length.
    /// </summary>
    const int Small = 300 + 3 * CircuitMtu.PerHop;

    const int HeadersV4 = 28, HeadersV6 = 48;

    /// <summary>
    /// Of a relay or exit: each circuit has a queue. The receiver's index tells circuits apart, in both directions; packets of an exit
    /// bear the session's address.
    /// </summary>
    public static QueuePlace ByCircuit(ReadOnlySpan<byte> packet, Endpoint remote)
    {
        if (!remote.IsNone)
        {
            var index = Message.TryReadReceiver(packet, out var receiver) ? receiver : 0;
            return new QueuePlace((uint)HashCode.Combine(remote, index), packet.Length <= Small, packet.Length + (remote.Address.IsV4 ? HeadersV4 : HeadersV6));
        }
        var session = IpView.TryParse(packet, out var view) ? view.Source.GetHashCode() : 0;
        return new QueuePlace((uint)HashCode.Combine(session), packet.Length <= Small, Math.Max(1, packet.Length));
    }
}
