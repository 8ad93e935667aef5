using CsCheck;
using Macro.Core.Packets;

namespace Macro.Core.Tests.Packets;

public class ViewTests
{
    /// <summary>Bytes that look like packets often enough to get past the first checks.</summary>
    static readonly Gen<byte[]> Hostile = Gen.Select(Gen.Byte.Array[0, 120], OneOf(0x45, 0x46, 0x4f, 0x60, 0x00), OneOf(0, 6, 17, 43, 44, 51, 58, 60), Gen.Bool)
        .Select((bytes, first, protocol, fitting) =>
        {
            if (bytes.Length < 48)
                return bytes;
            bytes[0] = first;
            var v4 = first >> 4 == 4;
            bytes[v4 ? 9 : 6] = protocol;
            if (fitting)
            {
                bytes[v4 ? 2 : 4] = 0;
                bytes[v4 ? 3 : 5] = (byte)(bytes.Length - (v4 ? 0 : 40));
                // Extension headers that chain: small lengths, known next headers.
                if (!v4)
                    (bytes[40], bytes[41]) = (protocol, (byte)(bytes[41] & 3));
            }
            return bytes;
        });

    [Fact]
    public void Random_bytes_never_throw() => Hostile.Sample(bytes =>
    {
        if (IpView.TryParse(bytes, out var ip))
        {
            _ = (ip.Source, ip.Destination, ip.Protocol, ip.FragmentOffset, ip.IsFragment, ip.IsLaterFragment, ip.IsSourceRouted);
            Assert.True(ip.PayloadOffset + ip.Payload.Length == ip.Bytes.Length && ip.Bytes.Length <= bytes.Length);
            Touch(ip.Payload);
        }
        if (Ipv4View.TryParse(bytes, out var v4))
            _ = (v4.TrafficClass, v4.Identification, v4.DontFragment, v4.TimeToLive, v4.Options.Length, v4.HasRightChecksum);
        if (Ipv6View.TryParse(bytes, out var v6))
            _ = (v6.TrafficClass, v6.FlowLabel, v6.HopLimit, v6.IsFragment, v6.HasRoutingHeader, v6.MoreFragments);
        Touch(bytes);
    }, iter: 200_000);

    [Fact]
    public void Every_cut_of_a_packet_is_refused_or_safe()
    {
        var packet = V6(IpProtocol.HopByHop, [.. Extension(IpProtocol.Fragment, 8), .. Fragment(IpProtocol.Udp, 0, more: true), .. new byte[20]]);

        for (var length = 0; length < packet.Length; length++)
            Assert.False(IpView.TryParse(packet.AsSpan(..length), out _));
    }

    [Fact]
    public void An_ipv4_packet_shows_its_fields()
    {
        byte[] packet = [0x46, 0xb8, 0, 28, 0x12, 0x34, 0x20, 0x03, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 1, 1, 1, 0, 9, 9, 9, 9, 0xee];

        Assert.True(Ipv4View.TryParse(packet, out var view));

        Assert.Equal(24, view.HeaderLength);
        Assert.Equal(0xb8, view.TrafficClass);
        Assert.Equal(0x1234, view.Identification);
        Assert.True(view.MoreFragments);
        Assert.False(view.DontFragment);
        Assert.Equal(24, view.FragmentOffset);
        Assert.Equal(64, view.TimeToLive);
        Assert.Equal(IpProtocol.Udp, view.Protocol);
        Assert.Equal("192.0.2.1", view.Source.ToString());
        Assert.Equal("198.51.100.2", view.Destination.ToString());
        Assert.Equal([1, 1, 1, 0], view.Options.ToArray());
        Assert.Equal([9, 9, 9, 9], view.Payload.ToArray());
    }

    [Theory]
    [InlineData(0, 0x55)] // version 5
    [InlineData(0, 0x44)] // header of 16 bytes
    [InlineData(0, 0x4f)] // header longer than the packet
    [InlineData(3, 19)] // total shorter than the header
    [InlineData(3, 29)] // total longer than what came
    public void A_broken_ipv4_header_is_refused(int at, byte value)
    {
        byte[] packet = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        Assert.True(Ipv4View.TryParse(packet, out _));
        packet[at] = value;

        Assert.False(Ipv4View.TryParse(packet, out _));
    }

    [Fact]
    public void Extension_headers_are_walked_to_the_transport_header()
    {
        var packet = V6(IpProtocol.HopByHop,
        [
            .. Extension(IpProtocol.DestinationOptions, 8), .. Extension(IpProtocol.Routing, 16), .. Extension(IpProtocol.Authentication, 8),
            (byte)IpProtocol.Fragment, 1, .. new byte[10], .. Fragment(IpProtocol.Tcp, 0, more: true), 1, 2, 3,
        ]);

        Assert.True(Ipv6View.TryParse(packet, out var view));

        Assert.Equal(IpProtocol.Tcp, view.Protocol);
        Assert.Equal([1, 2, 3], view.Payload.ToArray());
        Assert.True(view.IsFragment && view.MoreFragments && view.HasRoutingHeader);
        Assert.Equal(0, view.FragmentOffset);
    }

