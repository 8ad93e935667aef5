using Macro.Core;

namespace Macro.WireGuard.Tests.Devices;

public class DeviceTests
{
    readonly Network _network = new();
    readonly Host _alice, _bob;
    readonly Peer _bobAtAlice, _aliceAtBob;

    public DeviceTests()
    {
        _alice = _network.Add("192.0.2.1:1000");
        _bob = _network.Add("192.0.2.2:2000");
        _bobAtAlice = _alice.Know(_bob, "10.0.0.2/32", "fd00::2/128", "0.0.0.0/0");
        _aliceAtBob = _bob.Know(_alice, "10.0.0.1/32", "fd00::1/128");
        _alice.Device.SetEndpoint(_bobAtAlice, _bob.Endpoint);
    }

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.2")]
    [InlineData("fd00::1", "fd00::2")]
    public void Packets_arrive_as_they_were_without_their_padding(string source, string destination)
    {
        var packets = Enumerable.Range(0, 10).Select(i => Network.Packet(source, destination, 10 + (100 * i))).ToArray();

        _alice.Send(packets);
        _network.Run(1);
        _alice.Send(packets);
        _network.Run(1);

        Assert.Equal(packets.Concat(packets), _bob.Delivered);
        Assert.Equal(_alice.Endpoint, _aliceAtBob.Endpoint);
        _bob.Send(Network.Packet(destination, source));
        _network.Run(1);
        Assert.Single(_alice.Delivered);
        Assert.Equal(_bobAtAlice.BytesSent, _aliceAtBob.BytesReceived);
        Assert.Equal(_bobAtAlice.BytesReceived, _aliceAtBob.BytesSent);
    }

    [Fact]
    public void A_source_outside_the_allowed_ips_is_dropped()
    {
        _alice.Send(Network.Packet("10.0.0.3", "10.0.0.2"), Network.Packet("10.0.0.1", "10.0.0.2"), Network.Packet("fd00::9", "fd00::2"));
        _network.Run(1);

        Assert.Single(_bob.Delivered);
    }

    [Fact]
    public void A_destination_that_is_nobodys_is_dropped()
    {
        _bob.Send(Network.Packet("10.0.0.2", "10.9.9.9"));
        _network.Run(1);

        Assert.Empty(_bob.Sent);
    }

    [Fact]
    public void The_peer_is_followed_where_it_roams()
    {
        Connect();
        _alice.Endpoint = Endpoint.Parse("[2001:db8::77]:4000");
        _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
        _network.Run(1);

        Assert.Equal(_alice.Endpoint, _aliceAtBob.Endpoint);
        _bob.Send(Network.Packet("10.0.0.2", "10.0.0.1"));
        _network.Run(1);
        Assert.Single(_alice.Delivered);
    }

    [Fact]
    public void Eve_cannot_make_a_peer_roam_by_replay()
    {
        Connect();
        var eve = Endpoint.Parse("203.0.113.66:6");
        foreach (var datagram in _alice.Sent.ToArray())
            _bob.Receive(datagram, eve);

        Assert.Equal(_alice.Endpoint, _aliceAtBob.Endpoint);
        Assert.Single(_bob.Delivered);
    }

    [Fact]
    public void A_stranger_is_met_with_silence()
    {
        var eve = _network.Add("203.0.113.66:6");
        eve.Device.SetEndpoint(eve.Know(_bob, "0.0.0.0/0"), _bob.Endpoint);
        eve.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
        _network.Run(20);

        Assert.True(eve.Sent.Count > 2);
        Assert.Empty(_bob.Sent);
    }

    [Fact]
    public void Under_load_a_cookie_makes_the_session()
    {
        _bob.UnderLoad = true;
        _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
        _network.Run(10);

        Assert.Equal(3, _bob.Sent[0][0]);
        Assert.Single(_bob.Delivered);
    }

