using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests.Udp;

public class UdpTests
{
    static readonly Endpoint s_local = Endpoint.Parse("10.0.0.1:53"), s_remote = Endpoint.Parse("10.0.0.2:4000");
    readonly Stack _stack = Wire.NewStack();
    readonly UdpInbox _inbox = new();

    [Fact]
    public void An_endpoint_is_bound_once()
    {
        Assert.True(_stack.TryBind(s_local, _inbox));
        Assert.False(_stack.TryBind(s_local, new UdpInbox()));
        _stack.Unbind(s_local);
        Assert.True(_stack.TryBind(s_local, new UdpInbox()));
        Assert.False(_stack.TryBind(Endpoint.Parse("10.0.0.9:53"), _inbox));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_free_port_is_found_by_chance_until_none_is_left(bool v4)
    {
        var stack = Wire.NewStack(new StackOptions { Addresses = [Wire.ServerV4, Wire.ServerV6], FirstEphemeralPort = 65000 });
        var ports = new List<ushort>();
        while (stack.TryBind(v4, _inbox, out var local))
        {
            Assert.Equal(Wire.Server(v4), local.Address);
            ports.Add(local.Port);
        }
        Assert.Equal(Enumerable.Range(65000, 536).Select(port => (ushort)port), ports.Order());
        Assert.True(ports.Zip(ports.Skip(1)).Count(pair => pair.Second == pair.First + 1) < 300);
    }

    [Fact]
    public void An_IPv4_datagram_needs_no_checksum_and_an_IPv6_one_does()
    {
        _stack.TryBind(s_local, _inbox);
        _stack.TryBind(Endpoint.Parse("[2001:db8::1]:53"), _inbox);
        var v4 = Wire.Udp(s_remote, s_local, [1]);
        (v4[26], v4[27]) = (0, 0);
        _stack.Receive(v4, default);
        Assert.Single(_inbox.Received);

        var v6 = Wire.Udp(Endpoint.Parse("[2001:db8::2]:1"), Endpoint.Parse("[2001:db8::1]:53"), [1]);
        (v6[46], v6[47]) = (0, 0);
        _stack.Receive(v6, default);
        Assert.Single(_inbox.Received);
        Assert.Equal(1, _stack.Counters.BadChecksum);
    }

    [Fact]
    public void A_wrong_checksum_or_length_drops_the_datagram()
    {
        _stack.TryBind(s_local, _inbox);
        var damaged = Wire.Udp(s_remote, s_local, [1, 2, 3]);
        damaged[^1] ^= 4;
        _stack.Receive(damaged, default);
        var tooLong = Wire.Udp(s_remote, s_local, [1, 2, 3]);
        tooLong[25]++;
        _stack.Receive(tooLong, default);

        Assert.Empty(_inbox.Received);
        Assert.Equal((1, 1), (_stack.Counters.BadChecksum, _stack.Counters.Malformed));
    }

    [Fact]
    public void What_a_handler_answers_is_reported_to_the_sender()
    {
        _stack.TryBind(s_local, _inbox);
        _inbox.Answer = IcmpReason.Prohibited;
        _stack.Receive(Wire.Udp(s_remote, s_local, [1]), default);

        var ip = Wire.Parse(Assert.Single(Wire.Drain(_stack)));
        Assert.Equal([3, 13], ip.Payload[..2].ToArray());
    }

    [Fact]
    public void Sends_a_datagram_whose_checksum_would_be_zero_with_all_ones()
    {
        for (var i = 0; i < 65536; i++)
        {
            _stack.TrySend(s_local, s_remote, [(byte)(i >> 8), (byte)i]);
            var packet = Assert.Single(Wire.Drain(_stack));
            Assert.False(packet[26] == 0 && packet[27] == 0);
        }
    }

    [Fact]
    public void The_queue_is_bounded()
    {
        var stack = Wire.NewStack(new StackOptions { Addresses = [Wire.ServerV4], MaxDatagramBytes = 100_000 });
        var sent = 0;
        while (stack.TrySend(s_local, s_remote, new byte[1000]))
            sent++;
        Assert.InRange(sent, 90, 99);
        Assert.Equal(1, stack.Counters.QueueDropped);
        Assert.Equal(sent, Wire.Drain(stack).Count);
        Assert.True(stack.TrySend(s_local, s_remote, new byte[1000]));
    }

    [Fact]
    public void Families_do_not_mix_and_nothing_is_larger_than_UDP() =>
        Assert.Equal([false, false, true], new[]
        {
            _stack.TrySend(s_local, Endpoint.Parse("[2001:db8::2]:1"), [1]),
            _stack.TrySend(s_local, s_remote, new byte[65508]),
            _stack.TrySend(s_local, s_remote, new byte[65507]),
        });
}
