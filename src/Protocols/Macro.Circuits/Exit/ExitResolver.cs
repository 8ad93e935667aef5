using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits;

/// <summary>The addresses at which every exit answers DNS queries of its clients, whatever its mode.</summary>
public static class ExitResolver
{
    const ushort Port = 53;
    const int V4Source = 12, V4Destination = 16, V6Source = 8;

    /// <summary>100.64.0.53 and fd6d:6163:726f::35.</summary>
    public static readonly AddressPair Address = new(IpAddress.Parse("100.64.0.53"), IpAddress.Parse("fd6d:6163:726f::35"));

    /// <summary>A whole UDP datagram or TCP segment to port 53 there. Fragments are none: no query is that long.</summary>
    public static bool IsFor(in IpView packet) =>
        packet.Destination == Address.OfFamily(packet.IsV4)
        && !packet.IsSourceRouted && !packet.IsLaterFragment && !packet.MoreFragments
        && packet.Protocol switch
        {
            IpProtocol.Udp => UdpView.TryParse(packet.Payload, out _) && UdpView.DestinationPortOf(packet.Payload) == Port,
            IpProtocol.Tcp => TcpView.TryParse(packet.Payload, out var tcp) && tcp.DestinationPort == Port,
            _ => false,
        };

    /// <summary>
    /// Neither UDP nor TCP, and yet from there: the resolver sends nothing else, and notices of the exit itself do not come from outside. Somebody out there
    /// would have a client believe that its exit refuses.
    /// </summary>
    public static bool IsForged(ReadOnlySpan<byte> ipPacket)
    {
        if (ipPacket.Length < Ipv6View.FixedHeader && (ipPacket.Length < V4Destination + 4 || ipPacket[0] >> 4 != 4))
            return false;
        return ipPacket[0] >> 4 == 4
            ? (IpProtocol)ipPacket[9] is not (IpProtocol.Udp or IpProtocol.Tcp) && IsAt(ipPacket, V4Source, V4)
            : (IpProtocol)ipPacket[6] is not (IpProtocol.Udp or IpProtocol.Tcp) && IsAt(ipPacket, V6Source, V6);
    }

    static bool IsAt(ReadOnlySpan<byte> ipPacket, int offset, ReadOnlySpan<byte> address) => ipPacket.Slice(offset, address.Length).SequenceEqual(address);

    static ReadOnlySpan<byte> V4 => [100, 64, 0, 53];

    static ReadOnlySpan<byte> V6 => [0xfd, 0x6d, 0x61, 0x63, 0x72, 0x6f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x35];
}
