using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>Where a packet waits.</summary>
/// <param name="Queue">What shares fairly with others: a hash.</param>
/// <param name="IsSmall">It goes before the others of its queue.</param>
/// <param name="IsMarkable">Congestion can be told by a mark (ECN): it need not be dropped for that.</param>
/// <param name="Cost">Bytes as they load the link, 1 and up.</param>
public readonly record struct QueuePlace(uint Queue, bool IsSmall, bool IsMarkable, int Cost);

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
            return new QueuePlace((uint)HashCode.Combine(remote, index), packet.Length <= Small, !TcpEndpoint.Is(remote), packet.Length + (remote.Address.IsV4 ? HeadersV4 : HeadersV6));
        }
        var session = IpView.TryParse(packet, out var view) ? view.Source.GetHashCode() : 0;
        return new QueuePlace((uint)HashCode.Combine(session), packet.Length <= Small, IsCapable(packet), Math.Max(1, packet.Length));
    }

    /// <summary>
    /// Of a client's own packets: each flow has a queue. Nobody who sends little waits behind somebody who sends much, and no flow
    /// overtakes itself.
    /// </summary>
    /// <param name="hops">Of the circuit: each costs a layer.</param>
    public static QueuePlace ByFlow(ReadOnlySpan<byte> packet, int hops)
    {
        var cost = HeadersV4 + Message.DataOverhead + Message.PaddedLength(packet.Length, CircuitMtu.Payload) + (hops - 1) * CircuitMtu.PerHop;
        if (!IpView.TryParse(packet, out var view))
            return new QueuePlace(0, false, false, cost);
        // Both ports of TCP and UDP are the first four bytes behind the IP header, and no others are told apart.
        var payload = view.Payload;
        var ports = view.Protocol is IpProtocol.Tcp or IpProtocol.Udp && payload.Length >= 4 ? BinaryPrimitives.ReadUInt32BigEndian(payload) : 0;
        return new QueuePlace((uint)HashCode.Combine(view.Source, view.Destination, view.Protocol, ports), false, IsCapable(packet), cost);
    }

    static bool IsCapable(ReadOnlySpan<byte> packet) => packet.Length > 1 && EcnField.Read(packet) != Ecn.NotCapable;
}
