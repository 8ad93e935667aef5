using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits.Tests.Switching;

/// <summary>Several protocols share the UDP port; none can starve another.</summary>
public sealed class DatagramKindTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);

    [Fact]
    public void The_first_bytes_tell_the_protocol()
    {
        Assert.Equal(DatagramKind.WireGuard, DatagramKinds.Of(Initiation()));
        Assert.Equal(DatagramKind.Krpc, DatagramKinds.Of("d1:ad2:id20:"u8));
        Assert.Equal(DatagramKind.Stun, DatagramKinds.Of(Convert.FromHexString("000100002112a442000000000000000000000000")));
        Assert.Equal(DatagramKind.Unknown, DatagramKinds.Of(Convert.FromHexString("000100002112a442")));
        Assert.Equal(DatagramKind.Unknown, DatagramKinds.Of([]));
        Assert.Equal(DatagramKind.Unknown, DatagramKinds.Of("hello"u8));
        Assert.Equal(DatagramKind.Unknown, DatagramKinds.Of(Initiation().AsSpan(1)));
    }

    [Fact]
    public void A_flood_of_another_protocol_is_cut_and_keeps_no_handshake_out()
    {
        var received = new PacketBatch(1 << 16, 64);
        var owner = new Counter();
        var plane = new DatagramPlane(received, new IndexTable(), new SwitchTable(), owner);
        for (var round = 0; round < 1000; round++)
        {
            received.Clear();
            for (var i = 0; i < 63; i++)
                Assert.True(received.TryCopy("d1:y1:qe"u8, Endpoint.Parse("198.51.100.1:6881")));
            Assert.True(received.TryCopy(Initiation(), Endpoint.Parse("203.0.113.1:51820")));
            plane.Handle(s_now);
        }

        Assert.Equal((1000, DatagramPlane.MostOthers), (owner.Handshakes, owner.Others));
        Assert.Equal(63_000 - DatagramPlane.MostOthers, plane.Counters.Dropped);
    }

    static byte[] Initiation()
    {
        var message = new byte[148];
        message[0] = 1;
        return message;
    }

    sealed class Counter : IPlaneOwner
    {
        public int Handshakes { get; private set; }
        public int Others { get; private set; }

        public void PostHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Hop? via) => Handshakes++;

        public void PostOther(ReadOnlySpan<byte> datagram, Endpoint source) => Others++;

        public void PostPayload(Tunnel tunnel, ReadOnlySpan<byte> payload, Endpoint source) => Assert.Fail("a payload");

        public void PostActivity(Tunnel tunnel) => Assert.Fail("activity");
    }
}