    [Fact]
    public void A_later_fragment_is_not_walked_any_further()
    {
        // What follows looks like an extension header and is the middle of something.
        var packet = V6(IpProtocol.Fragment, [.. Fragment(IpProtocol.DestinationOptions, 1480, more: false), 6, 200, 0, 0]);

        Assert.True(IpView.TryParse(packet, out var view));

        Assert.Equal(IpProtocol.DestinationOptions, view.Protocol);
        Assert.True(view.IsLaterFragment);
        Assert.Equal(1480, view.FragmentOffset);
        Assert.Equal(4, view.Payload.Length);
    }

    [Fact]
    public void Extension_headers_out_of_bounds_or_order_are_refused()
    {
        byte[][] packets =
        [
            V6(IpProtocol.HopByHop, [6, 1, 0, 0, 0, 0, 0, 0]),
            V6(IpProtocol.HopByHop, [6, 0, 0]),
            V6(IpProtocol.DestinationOptions, [.. Extension(IpProtocol.HopByHop, 8), .. Extension(IpProtocol.Tcp, 8)]),
            V6(IpProtocol.Fragment, [.. Fragment(IpProtocol.Fragment, 0, true), .. Fragment(IpProtocol.Udp, 0, true)]),
            V6(IpProtocol.DestinationOptions, [.. Enumerable.Range(0, 9).SelectMany(_ => Extension(IpProtocol.DestinationOptions, 8))]),
        ];

        Assert.All(packets, packet => Assert.False(Ipv6View.TryParse(packet, out _)));
    }

    [Fact]
    public void Source_routes_are_seen()
    {
        byte[] packet = [0x47, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 1, 131, 7, 4, 10, 0, 0, 1];
        Assert.True(IpView.TryParse(packet, out var view));
        Assert.True(view.IsSourceRouted);

        packet[21] = 7;
        Assert.True(IpView.TryParse(packet, out view));
        Assert.False(view.IsSourceRouted);
    }

    [Fact]
    public void Transport_headers_show_their_fields()
    {
        Assert.True(UdpView.TryParse([0x30, 0x39, 0, 53, 0, 9, 0xab, 0xcd, 7, 8], out var udp));
        Assert.Equal((12345, 53, 0xabcd, 1), (udp.SourcePort, udp.DestinationPort, udp.StatedChecksum, udp.Payload.Length));
        Assert.False(UdpView.TryParse([0, 1, 0, 2, 0, 7, 0, 0], out _));
        Assert.False(UdpView.TryParse([0, 1, 0, 2, 0, 9, 0, 0], out _));

        byte[] segment = [0, 80, 1, 187, 0, 0, 0, 5, 0, 0, 0, 6, 0x60, 0x12, 0xff, 0xff, 0xab, 0xcd, 0, 0, 1, 1, 1, 0, 42];
        Assert.True(TcpView.TryParse(segment, out var tcp));
        Assert.Equal((80, 443, 5u, 6u, 24), (tcp.SourcePort, tcp.DestinationPort, tcp.SequenceNumber, tcp.AcknowledgmentNumber, tcp.HeaderLength));
        Assert.Equal(TcpFlags.Syn | TcpFlags.Ack, tcp.Flags);
        Assert.Equal([42], tcp.Payload.ToArray());
        segment[12] = 0x40;
        Assert.False(TcpView.TryParse(segment, out _));
        segment[12] = 0x70;
        Assert.False(TcpView.TryParse(segment, out _));

        Assert.True(IcmpView.TryParse([8, 0, 0, 0, 0, 1, 0, 2, 9], v6: false, out var echo));
        Assert.True(echo.IsEchoRequest && !echo.IsError && echo.Identifier == 1 && echo.SequenceNumber == 2);
        Assert.True(IcmpView.TryParse([2, 0, 0, 0, 0, 0, 5, 0], v6: true, out var tooBig));
        Assert.True(tooBig.IsError && !tooBig.IsEchoReply);
    }

    static void Touch(ReadOnlySpan<byte> payload)
    {
        if (UdpView.TryParse(payload, out var udp))
            _ = (udp.SourcePort, udp.DestinationPort, udp.StatedChecksum, udp.Payload.Length);
        if (TcpView.TryParse(payload, out var tcp))
            _ = (tcp.SourcePort, tcp.DestinationPort, tcp.Flags, tcp.Window, tcp.Options.Length, tcp.Payload.Length, tcp.StatedChecksum);
        if (IcmpView.TryParse(payload, v6: true, out var icmp))
            _ = (icmp.Type, icmp.Code, icmp.IsError, icmp.Identifier, icmp.SequenceNumber, icmp.Payload.Length);
    }

    static Gen<byte> OneOf(params byte[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    static byte[] V6(IpProtocol next, byte[] rest) =>
        [0x60, 0, 0, 0, 0, (byte)rest.Length, (byte)next, 64, .. IpAddress.Parse("2001:db8::1").ToSystem().GetAddressBytes(), .. IpAddress.Parse("2001:db8::2").ToSystem().GetAddressBytes(), .. rest];

    static byte[] Extension(IpProtocol next, int length) => [(byte)next, (byte)(length / 8 - 1), .. new byte[length - 2]];

    static byte[] Fragment(IpProtocol next, int offset, bool more) => [(byte)next, 0, (byte)(offset >> 8), (byte)((offset & 0xf8) | (more ? 1 : 0)), 0, 0, 0, 1];
}