    [Fact]
    public void Traffic_goes_on_across_renewals()
    {
        for (var i = 0; i < 400; i++)
        {
            _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
            _network.Run(1);
            _bob.Send(Network.Packet("10.0.0.2", "10.0.0.1"));
        }
        _network.Run(1);

        Assert.Equal(400, _bob.Delivered.Count);
        Assert.Equal(400, _alice.Delivered.Count);
        Assert.Equal(4, _alice.Sent.Count(datagram => datagram[0] == 1));
        Assert.Equal(0, _bob.Sent.Count(datagram => datagram[0] == 1));
    }

    [Fact]
    public void A_persistent_keepalive_connects_without_traffic()
    {
        _alice.Device.SetPersistentKeepalive(_bobAtAlice, TimeSpan.FromSeconds(25), _network.Now);
        _alice.Settle();
        _network.Run(1);

        Assert.NotEqual(default, _aliceAtBob.LastHandshake);
        _network.Run(60);
        Assert.Equal(3, _alice.Sent.Count(datagram => datagram.Length == Message.DataOverhead));
    }

    [Fact]
    public void A_prefix_moves_from_one_peer_to_the_other()
    {
        var carol = _network.Add("192.0.2.3:3000");
        var carolAtAlice = _alice.Know(carol, "10.0.0.2/32");

        Assert.Same(carolAtAlice, _alice.Device.AllowedIps.Find(IpAddress.Parse("10.0.0.2")));
        Assert.DoesNotContain(Prefix.Parse("10.0.0.2/32"), _bobAtAlice.AllowedIps);
        _alice.Device.RemovePeer(carol.PublicKey);
        Assert.Same(_bobAtAlice, _alice.Device.AllowedIps.Find(IpAddress.Parse("10.0.0.2")));
    }

    [Fact]
    public void A_removed_peer_can_do_nothing()
    {
        Connect();
        _bob.Device.RemovePeer(_alice.PublicKey);
        _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
        _network.Run(1);

        Assert.Single(_bob.Delivered);
        Assert.Equal(0, _bob.Device.Indices.Count);
    }

    [Fact]
    public void Down_is_silent_and_up_begins_again()
    {
        Connect();
        _bob.Device.SetUp(false, _network.Now);
        var sent = _bob.Sent.Count;
        _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
        _network.Run(30);
        Assert.Equal(sent, _bob.Sent.Count);

        _bob.Device.SetUp(true, _network.Now);
        _network.Run(10);
        _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
        _network.Run(1);
        Assert.Equal(2, _bob.Delivered.Count);
        Assert.True(_aliceAtBob.BytesReceived > _aliceAtBob.Tunnel!.Activity.BytesReceived);
    }

    [Fact]
    public void Congestion_on_the_way_is_marked_inside()
    {
        Connect();
        _bob.OuterEcn = Ecn.Congestion;
        _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2", ecn: 2), Network.Packet("10.0.0.1", "10.0.0.2", ecn: 1), Network.Packet("10.0.0.1", "10.0.0.2", ecn: 0));
        _network.Run(1);

        Assert.Equal([Network.Packet("10.0.0.1", "10.0.0.2", ecn: 3), Network.Packet("10.0.0.1", "10.0.0.2", ecn: 3)], _bob.Delivered.Skip(1));
    }

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(1, 1, 1)]
    [InlineData(1, 2, 1)]
    [InlineData(1, 3, 3)]
    [InlineData(2, 0, 0)]
    [InlineData(2, 1, 1)]
    [InlineData(0, 2, 2)]
    public void Of_other_marks_only_a_changed_codepoint_comes_in(byte outer, byte inner, byte after)
    {
        Connect();
        _bob.OuterEcn = (Ecn)outer;
        _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2", ecn: inner), Network.Packet("fd00::1", "fd00::2", ecn: inner));
        _network.Run(1);

        Assert.Equal([Network.Packet("10.0.0.1", "10.0.0.2", ecn: after), Network.Packet("fd00::1", "fd00::2", ecn: after)], _bob.Delivered.Skip(1));
    }

    void Connect()
    {
        _alice.Send(Network.Packet("10.0.0.1", "10.0.0.2"));
        _network.Run(1);
        Assert.Single(_bob.Delivered);
    }
}
