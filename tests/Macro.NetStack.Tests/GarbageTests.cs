using CsCheck;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests;

/// <summary>Whatever comes in: no exception, sound packets out, bounded memory, and never more than a word in answer to a packet.</summary>
public class GarbageTests
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_000_000);

    static readonly Gen<byte[]> s_packet = Gen.OneOf(
        Gen.Byte.Array[0, 100],
        Gen.Select(Gen.Int[0, Valid().Length - 1], Gen.Select(Gen.Int[0, 200], Gen.Byte).Array[0, 4], Gen.Int[-60, 20], Gen.Bool).Select(
            (which, changes, longer, seals) => Change(Valid()[which], changes, longer, seals)));

    [Fact]
    public void A_stack_with_addresses_survives_everything() => Survives(() => new StackOptions { Addresses = [Wire.ServerV4, Wire.ServerV6] });

    [Fact]
    public void A_stack_that_answers_for_all_survives_everything() => Survives(() => new StackOptions());

    static void Survives(Func<StackOptions> options) =>
        Gen.Select(s_packet, Gen.Int[0, 3]).Array[1, 60].Sample(turns =>
        {
            var stack = Wire.NewStack(options() with { MaxConnections = 16, MaxHalfOpen = 8, MaxReassemblies = 8, MaxReassemblyBytes = 1 << 16, MaxPathMtus = 4 });
            var inbox = new UdpInbox();
            stack.ListenAny(new object());
            stack.BindAny(inbox);
            var now = s_start;
            var own = stack.Connect(new Endpoint(Wire.ClientV4, 4000), null, now);
            Wire.Drain(stack, now);
            foreach (var (packet, wait) in turns)
            {
                now += TimeSpan.FromSeconds(wait);
                if (stack.NextTimeout <= now)
                    stack.HandleTimeout(now);
                var idle = Wire.Drain(stack, now);
                idle.ForEach(Wire.AssertSound);

                stack.Receive(packet.ToArray(), now);
                while (stack.TryTakeReady(out var connection))
                {
                    connection.AcceptIncoming();
                    connection.Consume(connection.Readable.Length);
                }
                var answers = Wire.Drain(stack, now);
                answers.ForEach(Wire.AssertSound);
                Assert.InRange(answers.Count, 0, 2);
                Assert.True(answers.Sum(answer => answer.Length) <= 2 * (packet.Length + 120));
                Assert.InRange(stack.ConnectionCount, 0, 16);
                Assert.InRange(stack.HalfOpenCount, 0, 8);
            }
            GC.KeepAlive(own);
        }, iter: 3000);

    /// <summary>One of everything that the stack understands.</summary>
    static byte[][] Valid()
    {
        var (v4, v6) = (new Endpoint(Wire.ClientV4, 4000), new Endpoint(Wire.ClientV6, 4000));
        var (web4, web6) = (new Endpoint(Wire.ServerV4, 80), new Endpoint(Wire.ServerV6, 80));
        var datagram = Wire.UdpDatagram(v4, web4, new byte[100]);
        var datagram6 = Wire.UdpDatagram(v6, web6, new byte[100]);
        return
        [
            Wire.Tcp(v4, web4, TcpFlags.Syn, 100),
            Wire.Tcp(v6, web6, TcpFlags.Syn, 100),
            Wire.Tcp(v4, web4, TcpFlags.Ack, 101, 1, [1, 2, 3]),
            Wire.Tcp(v4, web4, TcpFlags.Ack | TcpFlags.Fin, 101, 1),
            Wire.Tcp(v6, web6, TcpFlags.Reset, 101),
            Wire.Udp(v4, web4, [1, 2, 3]),
            Wire.Udp(v6, web6, [1, 2, 3]),
            Wire.Echo(true, [1, 2, 3]),
            Wire.Echo(false, [1, 2, 3]),
            Wire.Fragment(true, IpProtocol.Udp, datagram, 0, 64, 7),
            Wire.Fragment(true, IpProtocol.Udp, datagram, 64, 64, 7),
            Wire.Fragment(false, IpProtocol.Udp, datagram6, 0, 64, 7),
            Wire.Fragment(false, IpProtocol.Udp, datagram6, 64, 64, 7),
            Wire.Icmp(Wire.ClientV4, Wire.ServerV4, 3, 4, 700, Wire.Udp(web4, v4, [1, 2, 3])),
            Wire.Icmp(Wire.ClientV6, Wire.ServerV6, 2, 0, 1300, Wire.Tcp(web6, v6, TcpFlags.Ack, 1)),
            Wire.Icmp(Wire.ClientV4, Wire.ServerV4, 3, 3, 0, Wire.Tcp(web4, v4, TcpFlags.Syn, 1)),
            Wire.Ip6(Wire.ClientV6, Wire.ServerV6, 0, [60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0]),
        ];
    }

    static byte[] Change(byte[] packet, (int At, byte Value)[] changes, int longer, bool seals)
    {
        Array.Resize(ref packet, Math.Max(packet.Length + longer, 0));
        foreach (var (at, value) in changes)
            if (at < packet.Length)
                packet[at] = value;
        if (seals)
            Seal(packet);
        return packet;
    }

    /// <summary>Makes the checksums fit again, so that what was changed gets past them.</summary>
    static void Seal(Span<byte> packet)
    {
        if (packet.Length >= 20 && packet[0] == 0x45)
        {
            packet[10..12].Clear();
            Write(packet[10..], Checksum.Finish(Checksum.Sum(packet[..20])));
        }
        if (!IpView.TryParse(packet, out var ip))
            return;
        var payload = packet[ip.PayloadOffset..ip.Bytes.Length];
        var at = ip.Protocol switch { IpProtocol.Tcp => 16, IpProtocol.Udp => 6, IpProtocol.Icmp or IpProtocol.IcmpV6 => 2, _ => payload.Length };
        if (payload.Length < at + 2)
            return;
        payload.Slice(at, 2).Clear();
        var pseudo = ip.Protocol == IpProtocol.Icmp ? (ushort)0 : Checksum.PseudoHeader(ip.Addresses, ip.Protocol, payload.Length);
        Write(payload[at..], Checksum.FinishUdp(Checksum.Sum(payload, pseudo)));
    }

    static void Write(Span<byte> field, ushort value) => (field[0], field[1]) = ((byte)(value >> 8), (byte)value);
}
