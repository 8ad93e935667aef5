using System.Buffers.Binary;
using CsCheck;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits.Tests.Exit;

[Collection(nameof(Alone))]
public class SourceRewriteTests
{
    static readonly AddressPair Inner = AddressPair.Inner;
    static readonly AddressPair Pool = new(IpAddress.Parse("100.65.3.9"), IpAddress.Parse("fd6d:6163:726f:65::309"));
    static readonly AddressPair Server = new(IpAddress.Parse("8.8.8.8"), IpAddress.Parse("2a00:1450::8"));

    static readonly Gen<AddressPair> AnyPair = Gen.Select(Gen.UInt, Gen.ULong, Gen.ULong, (v4, high, low) =>
        new AddressPair(IpAddress.FromV4(v4), new IpAddress(new UInt128(high | 1UL << 61, low))));

    [Fact]
    public void Equals_a_packet_built_anew_with_the_other_address() =>
        Gen.Select(AnyPair, AnyPair, Gen.Bool, Gen.Int[0, 2], Gen.Byte.Array[0, 200]).Sample((pool, server, v4, kind, data) =>
        {
            var (inner, outside, far) = (Inner.OfFamily(v4), pool.OfFamily(v4), server.OfFamily(v4));
            var expected = Build(kind, outside, far, v4, request: true, data);
            var packet = Build(kind, inner, far, v4, request: true, data);
            Assert.True(SourceRewrite.Outbound(packet, pool.V4, pool.V6));
            Assert.Equal(expected, packet);

            expected = Build(kind, far, inner, v4, request: false, data);
            packet = Build(kind, far, outside, v4, request: false, data);
            Assert.True(SourceRewrite.Inbound(packet));
            Assert.Equal(expected, packet);
        }, iter: 20_000);

    [Fact]
    public void An_icmp_error_carries_its_quote_along() =>
        Gen.Select(AnyPair, Gen.Bool, Gen.Int[0, 2], Gen.Byte.Array[0, 60], Gen.Int[0, 120]).Sample((pool, v4, kind, data, cut) =>
        {
            var (inner, outside, far, router) = (Inner.OfFamily(v4), pool.OfFamily(v4), Server.OfFamily(v4), IpAddress.Parse(v4 ? "9.9.9.9" : "2620:fe::9"));
            var type = (byte)(v4 ? 11 : 3);

            // A router far away about a packet of the client.
            var packet = IpPackets.Icmp(router, outside, type, Quote(Build(kind, outside, far, v4, request: true, data), v4, cut));
            var expected = IpPackets.Icmp(router, inner, type, Quote(Build(kind, inner, far, v4, request: true, data), v4, cut));
            Assert.True(SourceRewrite.Inbound(packet));
            Assert.Equal(expected, packet);

            // The client about a packet of the server.
            packet = IpPackets.Icmp(inner, far, type, Quote(Build(kind, far, inner, v4, request: false, data), v4, cut));
            expected = IpPackets.Icmp(outside, far, type, Quote(Build(kind, far, outside, v4, request: false, data), v4, cut));
            Assert.True(SourceRewrite.Outbound(packet, pool.V4, pool.V6));
            Assert.Equal(expected, packet);
        }, iter: 20_000);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_udp_checksum_of_zero_stays(bool v4)
    {
        var packet = IpPackets.Udp(Inner.OfFamily(v4), Server.OfFamily(v4), 53, [1, 2, 3]);
        var field = packet.AsSpan((v4 ? 20 : 40) + UdpView.ChecksumOffset, 2);
        field.Clear();

        Assert.True(SourceRewrite.Outbound(packet, Pool.V4, Pool.V6));

        Assert.Equal(0, BinaryPrimitives.ReadUInt16BigEndian(field));
    }

