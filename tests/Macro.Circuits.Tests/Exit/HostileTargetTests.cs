using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Simulation;

namespace Macro.Circuits.Tests.Exit;

/// <summary>
/// What the kernel's exit does with hostile targets: the policy sees every packet before the TUN device does. The nftables
/// rules behind it are no second filter of targets, so the policy must hold alone.
/// </summary>
public class HostileTargetTests
{
    static readonly ExitPolicy s_policy = new([ExitPolicy.AcceptAll], HostileTargets.Own);

    public static TheoryData<string, string> Targets => [.. HostileTargets.All];

    [Fact]
    public void There_are_more_than_sixty() => Assert.True(HostileTargets.All.Select(target => target.Address).Distinct().Count() >= 60);

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_flow_to_a_hostile_target_is_refused(string address, string what)
    {
        var target = IpAddress.Parse(address);
        foreach (var protocol in new[] { IpProtocol.Tcp, IpProtocol.Udp, target.IsV4 ? IpProtocol.Icmp : IpProtocol.IcmpV6 })
            foreach (var port in new ushort[] { 0, 22, 80, 443, 65535 })
                Assert.True(s_policy.Decide(protocol, target, port) is ExitVerdict.DeniedRange or ExitVerdict.OwnAddress, what);
        Assert.True(s_policy.Denies(target));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_packet_to_a_hostile_target_is_refused(string address, string what)
    {
        var target = HostileTargets.Wire(address);
        foreach (var protocol in new[] { 6, 17, target.Length == 4 ? 1 : 58 })
            Assert.True(s_policy.Decide(Packet(target, (byte)protocol)) is ExitVerdict.DeniedRange or ExitVerdict.OwnAddress, what);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void An_operator_who_accepts_everything_in_his_rules_opens_nothing(string address, string what)
    {
        Assert.True(ExitPolicy.TryParseRules("accept *\naccept 0.0.0.0/0\naccept [::/0]", out var rules, out _));
        var policy = new ExitPolicy(rules, HostileTargets.Own);
        Assert.NotEqual((what, ExitVerdict.Accept), (what, policy.Decide(IpProtocol.Tcp, IpAddress.Parse(address), 80)));
    }

    /// <summary>With everything allowed that can be, what remains closed is what no lab needs.</summary>
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::127.0.0.1")]
    [InlineData("64:ff9b::127.0.0.1")]
    [InlineData("2002:7f00:1::1")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("169.254.169.254")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fd00:42::42")]
    [InlineData("100.100.100.200")]
    [InlineData("44.1.2.3")]
    [InlineData("2a01:4f8::7")]
    [InlineData("fe80::1")]
    [InlineData("224.0.0.1")]
    [InlineData("ff02::1")]
    [InlineData("255.255.255.255")]
    public void Allowing_all_private_networks_still_does_not_open_the_machine_itself(string address)
    {
        var policy = new ExitPolicy([ExitPolicy.AcceptAll], HostileTargets.Own, [Prefix.Parse("0.0.0.0/0"), Prefix.Parse("::/0")]);
        Assert.NotEqual(ExitVerdict.Accept, policy.Decide(IpProtocol.Tcp, IpAddress.Parse(address), 80));
    }

    static byte[] Packet(byte[] target, byte protocol)
    {
        var header = target.Length == 4 ? 20 : 40;
        var packet = new byte[header + 40];
        packet[header + 2] = 0;
        packet[header + 3] = 80;
        packet[header + 12] = 0x50;
        if (protocol is 1 or 58)
            packet[header] = (byte)(protocol == 1 ? 8 : 128);
        if (protocol == 17)
            packet[header + 5] = 40;
        if (target.Length == 4)
        {
            packet[0] = 0x45;
            packet[9] = protocol;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
            target.CopyTo(packet, 16);
        }
        else
        {
            packet[0] = 0x60;
            packet[6] = protocol;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), 40);
            target.CopyTo(packet, 24);
        }
        return packet;
    }
}
