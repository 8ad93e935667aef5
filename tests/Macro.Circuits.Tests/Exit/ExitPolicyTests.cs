using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits.Tests.Exit;

public class ExitPolicyTests
{
    static readonly IpAddress[] Own = [IpAddress.Parse("198.41.0.4"), IpAddress.Parse("2607:f8b0::4")];

    static readonly ExitPolicy Open = new([ExitPolicy.AcceptAll], Own);

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("0.1.2.3")]
    [InlineData("10.0.0.1")]
    [InlineData("10.255.255.255")]
    [InlineData("100.64.0.1")]
    [InlineData("100.64.0.2")]
    [InlineData("100.64.0.53")]
    [InlineData("100.65.0.9")]
    [InlineData("100.100.100.200")]
    [InlineData("100.127.255.255")]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.254")]
    [InlineData("168.63.129.16")]
    [InlineData("169.254.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("169.254.170.2")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.8")]
    [InlineData("192.0.0.192")]
    [InlineData("192.0.2.1")]
    [InlineData("192.88.99.1")]
    [InlineData("192.168.1.1")]
    [InlineData("198.18.0.1")]
    [InlineData("198.19.255.255")]
    [InlineData("198.51.100.7")]
    [InlineData("203.0.113.200")]
    [InlineData("224.0.0.1")]
    [InlineData("224.0.0.251")]
    [InlineData("239.255.255.250")]
    [InlineData("240.0.0.1")]
    [InlineData("254.1.2.3")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::7f00:1")] // IPv4-compatible 127.0.0.1
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:0:127.0.0.1")] // IPv4-translated (RFC 2765)
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("64:ff9b::808:808")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("64:ff9b:1:fffe::808:808")]
    [InlineData("100::1")]
    [InlineData("200::1")]
    [InlineData("1fff:ffff::1")]
    [InlineData("2001::1")]
    [InlineData("2001:0:4136:e378:8000:63bf:3fff:fdd2")] // Teredo
    [InlineData("2001:2::1")]
    [InlineData("2001:10::1")]
    [InlineData("2001:20::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::1")] // 6to4 of 127.0.0.1
    [InlineData("2002:a9fe:a9fe::1")]
    [InlineData("2002:808:808::1")]
    [InlineData("3fff::1")]
    [InlineData("4000::1")]
    [InlineData("5f00::1")]
    [InlineData("fc00::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fd20:ce::254")]
    [InlineData("fd6d:6163:726f::2")]
    [InlineData("fd6d:6163:726f:65::9")]
    [InlineData("fdff:ffff::1")]
    [InlineData("fe00::1")]
    [InlineData("fe80::1")]
    [InlineData("fe80::a9fe:a9fe")]
    [InlineData("febf:ffff::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    [InlineData("ff02::fb")]
    [InlineData("ff0e::1")]
    public void No_rule_opens_a_denied_range(string target)
    {
        var destination = IpAddress.Parse(target);
        var source = destination.IsV4 ? AddressPair.Inner.V4 : AddressPair.Inner.V6;

        Assert.Equal(ExitVerdict.DeniedRange, Open.Decide(IpProtocol.Tcp, destination, 443));
        Assert.Equal(ExitVerdict.DeniedRange, Open.Decide(IpProtocol.Udp, destination, 53));
        Assert.Equal(ExitVerdict.DeniedRange, Open.Decide(IpPackets.Tcp(source, destination, 80, [])));
        Assert.Equal(ExitVerdict.DeniedRange, Open.Decide(IpPackets.Icmp(source, destination, (byte)(source.IsV4 ? 8 : 128), new byte[8])));
        Assert.Equal(ExitVerdict.DeniedRange, Open.Decide(IpPackets.Ip(source, destination, IpProtocol.Udp, new byte[16], fragmentOffset: 1480)));
    }

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("9.255.255.255")]
    [InlineData("11.0.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("192.0.1.1")]
    [InlineData("198.17.255.255")]
    [InlineData("198.20.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("2001:200::1")]
    [InlineData("2001:db7:ffff::1")]
    [InlineData("2606:4700::1111")]
    [InlineData("2a00:1450::1")]
    public void The_public_internet_is_open(string target) =>
        Assert.Equal(ExitVerdict.Accept, Open.Decide(IpProtocol.Tcp, IpAddress.Parse(target), 443));

    [Fact]
    public void An_ipv6_packet_to_a_mapped_address_is_refused_whatever_the_address()
    {
        // 8.8.8.8 itself is open; in this disguise it is not.
        byte[] packet = [0x60, 0, 0, 0, 0, 8, 17, 64, .. AddressPair.Inner.V6.ToSystem().GetAddressBytes(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 8, 8, 8, 8, 0, 1, 0, 53, 0, 8, 0, 0];

        Assert.Equal(ExitVerdict.DeniedRange, Open.Decide(packet));
    }

    [Fact]
    public void The_exit_itself_is_out_of_reach_even_in_a_lab()
    {
        var lab = new ExitPolicy([ExitPolicy.AcceptAll], [.. Own, IpAddress.Parse("10.9.0.1")], [Prefix.Parse("10.0.0.0/8")]);

        Assert.Equal(ExitVerdict.OwnAddress, Open.Decide(IpProtocol.Tcp, Own[0], 443));
        Assert.Equal(ExitVerdict.OwnAddress, Open.Decide(IpPackets.Udp(AddressPair.Inner.V6, Own[1], 53, [1])));
        Assert.Equal(ExitVerdict.OwnAddress, lab.Decide(IpProtocol.Tcp, IpAddress.Parse("10.9.0.1"), 443));
    }

    [Fact]
    public void A_lab_opens_the_private_prefixes_it_names_and_nothing_else()
    {
        var lab = new ExitPolicy([ExitPolicy.AcceptAll], Own, [Prefix.Parse("10.7.0.0/16"), Prefix.Parse("0.0.0.0/0"), Prefix.Parse("fd00::/8"), Prefix.Parse("::/0")]);

        foreach (var open in (string[])["10.7.0.1", "192.168.1.1", "203.0.113.5", "fd01::1", "2001:db8::1"])
            Assert.Equal(ExitVerdict.Accept, lab.Decide(IpProtocol.Tcp, IpAddress.Parse(open), 80));
        foreach (var closed in (string[])["127.0.0.1", "169.254.169.254", "224.0.0.1", "100.100.100.200", "::1", "fe80::1", "ff02::1", "fd00:ec2::254", "64:ff9b::a00:1", "2002:a00:1::"])
            Assert.Equal(ExitVerdict.DeniedRange, lab.Decide(IpProtocol.Tcp, IpAddress.Parse(closed), 80));
        Assert.Equal(ExitVerdict.DeniedPort, lab.Decide(IpProtocol.Tcp, IpAddress.Parse("10.7.0.1"), 25));

        var narrow = new ExitPolicy([ExitPolicy.AcceptAll], Own, [Prefix.Parse("10.7.0.0/16")]);
        Assert.Equal(ExitVerdict.DeniedRange, narrow.Decide(IpProtocol.Tcp, IpAddress.Parse("10.8.0.1"), 80));
    }

    [Fact]
    public void Mail_is_never_relayed()
    {
        Assert.Equal(ExitVerdict.DeniedPort, Open.Decide(IpProtocol.Tcp, IpAddress.Parse("1.1.1.1"), 25));
        Assert.Equal(ExitVerdict.DeniedPort, Open.Decide(IpPackets.Tcp("100.64.0.2", "1.1.1.1", 25)));
        Assert.Equal(ExitVerdict.Accept, Open.Decide(IpPackets.Tcp("100.64.0.2", "1.1.1.1", 587)));
    }

    [Fact]
    public void The_first_rule_that_matches_decides_and_no_rule_refuses()
    {
        var policy = WithRules("""
            # web only, and not there
            reject 1.2.3.0/24
            accept *:80
            accept 0.0.0.0/0:443/tcp   # HTTPS
            accept [2a00::/12]:6000-7000/udp
            accept 8.8.8.8/icmp
            """);

        Assert.Equal(ExitVerdict.DeniedByRule, policy.Decide(IpProtocol.Tcp, IpAddress.Parse("1.2.3.4"), 80));
        Assert.Equal(ExitVerdict.Accept, policy.Decide(IpProtocol.Tcp, IpAddress.Parse("1.2.4.4"), 80));
        Assert.Equal(ExitVerdict.Accept, policy.Decide(IpProtocol.Udp, IpAddress.Parse("2a00::1"), 80));
        Assert.Equal(ExitVerdict.Accept, policy.Decide(IpProtocol.Tcp, IpAddress.Parse("1.2.4.4"), 443));
        Assert.Equal(ExitVerdict.DeniedByRule, policy.Decide(IpProtocol.Udp, IpAddress.Parse("1.2.4.4"), 443));
        Assert.Equal(ExitVerdict.DeniedByRule, policy.Decide(IpProtocol.Tcp, IpAddress.Parse("2a00::1"), 443));
        Assert.Equal(ExitVerdict.Accept, policy.Decide(IpProtocol.Udp, IpAddress.Parse("2a00::1"), 7000));
        Assert.Equal(ExitVerdict.DeniedByRule, policy.Decide(IpProtocol.Udp, IpAddress.Parse("2a00::1"), 7001));
        Assert.Equal(ExitVerdict.Accept, policy.Decide(IpProtocol.Icmp, IpAddress.Parse("8.8.8.8"), 0));
        Assert.Equal(ExitVerdict.DeniedByRule, policy.Decide(IpProtocol.Icmp, IpAddress.Parse("8.8.4.4"), 0));
        Assert.Equal(ExitVerdict.DeniedByRule, WithRules("").Decide(IpProtocol.Tcp, IpAddress.Parse("8.8.4.4"), 443));
    }

    [Theory]
    [InlineData("accept *")]
    [InlineData("reject *:25")]
    [InlineData("accept 0.0.0.0/0:443/tcp")]
    [InlineData("accept 10.0.0.0/8/udp")]
    [InlineData("reject [2001:db8::/32]:80-443/udp")]
    [InlineData("accept [::/0]/icmp")]
    public void A_rule_survives_as_text(string text)
    {
        Assert.True(ExitRule.TryParse(text, out var rule));
        Assert.Equal(text, rule.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("accept")]
    [InlineData("allow *")]
    [InlineData("ACCEPT *")]
    [InlineData("accept *:")]
    [InlineData("accept *:-")]
    [InlineData("accept *:65536")]
    [InlineData("accept *:443-80")]
    [InlineData("accept *:80,443")]
    [InlineData("accept *:80/sctp")]
    [InlineData("accept *:80/icmp")]
    [InlineData("accept */")]
    [InlineData("accept **")]
    [InlineData("accept * *")]
    [InlineData("accept 1.2.3")]
    [InlineData("accept 1.2.3.4/33")]
    [InlineData("accept 1.2.3.4/")]
    [InlineData("accept [1.2.3.4]:80")]
    [InlineData("accept 2001:db8::/32")]
    [InlineData("accept [2001:db8::/32")]
    [InlineData("accept []")]
    [InlineData("accept [::/0]x")]
    [InlineData("accept example.org:80")]
    public void A_bad_rule_is_refused(string text) => Assert.False(ExitRule.TryParse(text, out _), text);

    [Fact]
    public void A_bad_line_is_named()
    {
        Assert.False(ExitPolicy.TryParseRules("accept *:80\n\n# fine\nacept *\n", out _, out var badLine));
        Assert.Equal(4, badLine);
    }

    [Fact]
    public void Only_whole_tcp_udp_and_icmp_pass()
    {
        var (from, to) = (AddressPair.Inner.V4, IpAddress.Parse("8.8.8.8"));
        var (from6, to6) = (AddressPair.Inner.V6, IpAddress.Parse("2a00::1"));

        Assert.Equal(ExitVerdict.Accept, Open.Decide(IpPackets.Udp(from, to, 53, [1, 2, 3])));
        Assert.Equal(ExitVerdict.Accept, Open.Decide(IpPackets.Icmp(from, to, 8, new byte[12])));
        Assert.Equal(ExitVerdict.Accept, Open.Decide(IpPackets.Icmp(from6, to6, 128, new byte[12])));
        Assert.Equal(ExitVerdict.Accept, Open.Decide(IpPackets.Icmp(from, to, 3, new byte[32])));
        foreach (byte type in (byte[])[0, 5, 9, 10, 13, 17])
            Assert.Equal(ExitVerdict.UnsupportedProtocol, Open.Decide(IpPackets.Icmp(from, to, type, new byte[12])));
        foreach (byte type in (byte[])[129, 130, 133, 134, 135, 136, 137, 143])
            Assert.Equal(ExitVerdict.UnsupportedProtocol, Open.Decide(IpPackets.Icmp(from6, to6, type, new byte[12])));
        foreach (var protocol in (byte[])[2, 4, 41, 47, 50, 51, 58, 89, 132])
            Assert.Equal(ExitVerdict.UnsupportedProtocol, Open.Decide(IpPackets.Ip(from, to, (IpProtocol)protocol, new byte[40])));
        foreach (var protocol in (byte[])[1, 4, 41, 47, 50, 59, 132])
            Assert.Equal(ExitVerdict.UnsupportedProtocol, Open.Decide(IpPackets.Ip(from6, to6, (IpProtocol)protocol, new byte[40])));
        Assert.Equal(ExitVerdict.Malformed, Open.Decide([]));
        Assert.Equal(ExitVerdict.Malformed, Open.Decide(new byte[60]));
        Assert.Equal(ExitVerdict.Malformed, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Tcp, new byte[19])));
        Assert.Equal(ExitVerdict.Malformed, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Udp, new byte[7])));
        Assert.Equal(ExitVerdict.Malformed, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Icmp, new byte[7])));
    }

    [Fact]
    public void Source_routed_packets_are_refused()
    {
        byte[] v4 = [0x47, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 100, 64, 0, 2, 8, 8, 8, 8, 131, 7, 4, 10, 0, 0, 1, 0, 0, 1, 0, 53, 0, 8, 0, 0];
        byte[] routing = [17, 2, 0, 1, .. new byte[20], 0, 1, 0, 53, 0, 8, 0, 0];

        Assert.Equal(ExitVerdict.SourceRouted, Open.Decide(v4));
        Assert.Equal(ExitVerdict.SourceRouted, Open.Decide(IpPackets.Ip(AddressPair.Inner.V6, IpAddress.Parse("2a00::1"), IpProtocol.Routing, routing)));
    }

    [Fact]
    public void Fragments_cannot_change_what_was_judged()
    {
        foreach (var (from, to) in ((IpAddress, IpAddress)[])[(AddressPair.Inner.V4, IpAddress.Parse("8.8.8.8")), (AddressPair.Inner.V6, IpAddress.Parse("2a00::1"))])
        {
            byte[] mail = [1, 1, 0, 25, .. new byte[8], 0x50, .. new byte[11]];
            byte[] web = [1, 1, 0, 80, .. new byte[8], 0x50, .. new byte[11]];
            byte[] longUdp = [1, 1, 0, 53, 0x20, 0, 0, 0, .. new byte[16]];

            Assert.Equal(ExitVerdict.DeniedPort, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Tcp, mail, more: true)));
            Assert.Equal(ExitVerdict.Accept, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Tcp, web, more: true)));
            Assert.Equal(ExitVerdict.Malformed, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Tcp, web[..8], more: true)));
            Assert.Equal(ExitVerdict.UnsafeFragment, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Tcp, web, fragmentOffset: 8)));
            Assert.Equal(ExitVerdict.Accept, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Tcp, web, fragmentOffset: 16)));
            Assert.Equal(ExitVerdict.Accept, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Udp, longUdp, more: true)));
            Assert.Equal(ExitVerdict.Malformed, Open.Decide(IpPackets.Ip(from, to, IpProtocol.Udp, longUdp)));
        }
        // An extension header behind the fragment header would let a second fragment write the ports.
        byte[] hidden = [6, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 80, .. new byte[8], 0x50, .. new byte[11]];
        Assert.Equal(ExitVerdict.UnsafeFragment, Open.Decide(IpPackets.Ip(AddressPair.Inner.V6, IpAddress.Parse("2a00::1"), IpProtocol.DestinationOptions, hidden, more: true)));
        Assert.Equal(ExitVerdict.UnsupportedProtocol, Open.Decide(IpPackets.Ip(AddressPair.Inner.V6, IpAddress.Parse("2a00::1"), IpProtocol.DestinationOptions, hidden, fragmentOffset: 8)));
    }

    static ExitPolicy WithRules(string text)
    {
        Assert.True(ExitPolicy.TryParseRules(text, out var rules, out var badLine), $"line {badLine}");
        return new ExitPolicy(rules, Own);
    }

    [Theory]
    [InlineData("127.77.0.0/16", "127.77.0.1", true)]
    [InlineData("127.77.0.1/32", "127.77.0.1", true)]
    [InlineData("127.77.0.1/32", "127.77.0.2", false)]
    [InlineData("127.77.0.0/16", "127.0.0.1", false)]
    [InlineData("127.0.0.0/8", "127.0.0.1", false)]
    [InlineData("127.0.0.0/8", "127.77.0.1", false)]
    [InlineData("127.0.0.0/16", "127.0.0.1", false)]
    [InlineData("127.0.0.1/32", "127.0.0.1", false)]
    [InlineData("0.0.0.0/0", "127.77.0.1", false)]
    [InlineData("::/0", "::1", false)]
    public void Of_loopback_only_a_named_part_that_is_not_the_machines_own_may_be_reached(string allowed, string destination, bool accepted)
    {
        var policy = new ExitPolicy([ExitPolicy.AcceptAll], [], [Prefix.Parse(allowed)]);
        Assert.Equal(accepted, policy.Decide(IpProtocol.Tcp, IpAddress.Parse(destination), 80) == ExitVerdict.Accept);
    }
}
