using Macro.Core;
using Macro.Core.Packets;
using Macro.Peers;

namespace Macro.Circuits.Tests.Exit;

public class DenialNoticeTests
{
    static readonly IpAddress s_clientV4 = AddressPair.Inner.V4, s_clientV6 = AddressPair.Inner.V6;
    static readonly IpAddress s_targetV4 = IpAddress.Parse("10.1.2.3"), s_targetV6 = IpAddress.Parse("fc00::1");

    readonly byte[] _room = new byte[DenialNotice.MaxSize];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_notice_quotes_the_packet_and_says_that_the_exit_does_not_allow_it(bool v4)
    {
        var packet = v4 ? IpPackets.Tcp(s_clientV4, s_targetV4, 80, new byte[1000]) : IpPackets.Tcp(s_clientV6, s_targetV6, 80, new byte[1000]);

        Assert.True(DenialNotice.TryWrite(packet, _room, out var length));

        Assert.True(IpView.TryParse(_room.AsSpan(0, length), out var notice));
        Assert.True(notice.HasRightChecksum);
        Assert.Equal((ExitResolver.Address.OfFamily(v4), v4 ? s_clientV4 : s_clientV6), (notice.Source, notice.Destination));
        Assert.Equal(v4 ? IpProtocol.Icmp : IpProtocol.IcmpV6, notice.Protocol);
        Assert.True(v4 ? IpPackets.Sum(notice.Payload) == 0xffff : notice.HasRightPayloadChecksum);
        Assert.True(IcmpView.TryParse(notice.Payload, !v4, out var icmp));
        Assert.Equal(v4 ? (3, 13) : (1, 1), (icmp.Type, icmp.Code));
        Assert.True(icmp.Payload.SequenceEqual(packet.AsSpan(0, 128)));
    }

    [Fact]
    public void Datagrams_and_echo_requests_are_answered_too()
    {
        Assert.True(DenialNotice.TryWrite(IpPackets.Udp(s_clientV4, s_targetV4, 53, []), _room, out _));
        Assert.True(DenialNotice.TryWrite(IpPackets.Udp(s_clientV4, IpAddress.Parse("240.0.0.1"), 53, []), _room, out _));
        Assert.True(DenialNotice.TryWrite(IpPackets.Icmp(s_clientV4, s_targetV4, 8, new byte[4]), _room, out _));
        Assert.True(DenialNotice.TryWrite(IpPackets.Icmp(s_clientV6, s_targetV6, 128, new byte[4]), _room, out _));
    }

    [Fact]
    public void What_must_not_be_answered_is_not()
    {
        var reset = IpPackets.Tcp(s_clientV4, s_targetV4, 80, []);
        reset[33] = (byte)TcpFlags.Reset;
        byte[][] packets =
        [
            reset,
            IpPackets.Icmp(s_clientV4, s_targetV4, 3, new byte[40]),
            IpPackets.Icmp(s_clientV6, s_targetV6, 1, new byte[60]),
            IpPackets.Ip(s_clientV4, s_targetV4, IpProtocol.Udp, new byte[16], fragmentOffset: 1480),
            IpPackets.Udp(s_clientV4, IpAddress.Parse("224.0.0.251"), 5353, []),
            IpPackets.Udp(s_clientV4, IpAddress.Parse("255.255.255.255"), 67, []),
            IpPackets.Udp(s_clientV6, IpAddress.Parse("ff02::fb"), 5353, []),
            IpPackets.Udp("100.65.0.9", "10.1.2.3", 53),
            [0x45],
            [],
        ];

        Assert.All(packets, packet => Assert.False(DenialNotice.TryWrite(packet, _room, out _)));
    }

    [Fact]
    public void A_client_reads_what_it_was_that_the_exit_denied()
    {
        Assert.Equal(new DeniedFlow(IpProtocol.Tcp, s_targetV4, 80), Read(IpPackets.Tcp(s_clientV4, s_targetV4, 80, new byte[1000])));
        Assert.Equal(new DeniedFlow(IpProtocol.Udp, s_targetV6, 443), Read(IpPackets.Udp(s_clientV6, s_targetV6, 443, [])));
        Assert.Equal(new DeniedFlow(IpProtocol.Icmp, s_targetV4, 0), Read(IpPackets.Icmp(s_clientV4, s_targetV4, 8, new byte[4])));

        DeniedFlow Read(byte[] packet)
        {
            Assert.True(DenialNotice.TryWrite(packet, _room, out var length));
            Assert.True(DenialNotice.TryRead(_room.AsSpan(0, length), out var denied));
            for (var cut = 0; cut < length; cut++)
                Assert.False(DenialNotice.TryRead(_room.AsSpan(0, cut), out _));
            return denied;
        }
    }

    [Fact]
    public void What_another_address_says_or_says_otherwise_is_no_notice()
    {
        byte[] quoted = [0, 0, 0, 0, .. IpPackets.Udp(s_clientV4, s_targetV4, 53, [])];
        var notice = IpPackets.Icmp(ExitResolver.Address.V4, s_clientV4, 3, quoted);
        notice[21] = 13;
        Assert.True(DenialNotice.TryRead(notice, out _));
        notice[21] = 3;
        Assert.False(DenialNotice.TryRead(notice, out _));
        var destinations = IpPackets.Icmp(s_targetV4, s_clientV4, 3, quoted);
        destinations[21] = 13;
        Assert.False(DenialNotice.TryRead(destinations, out _));
        Assert.False(DenialNotice.TryRead(IpPackets.Icmp(ExitResolver.Address.V4, s_clientV4, 3, new byte[4]), out _));
        Assert.False(DenialNotice.TryRead(IpPackets.Udp(ExitResolver.Address.V4, s_clientV4, 53, []), out _));
    }

    [Fact]
    public void Nothing_but_UDP_and_TCP_comes_from_outside_under_the_address_of_the_resolver()
    {
        var (v4, v6) = (ExitResolver.Address.V4, ExitResolver.Address.V6);
        Assert.True(ExitResolver.IsForged(IpPackets.Icmp(v4, s_clientV4, 3, new byte[32])));
        Assert.True(ExitResolver.IsForged(IpPackets.Icmp(v6, s_clientV6, 1, new byte[52])));
        Assert.True(ExitResolver.IsForged(IpPackets.Ip(v6, s_clientV6, IpProtocol.IcmpV6, new byte[16], more: true)));
        foreach (var packet in new[] { IpPackets.Udp(v4, s_clientV4, 53, []), IpPackets.Tcp(v6, s_clientV6, 53, []), IpPackets.Icmp(s_targetV4, s_clientV4, 3, new byte[32]), [0x45], [0x60], [] })
            Assert.False(ExitResolver.IsForged(packet));
    }

    [Theory]
    [InlineData(PolicyClass.Open, "93.184.216.34", 22, true)]
    [InlineData(PolicyClass.Open, "93.184.216.34", 25, false)]
    [InlineData(PolicyClass.Open, "10.0.0.1", 443, false)]
    [InlineData(PolicyClass.Web, "93.184.216.34", 443, true)]
    [InlineData(PolicyClass.Web, "93.184.216.34", 22, false)]
    [InlineData(PolicyClass.Custom, "93.184.216.34", 443, false)]
    [InlineData(PolicyClass.None, "93.184.216.34", 443, false)]
    public void What_an_exit_promises_follows_from_its_class_and_from_what_every_exit_denies(PolicyClass policy, string address, int port, bool isPromised) =>
        Assert.Equal(isPromised, new DeniedFlow(IpProtocol.Tcp, IpAddress.Parse(address), (ushort)port).IsPromisedBy(policy));
}
