using System.Buffers.Binary;
using Macro.Circuits;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Simulation;

namespace Macro.UserMode.Tests.Exit;

/// <summary>The user-mode exit opens no socket to a hostile target, even for packets that no policy has seen on their way in.</summary>
public sealed class HostileTargetTests : IDisposable
{
    readonly ExitRig _rig = new(policy: new ExitPolicy([ExitPolicy.AcceptAll], HostileTargets.Own));

    public void Dispose() => _rig.Dispose();

    public static TheoryData<string, string> Targets => [.. HostileTargets.All];

    [Theory]
    [MemberData(nameof(Targets))]
    public void No_socket_is_opened_to_a_hostile_target(string address, string what)
    {
        var target = HostileTargets.Wire(address);
        foreach (var protocol in new[] { IpProtocol.Tcp, IpProtocol.Udp, target.Length == 4 ? IpProtocol.Icmp : IpProtocol.IcmpV6 })
            _rig.Inject(Packet(target, protocol));

        // Dropped as no address that a packet can go to, or refused by the policy; the stack has seen all three.
        var (stack, exit) = (_rig.Exit.Stack.Stack.Counters, _rig.Exit.Counters);
        Assert.Equal((what, 3), (what, _rig.Get(() => (int)(stack.BadAddress + exit.Denied))));
        Assert.Equal((0, 0, 0), _rig.Get(() => (_rig.Loop.Reactor.Count, _rig.Exit.ConnectionCount, _rig.Exit.MappingCount)));
        Assert.Equal((0, 0, 0), _rig.Get(() => ((int)exit.Connected, (int)exit.ConnectFailed, (int)exit.Mapped)));
    }

    /// <summary>So that the test above would see a socket if there were one.</summary>
    [Fact]
    public void A_socket_is_opened_to_an_ordinary_target()
    {
        using var rig = new ExitRig();
        foreach (var protocol in new[] { IpProtocol.Tcp, IpProtocol.Udp })
            rig.Inject(Packet(HostileTargets.Wire("127.1.0.9"), protocol));
        Assert.Equal((1, 1), rig.Get(() => (rig.Exit.MappingCount, rig.Exit.ConnectionCount + (int)rig.Exit.Counters.ConnectFailed)));
    }

    static byte[] Packet(byte[] target, IpProtocol protocol)
    {
        var v4 = target.Length == 4;
        var at = IpHeader.Size(v4);
        var packet = new byte[at + (protocol == IpProtocol.Tcp ? 20 : 8)];
        var payload = packet.AsSpan(at);
        var source = v4 ? ExitRig.ClientV4 : ExitRig.ClientV6;
        new IpHeader(source, v4 ? IpAddress.FromV4(0) : default, protocol, 64).Write(packet);
        target.CopyTo(packet, v4 ? 16 : 24);
        if (protocol is IpProtocol.Tcp or IpProtocol.Udp)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload, 4000);
            BinaryPrimitives.WriteUInt16BigEndian(payload[2..], 80);
        }
        if (protocol == IpProtocol.Tcp)
            (payload[12], payload[13]) = (0x50, (byte)TcpFlags.Syn);
        else if (protocol == IpProtocol.Udp)
            payload[5] = 8;
        else
            payload[0] = (byte)(v4 ? 8 : 128);
        var addresses = packet.AsSpan(v4 ? 12 : 8, v4 ? 8 : 32);
        var sum = Checksum.Sum(payload, protocol == IpProtocol.Icmp ? (ushort)0 : Checksum.PseudoHeader(addresses, protocol, payload.Length));
        var field = protocol switch { IpProtocol.Tcp => 16, IpProtocol.Udp => 6, _ => 2 };
        BinaryPrimitives.WriteUInt16BigEndian(payload[field..], Checksum.FinishUdp(sum));
        if (v4)
        {
            packet.AsSpan(10, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Checksum.Finish(Checksum.Sum(packet.AsSpan(0, 20))));
        }
        return packet;
    }
}
