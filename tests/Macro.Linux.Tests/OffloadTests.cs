using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using CsCheck;
using Macro.Core;

namespace Macro.Linux.Tests;

/// <summary>Cutting and joining large packets, without a TUN device: joined packets go to a socket that keeps their boundaries.</summary>
public sealed class OffloadTests : IDisposable
{
    readonly Socket _written = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    readonly FileDescriptor _tun;

    public OffloadTests()
    {
        _written.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _written.ReceiveBufferSize = 8 * 1024 * 1024;
        var writer = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        writer.Connect(_written.LocalEndPoint!);
        _tun = new FileDescriptor((int)writer.Handle);
        writer.SafeHandle.SetHandleAsInvalid();
    }

    public void Dispose()
    {
        _tun.Dispose();
        _written.Dispose();
    }

    [Fact]
    public void Segments_carry_the_payload_in_order_with_valid_checksums() => Flights.Sample(flight =>
    {
        var (packet, header) = flight.Build();

        var segments = Cut(packet, header);

        Assert.Equal((flight.Payload + flight.Segment - 1) / flight.Segment, segments.Count);
        var payload = new List<byte>();
        for (var i = 0; i < segments.Count; i++)
        {
            Assert.True(PacketShape.TryRead(segments[i], out var shape));
            Assert.True(shape.HasValidChecksums(segments[i]));
            if (flight.Tcp)
            {
                Assert.Equal(flight.Sequence + (uint)payload.Count, shape.Sequence);
                Assert.Equal(i == segments.Count - 1, (shape.Flags & 8) != 0);
            }
            payload.AddRange(segments[i].AsSpan(shape.Header));
        }
        Assert.Equal(packet[^flight.Payload..], payload);
    }, iter: 300);

    [Fact]
    public void Joining_and_cutting_again_gives_the_same_packets() => Flights.Sample(flight =>
    {
        var (packet, header) = flight.Build();
        var segments = Cut(packet, header);

        var written = Write(segments);

        // The kernel caps nothing here but the packet size: one flight is one write.
        Assert.Single(written);
        Assert.Equal(segments, written.SelectMany(one => Cut(one.Packet, one.Header)));
    }, iter: 300, threads: 1);

    [Fact]
    public void Never_joins_a_packet_whose_checksum_is_wrong()
    {
        var (packet, header) = new Flight(Tcp: true, V6: false, 6000, 1000, 77, 1).Build();
        var segments = Cut(packet, header);
        segments[3][^1] ^= 1;

        var written = Write(segments);

        Assert.Equal(3, written.Count);
        Assert.Equal(segments[3], written[1].Packet);
        Assert.Equal(segments, written.SelectMany(one => Cut(one.Packet, one.Header)));
    }

    [Fact]
    public void Passes_everything_else_on_unchanged_and_in_order()
    {
        var random = new Random(5);
        var packets = new List<byte[]>();
        for (var i = 0; i < 50; i++)
        {
            var packet = new byte[random.Next(1, 300)];
            random.NextBytes(packet);
            packet[0] = (byte)(random.Next(2) == 0 ? 0x45 : 0x60);
            packets.Add(packet);
        }

        Assert.Equal(packets, Write(packets).Select(one => one.Packet));
    }

    [Fact]
    public void A_flight_larger_than_the_batch_goes_on_in_the_next_one()
    {
        var (packet, header) = new Flight(Tcp: true, V6: true, 40000, 1000, 9, 2).Build();

        Assert.Equal(Cut(packet, header, slots: 512), Cut(packet, header, slots: 3));
    }

    static Gen<Flight> Flights =>
        from tcp in Gen.Bool
        from v6 in Gen.Bool
        from segment in Gen.Int[1, 1400]
        from segments in Gen.Int[2, 40]
        from last in Gen.Int[1, segment]
        from sequence in Gen.UInt
        from seed in Gen.Int
        select new Flight(tcp, v6, segment * (segments - 1) + last, segment, sequence, seed);

    static List<byte[]> Cut(byte[] packet, in VirtioHeader header, int slots = 512)
    {
        if (header.Kind == VirtioSegmentation.None)
            return [packet];
        var segmenter = new Segmenter();
        var batch = new PacketBatch(256 * 1024, slots);
        var segments = new List<byte[]>();
        segmenter.Begin([.. packet], packet.Length, header);
        while (segmenter.Pending)
        {
            batch.Clear();
            segmenter.MoveTo(batch, 16, 32);
            for (var i = 0; i < batch.Count; i++)
                segments.Add(batch.Bytes(i).ToArray());
        }
        return segments;
    }

    List<(VirtioHeader Header, byte[] Packet)> Write(List<byte[]> packets)
    {
        var batch = new PacketBatch(256 * 1024, 512);
        foreach (var packet in packets)
            Assert.True(batch.TryCopy(packet, default, 16, 32));
        Coalescer.OfThread.Write(_tun, batch, joinUdp: true);
        var written = new List<(VirtioHeader, byte[])>();
        var buffer = new byte[70000];
        while (_written.Available > 0)
        {
            var length = _written.Receive(buffer);
            written.Add((MemoryMarshal.Read<VirtioHeader>(buffer), buffer[VirtioHeader.Size..length]));
        }
        return written;
    }

    sealed record Flight(bool Tcp, bool V6, int Payload, int Segment, uint Sequence, int Seed)
    {
        /// <summary>A packet as the kernel passes it: whole, with the pseudo header's sum for a checksum.</summary>
        internal (byte[] Packet, VirtioHeader Header) Build()
        {
            var transport = V6 ? 40 : 20;
            var length = transport + (Tcp ? 20 : 8) + Payload;
            var packet = new byte[length];
            new Random(Seed).NextBytes(packet);
            packet[0] = V6 ? (byte)0x60 : (byte)0x45;
            packet[V6 ? 6 : 9] = Tcp ? (byte)6 : (byte)17;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(V6 ? 4 : 2), (ushort)(V6 ? length - 40 : length));
            if (!V6)
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), 0x4000);
            if (Tcp)
            {
                BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(transport + 4), Sequence);
                packet[transport + 12] = 0x50;
                packet[transport + 13] = 0x18;
            }
            return (packet, new VirtioHeader
            {
                Flags = VirtioHeader.NeedsChecksum,
                Segmentation = !Tcp ? VirtioSegmentation.Udp : V6 ? VirtioSegmentation.TcpV6 : VirtioSegmentation.TcpV4,
                SegmentSize = (ushort)Segment,
                ChecksumStart = (ushort)transport,
                ChecksumOffset = (ushort)(Tcp ? 16 : 6),
            });
        }
    }
}
