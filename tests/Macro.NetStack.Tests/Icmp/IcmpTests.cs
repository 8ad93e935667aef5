using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests.Icmp;

public class IcmpTests
{
    readonly Stack _stack = Wire.NewStack();
    readonly UdpInbox _inbox = new();

    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, 56)]
    [InlineData(false, 56)]
    [InlineData(true, 4001)]
    [InlineData(false, 4001)]
    public void Answers_an_echo_request(bool v4, int size)
    {
        var data = Wire.Numbers(size);
        var client = Wire.NewStack(new StackOptions { Addresses = [Wire.ClientV4, Wire.ClientV6] });
        var request = Wire.Echo(v4, data);
        var message = Wire.Parse(request);
        for (var offset = 0; offset < message.Payload.Length; offset += 1200)
            _stack.Receive(Wire.Fragment(v4, message.Protocol, message.Payload, offset, 1200, 1), default);

        var reassembly = new Reassembly(client.Options, client.Counters);
        ReadOnlySpan<byte> reply = default;
        foreach (var packet in Wire.Drain(_stack))
        {
            Wire.AssertSound(packet);
            if (!reassembly.TryAdd(packet, default, out reply))
                reply = packet;
        }
        Wire.AssertSound(reply.ToArray());
        Assert.True(IpView.TryParse(reply, out var ip));
        Assert.True(IcmpView.TryParse(ip.Payload, !v4, out var icmp));
        Assert.True(icmp.IsEchoReply);
        Assert.Equal((7, 1), (icmp.Identifier, icmp.SequenceNumber));
        Assert.Equal(data, icmp.Payload.ToArray());
        Assert.Equal((Wire.Server(v4), Wire.Client(v4)), (ip.Source, ip.Destination));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_wrong_checksum_gets_no_answer(bool v4)
    {
        var request = Wire.Echo(v4, [1, 2, 3]);
        request[^1] ^= 1;
        _stack.Receive(request, default);

        Assert.Empty(Wire.Drain(_stack));
        Assert.Equal(1, _stack.Counters.BadChecksum);
    }

    [Fact]
    public void Answers_so_many_in_a_second()
    {
        for (var i = 0; i < 5000; i++)
        {
            _stack.Receive(Wire.Echo(true, []), default);
            if (i % 50 == 0)
                Assert.InRange(Wire.Drain(_stack).Count, 0, 50);
        }
        Assert.Equal(4000, _stack.Counters.Suppressed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_answers_for_every_address_asks_a_handler_about_echoes(bool v4)
    {
        var exit = Wire.NewExit();
        var handler = new Echoes(exit);
        exit.EchoHandler = handler;
        exit.Receive(Wire.Echo(v4, [1, 2, 3]), default);

        Wire.AssertSound(Assert.Single(Wire.Drain(exit)));
        Assert.Equal(new Echo(Wire.Client(v4), Wire.Server(v4), 7, 1), handler.Last);

        handler.Answer = IcmpReason.Prohibited;
        exit.Receive(Wire.Echo(v4, [1, 2, 3]), default);
        var packets = Wire.Drain(exit);
        var ip = Wire.Parse(packets[^1]);
        Assert.Equal(v4 ? [3, 13] : [1, 1], ip.Payload[..2].ToArray());
        Assert.Equal(Wire.Server(v4), ip.Source);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_port_that_nobody_has_is_reported_with_the_packet(bool v4)
    {
        var packet = Wire.Udp(new Endpoint(Wire.Client(v4), 4000), new Endpoint(Wire.Server(v4), 999), new byte[1200]);
        _stack.Receive(packet, default);

        var error = Assert.Single(Wire.Drain(_stack));
        Wire.AssertSound(error);
        var ip = Wire.Parse(error);
        Assert.Equal(v4 ? [3, 3] : [1, 4], ip.Payload[..2].ToArray());
        Assert.Equal(packet[..(v4 ? 548 : 1232)], ip.Payload[8..].ToArray());
        Assert.InRange(error.Length, 1, v4 ? 576 : 1280);
    }

    [Theory]
    [InlineData(true, 3, 3, IcmpReason.PortUnreachable)]
    [InlineData(true, 3, 1, IcmpReason.HostUnreachable)]
    [InlineData(true, 3, 13, IcmpReason.Prohibited)]
    [InlineData(true, 11, 0, IcmpReason.TimeExceeded)]
    [InlineData(false, 1, 4, IcmpReason.PortUnreachable)]
    [InlineData(false, 1, 0, IcmpReason.NoRoute)]
    [InlineData(false, 3, 0, IcmpReason.TimeExceeded)]
    public void An_error_about_a_datagram_reaches_whoever_sent_it(bool v4, byte type, byte code, IcmpReason reason)
    {
        var (local, remote) = (new Endpoint(Wire.Server(v4), 53), new Endpoint(Wire.Client(v4), 4000));
        _stack.TryBind(local, _inbox);
        _stack.Receive(Wire.Icmp(Wire.Client(v4), Wire.Server(v4), type, code, 0, Wire.Udp(local, remote, [1, 2, 3])), default);

        var heard = Assert.Single(_inbox.Errors);
        Assert.Equal((local, remote, reason), (heard.Local, heard.Remote, heard.Error.Reason));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_error_about_what_we_never_sent_is_counted_and_dropped(bool v4)
    {
        var (local, remote) = (new Endpoint(Wire.Server(v4), 53), new Endpoint(Wire.Client(v4), 4000));
        _stack.TryBind(local, _inbox);
        var (client, server, type) = (Wire.Client(v4), Wire.Server(v4), (byte)(v4 ? 3 : 1));
        // Sent by somebody else; from a port that nobody has; of a connection that does not exist; cut too short; not IP.
        _stack.Receive(Wire.Icmp(client, server, type, 1, 0, Wire.Udp(remote, local, [1, 2, 3])), default);
        _stack.Receive(Wire.Icmp(client, server, type, 1, 0, Wire.Udp(local with { Port = 54 }, remote, [1, 2, 3])), default);
        _stack.Receive(Wire.Icmp(client, server, type, 1, 0, Wire.Tcp(local, remote, TcpFlags.Ack, 1)), default);
        _stack.Receive(Wire.Icmp(client, server, type, 1, 0, Wire.Udp(local, remote, []).AsSpan(..^1)), default);
        _stack.Receive(Wire.Icmp(client, server, type, 1, 0, new byte[100]), default);

        Assert.Equal(5, _stack.Counters.ForeignErrors);
        Assert.Empty(_inbox.Errors);
        Assert.Empty(Wire.Drain(_stack));
    }

    [Theory]
    [InlineData(true, 1300)]
    [InlineData(false, 1300)]
    [InlineData(true, 700)]
    public void After_packet_too_big_datagrams_leave_in_smaller_pieces(bool v4, int mtu)
    {
        var (local, remote) = (new Endpoint(Wire.Server(v4), 53), new Endpoint(Wire.Client(v4), 4000));
        _stack.TryBind(local, _inbox);
        _stack.TrySend(local, remote, new byte[1280]);
        var sent = Assert.Single(Wire.Drain(_stack));
        _stack.Receive(Wire.Icmp(Wire.Client(v4), Wire.Server(v4), (byte)(v4 ? 3 : 2), (byte)(v4 ? 4 : 0), (uint)mtu, sent), default);

        Assert.Equal(new IcmpError(IcmpReason.PacketTooBig, Wire.Client(v4), mtu), Assert.Single(_inbox.Errors).Error);
        _stack.TrySend(local, remote, new byte[1280]);
        var pieces = Wire.Drain(_stack);
        Assert.True(pieces.Count > 1);
        Assert.All(pieces, piece => Assert.InRange(piece.Length, 1, mtu));
    }

    [Fact]
    public void No_client_narrows_the_path_to_another()
    {
        var exit = Wire.NewExit();
        exit.BindAny(_inbox);
        var (local, remote) = (Endpoint.Parse("93.184.216.34:443"), Endpoint.Parse("100.65.0.9:4000"));
        exit.Receive(Wire.Icmp(IpAddress.Parse("100.65.0.10"), local.Address, 3, 4, 600, Wire.Udp(local, remote, new byte[1000])), default);

        Assert.Empty(_inbox.Errors);
        Assert.Equal(1, exit.Counters.ForeignErrors);
        exit.Receive(Wire.Icmp(remote.Address, local.Address, 3, 4, 600, Wire.Udp(local, remote, new byte[1000])), default);
        Assert.Single(_inbox.Errors);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Tells_the_sender_what_became_of_a_datagram_outside(bool v4)
    {
        var exit = Wire.NewExit();
        var (source, target) = (new Endpoint(Wire.Client(v4), 4000), new Endpoint(Wire.Server(v4), 443));
        var payload = Wire.Numbers(600);
        var router = v4 ? IpAddress.Parse("80.1.2.3") : IpAddress.Parse("2001:db8:9::1");
        Assert.True(exit.TrySendError(new IcmpError(IcmpReason.PacketTooBig, router, 1300), source, target, payload, default));

        var error = Assert.Single(Wire.Drain(exit));
        Wire.AssertSound(error);
        var ip = Wire.Parse(error);
        Assert.Equal((router, source.Address), (ip.Source, ip.Destination));
        Assert.Equal(1300u, BinaryPrimitives.ReadUInt32BigEndian(ip.Payload[4..]));
        // The client finds its own flow in it, just as the exit does in what a client reports.
        Assert.True(QuotedPacket.TryParse(ip.Payload[8..], v4, out var quoted));
        Assert.Equal((source, target), (quoted.Source, quoted.Destination));
        var quote = ip.Payload[8..].ToArray();
        Assert.Equal(Wire.UdpDatagram(source, target, payload)[..^(v4 ? 80 : 0)], quote[(v4 ? 20 : 40)..]);
    }

    [Fact]
    public void Never_answers_an_error_with_an_error()
    {
        var error = Wire.Icmp(Wire.ClientV4, Wire.ServerV4, 3, 3, 0, Wire.Udp(Endpoint.Parse("10.0.0.1:9"), Endpoint.Parse("10.0.0.2:9"), []));
        _stack.Receive(error, default);
        _stack.Receive(Wire.Icmp(Wire.ClientV4, Wire.ServerV4, 13, 0, 0, []), default);
        Assert.Empty(Wire.Drain(_stack));
    }

    sealed class Echoes(Stack stack) : IEchoHandler
    {
        public Echo Last { get; private set; }
        public IcmpReason Answer { get; set; }

        public IcmpReason ReceiveRequest(Echo request, ReadOnlySpan<byte> data, Instant now)
        {
            Last = request;
            if (Answer == IcmpReason.None)
                stack.TrySendEchoReply(request with { Source = request.Destination, Destination = request.Source }, data);
            return Answer;
        }
    }
}
