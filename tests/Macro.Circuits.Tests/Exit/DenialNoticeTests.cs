using Macro.Core;
using Macro.Core.Packets;

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
}