    [Fact]
    public void A_udp_checksum_never_becomes_zero()
    {
        for (var word = 0; word <= ushort.MaxValue; word++)
        {
            byte[] data = [(byte)(word >> 8), (byte)word];
            var packet = IpPackets.Udp(Inner.V4, Server.V4, 53, data);
            Assert.True(SourceRewrite.Outbound(packet, Pool.V4, Pool.V6));
            if (!packet.AsSpan().SequenceEqual(IpPackets.Udp(Pool.V4, Server.V4, 53, data)))
                Assert.Fail($"{word:x4}");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_transport_checksum_of_a_fragmented_packet_changes_in_its_first_fragment_only(bool v4)
    {
        var (inner, outside, far) = (Inner.OfFamily(v4), Pool.OfFamily(v4), Server.OfFamily(v4));
        var data = Enumerable.Range(0, 100).Select(i => (byte)i).ToArray();
        var header = v4 ? 20 : 40;
        var (before, after) = (IpPackets.Udp(inner, far, 53, data)[header..], IpPackets.Udp(outside, far, 53, data)[header..]);
        var first = IpPackets.Ip(inner, far, IpProtocol.Udp, before[..64], more: true);
        var second = IpPackets.Ip(inner, far, IpProtocol.Udp, before[64..], fragmentOffset: 64);

        Assert.True(SourceRewrite.Outbound(first, Pool.V4, Pool.V6));
        Assert.True(SourceRewrite.Outbound(second, Pool.V4, Pool.V6));

        Assert.Equal(IpPackets.Ip(outside, far, IpProtocol.Udp, after[..64], more: true), first);
        Assert.Equal(IpPackets.Ip(outside, far, IpProtocol.Udp, after[64..], fragmentOffset: 64), second);
    }

    [Fact]
    public void A_packet_from_or_to_somebody_else_is_refused_and_left_alone()
    {
        byte[][] outbound =
        [
            IpPackets.Udp("100.64.0.3", "8.8.8.8", 53, 1),
            IpPackets.Udp(Pool.V4, Server.V4, 53, [1]),
            IpPackets.Udp("fd6d:6163:726f::3", "2a00::1", 53, 1),
            IpPackets.Icmp(Inner.V4, Server.V4, 3, [0, 0, 0, 0, .. IpPackets.Udp("8.8.8.8", "100.64.0.3", 9, 1)]),
            IpPackets.Icmp(Inner.V4, Server.V4, 3, [0, 0, 0, 0, 0x45, 0, 0]),
            IpPackets.Icmp(Inner.V4, Server.V4, 3, [0, 0, 0, 0, .. IpPackets.Udp("2a00::1", "fd6d:6163:726f::2", 9, 1)]),
            IpPackets.Ip(Inner.V4, Server.V4, IpProtocol.Tcp, new byte[17]),
            [],
            new byte[40],
        ];
        byte[][] inbound =
        [
            IpPackets.Icmp(Server.V4, Pool.V4, 11, [0, 0, 0, 0, .. IpPackets.Udp("100.65.3.10", "8.8.8.8", 9, 1)]),
            IpPackets.Udp("2a00::1", "fd6d:6163:726f:65::309", 53, 1)[..47],
            [],
        ];

        Assert.All(outbound, packet => Assert.True(Untouched(packet, copy => SourceRewrite.Outbound(copy, Pool.V4, Pool.V6))));
        Assert.All(inbound, packet => Assert.True(Untouched(packet, copy => SourceRewrite.Inbound(copy))));
    }

    [Fact]
    public void Padding_behind_a_packet_is_left_alone()
    {
        byte[] packet = [.. IpPackets.Udp(Inner.V6, Server.V6, 53, [1, 2, 3]), 9, 9, 9];

        Assert.True(IpView.TryParse(packet, out var view));
        Assert.Equal(packet.Length - 3, view.Bytes.Length);
        Assert.True(SourceRewrite.Outbound(packet, Pool.V4, Pool.V6));
        Assert.Equal([.. IpPackets.Udp(Pool.V6, Server.V6, 53, [1, 2, 3]), 9, 9, 9], packet);
        Assert.True(SourceRewrite.TryReadDestination(packet, out var destination));
        Assert.Equal(Server.V6, destination);
        Assert.False(IpView.TryParse(packet.AsSpan(..^4), out _));
    }

    [Fact]
    public void Random_bytes_never_throw() =>
        Gen.Select(Gen.Byte.Array[0, 120], Gen.Bool, Gen.Int[0, 2]).Sample((noise, v4, kind) =>
        {
            // A right header, so that the bytes behind it are looked at.
            var packet = IpPackets.Ip(Inner.OfFamily(v4), Server.OfFamily(v4), (IpProtocol)(v4 ? (byte[])[1, 6, 17] : [58, 44, 60])[kind], noise);
            _ = SourceRewrite.Outbound(packet, Pool.V4, Pool.V6);
            _ = SourceRewrite.Outbound(noise, Pool.V4, Pool.V6);
            _ = SourceRewrite.Inbound(noise);
        }, iter: 50_000);

    [Fact]
    public void Allocates_nothing()
    {
        var packet = IpPackets.Icmp(Inner.V6, Server.V6, 1, Quote(IpPackets.Udp(Server.V6, Inner.V6, 53, new byte[40]), v4: false, 100));
        var copy = new byte[packet.Length];

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                packet.CopyTo(copy, 0);
                SourceRewrite.Outbound(copy, Pool.V4, Pool.V6);
            }
        }));
    }

    static byte[] Build(int kind, IpAddress source, IpAddress destination, bool v4, bool request, byte[] data) => kind switch
    {
        0 => IpPackets.Tcp(source, destination, 443, data),
        1 => IpPackets.Udp(source, destination, 53, data),
        _ => IpPackets.Icmp(source, destination, (byte)((v4, request) switch { (true, true) => 8, (true, false) => 0, (false, true) => 128, (false, false) => 129 }), [0, 1, 0, 2, .. data]),
    };

    /// <summary>Four unused bytes, then the packet cut, at an even place as routers do, to at least its IP header and 8 bytes.</summary>
    static byte[] Quote(byte[] packet, bool v4, int cut) => [0, 0, 0, 0, .. packet[..Math.Min(packet.Length, (v4 ? 28 : 48) + (cut & ~1))]];

    static bool Untouched(byte[] packet, Func<byte[], bool> rewrite)
    {
        var copy = (byte[])packet.Clone();
        return !rewrite(copy) && copy.AsSpan().SequenceEqual(packet);
    }
}
