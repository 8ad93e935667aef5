using Macro.Core;
using Macro.Core.Packets;
using CsCheck;

namespace Macro.NetStack.Tests.Ip;

public class ReassemblyTests
{
    static readonly StackOptions s_options = new() { Addresses = [Wire.ServerV4, Wire.ServerV6] };
    readonly Stack _stack = Wire.NewStack();
    readonly UdpInbox _inbox = new();

    public ReassemblyTests()
    {
        _stack.TryBind(new Endpoint(Wire.ServerV4, 53), _inbox);
        _stack.TryBind(new Endpoint(Wire.ServerV6, 53), _inbox);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Puts_fragments_together_in_whatever_order_they_come(bool v4) =>
        Gen.Select(Gen.Int[1, 9000], Gen.Int[1, 180], Gen.Int[0, int.MaxValue]).Sample(
            (size, step, seed) =>
            {
                var stack = Wire.NewStack();
                var inbox = new UdpInbox();
                stack.TryBind(new Endpoint(Wire.Server(v4), 53), inbox);
                var payload = Wire.Numbers(size);
                var datagram = Datagram(v4, payload);
                var part = Math.Max(8 * step, (datagram.Length / 60 & ~7) + 8);
                var offsets = Enumerable.Range(0, (datagram.Length + part - 1) / part).Select(i => i * part).ToArray();
                new Simulation.SeededRandom((ulong)seed).Shuffle(offsets.AsSpan());
                foreach (var offset in offsets)
                    stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, offset, part, 77), default);
                return inbox.Received.Count == 1 && inbox.Received[0].Payload.AsSpan().SequenceEqual(payload);
            }, iter: 200);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Takes_the_largest_datagram_there_is(bool v4)
    {
        var payload = Wire.Numbers(65535 - 8 - (v4 ? 20 : 0));
        var datagram = Datagram(v4, payload);
        for (var offset = 0; offset < datagram.Length; offset += 1232)
            _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, offset, 1232, 1), default);

        Assert.Equal(payload, Assert.Single(_inbox.Received).Payload);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_fragment_that_comes_twice_does_no_harm(bool v4)
    {
        var datagram = Datagram(v4, Wire.Numbers(3000));
        foreach (var offset in new[] { 0, 0, 1200, 1200, 2400 })
            _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, offset, 1200, 1), default);

        Assert.Single(_inbox.Received);
    }

    [Theory]
    [InlineData(true, 8)]
    [InlineData(false, 8)]
    [InlineData(true, 1192)]
    [InlineData(false, 1192)]
    public void Fragments_that_overlap_are_dropped_with_all_that_comes_after(bool v4, int overlapping)
    {
        var datagram = Datagram(v4, Wire.Numbers(3000));
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, 0, 1200, 1), default);
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, overlapping, 1200, 1), default);
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, 0, 1200, 1), default);
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, 1200, 2000, 1), default);

        Assert.Empty(_inbox.Received);
        Assert.Equal(3, _stack.Counters.FragmentsDropped);
    }

    [Fact]
    public void A_second_fragment_with_other_bytes_is_no_repetition()
    {
        var datagram = Datagram(true, Wire.Numbers(3000));
        _stack.Receive(Wire.Fragment(true, IpProtocol.Udp, datagram, 0, 1200, 1), default);
        datagram[100] ^= 1;
        _stack.Receive(Wire.Fragment(true, IpProtocol.Udp, datagram, 0, 1200, 1), default);
        _stack.Receive(Wire.Fragment(true, IpProtocol.Udp, datagram, 1200, 2000, 1), default);

        Assert.Empty(_inbox.Received);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Two_different_ends_are_dropped(bool v4)
    {
        var datagram = Datagram(v4, Wire.Numbers(3000));
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, 2400, 600, 1), default);
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, 1200, 600, 1, more: false), default);
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, 0, 1200, 1), default);
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, datagram, 1200, 1200, 1), default);

        Assert.Empty(_inbox.Received);
    }

    [Fact]
    public void Fragments_that_can_be_part_of_no_packet_are_dropped()
    {
        var big = new byte[1200];
        // Not a multiple of eight though others follow; past the largest packet; empty.
        _stack.Receive(Wire.Fragment(true, IpProtocol.Udp, big, 0, 1199, 1), default);
        _stack.Receive(Wire.Ip(Wire.ClientV4, Wire.ServerV4, IpProtocol.Udp, big, 0x1fff, 2), default);
        _stack.Receive(Wire.Ip(Wire.ClientV4, Wire.ServerV4, IpProtocol.Udp, [], 0x2000, 3), default);

        Assert.Equal(3, _stack.Counters.FragmentsDropped);
        Assert.Equal(Instant.Never, _stack.NextTimeout);
    }

    [Fact]
    public void Packets_of_others_do_not_mix()
    {
        var datagram = Datagram(true, Wire.Numbers(2000));
        _stack.Receive(Wire.Fragment(true, IpProtocol.Udp, datagram, 0, 1200, 1), default);
        _stack.Receive(Wire.Fragment(true, IpProtocol.Udp, datagram, 1200, 1200, 2), default);
        _stack.Receive(Wire.Fragment(true, IpProtocol.Tcp, datagram, 1200, 1200, 1), default);

        Assert.Empty(_inbox.Received);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void After_fifteen_seconds_the_sender_hears_that_a_fragment_is_missing(bool v4)
    {
        _stack.Receive(Wire.Fragment(v4, IpProtocol.Udp, Datagram(v4, Wire.Numbers(2000)), 0, 1200, 1), default);

        var due = Instant.UnixEpoch + TimeSpan.FromSeconds(15);
        Assert.Equal(due, _stack.NextTimeout);
        _stack.HandleTimeout(due);
        Assert.Equal(Instant.Never, _stack.NextTimeout);
        var error = Assert.Single(Wire.Drain(_stack, due));
        Wire.AssertSound(error);
        var ip = Wire.Parse(error);
        Assert.Equal(v4 ? [11, 1] : [3, 1], ip.Payload[..2].ToArray());
    }

    [Fact]
    public void Nobody_hears_of_a_packet_whose_beginning_is_missing()
    {
        _stack.Receive(Wire.Fragment(true, IpProtocol.Udp, Datagram(true, Wire.Numbers(2000)), 1200, 1200, 1), default);
        _stack.HandleTimeout(Instant.UnixEpoch + TimeSpan.FromSeconds(15));

        Assert.Empty(Wire.Drain(_stack));
    }

    [Fact]
    public void One_source_holds_a_quarter_of_the_places()
    {
        var reassembly = new Reassembly(s_options, new StackCounters());
        for (var i = 0; i < 1000; i++)
            reassembly.TryAdd(Wire.Fragment(true, IpProtocol.Udp, new byte[2000], 0, 1200, (uint)i), default, out _);

        Assert.Equal(16, reassembly.Count);
    }

    [Fact]
    public void Many_sources_hold_no_more_than_there_are_places_and_bytes()
    {
        var reassembly = new Reassembly(s_options, new StackCounters());
        for (var i = 0; i < 1000; i++)
        {
            var packet = Wire.Ip(IpAddress.FromV4(0x0a000100u + (uint)i), Wire.ServerV4, IpProtocol.Udp, new byte[1200], 0x3c00, 1);
            reassembly.TryAdd(packet, default, out _);
            Assert.InRange(reassembly.Count, 0, 64);
            Assert.InRange(reassembly.Bytes, 0, 1 << 20);
        }
        Assert.InRange(reassembly.Count, 1, 64);
    }

    [Fact]
    public void A_congestion_mark_on_one_fragment_marks_the_packet()
    {
        var reassembly = new Reassembly(s_options, new StackCounters());
        reassembly.TryAdd(Wire.Ip(Wire.ClientV4, Wire.ServerV4, IpProtocol.Udp, new byte[1200], 0x2000, 1, tos: 2), default, out _);
        Assert.True(reassembly.TryAdd(Wire.Ip(Wire.ClientV4, Wire.ServerV4, IpProtocol.Udp, new byte[8], 150, 1, tos: 3), default, out var whole));
        Assert.True(IpView.TryParse(whole, out var ip));
        Assert.Equal(3, ip.TrafficClass & 3);
    }

    [Fact]
    public void Extension_headers_inside_the_fragmented_part_are_walked_when_it_is_whole()
    {
        var datagram = Datagram(false, Wire.Numbers(2000));
        byte[] inside = [(byte)IpProtocol.Udp, 0, 1, 4, 0, 0, 0, 0, .. datagram];
        _stack.Receive(Wire.Fragment(false, IpProtocol.DestinationOptions, inside, 0, 1200, 1), default);
        _stack.Receive(Wire.Fragment(false, IpProtocol.DestinationOptions, inside, 1200, 1200, 1), default);
        Assert.Single(_inbox.Received);

        // A routing header must not hide there.
        inside[0] = (byte)IpProtocol.Udp;
        _stack.Receive(Wire.Fragment(false, IpProtocol.Routing, inside, 0, 1200, 2), default);
        _stack.Receive(Wire.Fragment(false, IpProtocol.Routing, inside, 1200, 1200, 2), default);
        Assert.Single(_inbox.Received);
        Assert.Equal(1, _stack.Counters.BadAddress);
    }

    static byte[] Datagram(bool v4, byte[] payload) =>
        Wire.UdpDatagram(new Endpoint(Wire.Client(v4), 4000), new Endpoint(Wire.Server(v4), 53), payload);
}
