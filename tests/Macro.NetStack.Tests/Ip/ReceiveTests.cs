using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests.Ip;

public class ReceiveTests
{
    readonly Stack _stack = Wire.NewStack();
    readonly UdpInbox _inbox = new();

    public ReceiveTests()
    {
        _stack.TryBind(new Endpoint(Wire.ServerV4, 53), _inbox);
        _stack.TryBind(new Endpoint(Wire.ServerV6, 53), _inbox);
    }

    [Theory]
    [InlineData("10.0.0.2", "10.0.0.1")]
    [InlineData("2001:db8::2", "2001:db8::1")]
    public void Takes_a_datagram_for_its_own_address(string from, string to)
    {
        _stack.Receive(Datagram(from, to), default);

        var received = Assert.Single(_inbox.Received);
        Assert.Equal((IpAddress.Parse(from), IpAddress.Parse(to)), (received.Remote.Address, received.Local.Address));
    }

    [Theory]
    [InlineData("10.0.0.2", "10.0.0.3")]
    [InlineData("2001:db8::2", "2001:db8::3")]
    [InlineData("10.0.0.2", "255.255.255.255")]
    [InlineData("10.0.0.2", "224.0.0.1")]
    [InlineData("2001:db8::2", "ff02::1")]
    [InlineData("0.0.0.0", "10.0.0.1")]
    [InlineData("0.1.2.3", "10.0.0.1")]
    [InlineData("127.0.0.1", "10.0.0.1")]
    [InlineData("224.0.0.1", "10.0.0.1")]
    [InlineData("240.0.0.1", "10.0.0.1")]
    [InlineData("255.255.255.255", "10.0.0.1")]
    [InlineData("10.0.0.1", "10.0.0.1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("::", "2001:db8::1")]
    [InlineData("::1", "2001:db8::1")]
    [InlineData("ff02::1", "2001:db8::1")]
    public void Drops_in_silence_what_cannot_come_from_there_or_is_for_others(string from, string to)
    {
        _stack.Receive(Datagram(from, to), default);

        Assert.Equal(1, _stack.Counters.BadAddress);
        Assert.Empty(_inbox.Received);
        Assert.Empty(Wire.Drain(_stack));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    public void Who_answers_for_every_address_answers_for_no_special_one(string to)
    {
        var exit = Wire.NewExit();
        exit.BindAny(_inbox);
        exit.Receive(Datagram("10.0.0.2", to), default);
        Assert.Equal(1, exit.Counters.BadAddress);

        exit.Receive(Datagram("10.0.0.2", "93.184.216.34"), default);
        Assert.Single(_inbox.Received);
    }

    [Fact]
    public void A_mapped_address_in_an_IPv6_packet_is_no_IPv4_address()
    {
        var packet = Datagram("2001:db8::2", "2001:db8::1");
        Wire.ServerV4.WriteMapped(packet.AsSpan(24, 16));
        _stack.Receive(packet, default);
        Wire.ClientV4.WriteMapped(packet.AsSpan(8, 16));
        Wire.ServerV6.Write(packet.AsSpan(24, 16));
        _stack.Receive(packet, default);

        Assert.Equal(2, _stack.Counters.BadAddress);
    }

    [Fact]
    public void Packets_with_a_source_route_are_dropped()
    {
        byte[] routing = [17, 0, 0, 1, 0, 0, 0, 0, .. Wire.UdpDatagram(Endpoint.Parse("[2001:db8::2]:1"), Endpoint.Parse("[2001:db8::1]:53"), [1])];
        _stack.Receive(Wire.Ip6(Wire.ClientV6, Wire.ServerV6, 43, routing), default);

        Assert.Equal(1, _stack.Counters.BadAddress);
    }

    [Fact]
    public void Extension_headers_are_walked()
    {
        byte[] chain = [60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0,
            .. Wire.UdpDatagram(Endpoint.Parse("[2001:db8::2]:1"), Endpoint.Parse("[2001:db8::1]:53"), [1])];
        _stack.Receive(Wire.Ip6(Wire.ClientV6, Wire.ServerV6, 0, chain), default);

        Assert.Single(_inbox.Received);
    }

    [Theory]
    [InlineData(0x05, true)]
    [InlineData(0x1e, true)]
    [InlineData(0x5e, false)]
    [InlineData(0x9e, false)]
    [InlineData(0xc2, false)]
    public void An_option_that_nobody_knows_is_passed_over_if_it_says_so(byte type, bool passes)
    {
        foreach (byte header in new byte[] { 0, 60 })
        {
            byte[] chain = [17, 0, type, 2, 0, 0, 0, 0, .. Wire.UdpDatagram(Endpoint.Parse("[2001:db8::2]:1"), Endpoint.Parse("[2001:db8::1]:53"), [1])];
            _stack.Receive(Wire.Ip6(Wire.ClientV6, Wire.ServerV6, header, chain), default);
        }
        Assert.Equal((passes ? 2 : 0, passes ? 0 : 2), (_inbox.Received.Count, (int)_stack.Counters.UnknownProtocol));
    }

    [Fact]
    public void An_option_that_is_longer_than_its_header_drops_the_packet()
    {
        byte[] chain = [17, 0, 1, 5, 0, 0, 0, 0, .. Wire.UdpDatagram(Endpoint.Parse("[2001:db8::2]:1"), Endpoint.Parse("[2001:db8::1]:53"), [1])];
        _stack.Receive(Wire.Ip6(Wire.ClientV6, Wire.ServerV6, 60, chain), default);
        Assert.Empty(_inbox.Received);
    }

    [Fact]
    public void A_whole_packet_with_a_fragment_header_is_taken_at_once()
    {
        byte[] atomic = [17, 0, 0, 0, 0, 0, 0, 9, .. Wire.UdpDatagram(Endpoint.Parse("[2001:db8::2]:1"), Endpoint.Parse("[2001:db8::1]:53"), [1])];
        _stack.Receive(Wire.Ip6(Wire.ClientV6, Wire.ServerV6, 44, atomic), default);

        Assert.Single(_inbox.Received);
    }

    [Fact]
    public void A_wrong_header_checksum_drops_the_packet()
    {
        var packet = Datagram("10.0.0.2", "10.0.0.1");
        packet[11] ^= 1;
        _stack.Receive(packet, default);

        Assert.Equal(1, _stack.Counters.BadChecksum);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_unknown_protocol_is_reported_to_its_sender(bool v4)
    {
        var packet = Wire.Ip(Wire.Client(v4), Wire.Server(v4), (IpProtocol)132, new byte[40]);
        _stack.Receive(packet, default);

        var error = Assert.Single(Wire.Drain(_stack));
        Wire.AssertSound(error);
        var ip = Wire.Parse(error);
        Assert.Equal(v4 ? [3, 2] : [4, 1], ip.Payload[..2].ToArray());
        Assert.Equal(v4 ? 0u : 6u, BinaryPrimitives.ReadUInt32BigEndian(ip.Payload[4..]));
        Assert.Equal(packet, ip.Payload[8..].ToArray());
    }

    [Fact]
    public void A_packet_without_next_header_ends_in_silence()
    {
        _stack.Receive(Wire.Ip6(Wire.ClientV6, Wire.ServerV6, 59, []), default);
        Assert.Empty(Wire.Drain(_stack));
        Assert.Equal(0, _stack.Counters.UnknownProtocol);
    }

    static byte[] Datagram(string from, string to) => Wire.Udp(new Endpoint(IpAddress.Parse(from), 4000), new Endpoint(IpAddress.Parse(to), 53), [1, 2, 3]);
}
