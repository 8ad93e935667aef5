using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Engine.Tests;

/// <summary>Marks of congestion pass through all layers to the two real ends.</summary>
public class EcnTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world;
    readonly SimNode _client;
    readonly SimNode[] _circuit;

    public EcnTests()
    {
        (_world, _client, var relays) = Networks.Six(51);
        _client.Up(ConnectionMode.Private);
        _world.RunUntil(() => _client.Node.Controller.Connection.State == ConnectionState.Active, 5 * s_second);
        _circuit = [_client, .. _client.Node.Controller.Carrying!.Hops.Select(hop => relays.Single(relay => relay.Endpoint == hop.Remote))];
        foreach (var relay in relays)
            relay.Answer = packet => WithEcn(Packets.Echo(packet), Ecn.Capable0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_mark_on_any_leg_reaches_the_destination(int leg)
    {
        Congest(leg, up: true);
        Assert.Equal(Ecn.Congestion, EcnField.Read(Sent(Ecn.Capable0)!));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_mark_on_any_leg_back_reaches_the_application(int leg)
    {
        Congest(leg, up: false);
        Assert.Equal(Ecn.Capable0, EcnField.Read(Sent(Ecn.Capable0)!));
        Assert.Equal(Ecn.Congestion, EcnField.Read(Assert.Single(_client.Inbox)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void What_does_not_know_marks_is_dropped_for_one(int leg)
    {
        Congest(leg, up: true);
        Assert.Null(Sent(Ecn.NotCapable));
    }

    [Fact]
    public void Nobody_is_marked_where_nothing_is_congested()
    {
        Assert.Equal(Ecn.NotCapable, EcnField.Read(Sent(Ecn.NotCapable)!));
        Assert.Equal(Ecn.Capable0, EcnField.Read(Assert.Single(_client.Inbox)));
    }

    void Congest(int leg, bool up)
    {
        var (from, to) = up ? (_circuit[leg], _circuit[leg + 1]) : (_circuit[leg + 1], _circuit[leg]);
        _world.Marks = (source, target) => source == from.Endpoint && target == to.Endpoint;
    }

    /// <summary>What the internet gets of a packet; null: nothing.</summary>
    byte[]? Sent(Ecn ecn)
    {
        _client.SendPacket(WithEcn(Packets.Udp(Packets.Client, s_web, 4000, 53, "hello"u8), ecn));
        _world.Run(s_second);
        var packet = _circuit[^1].Internet.SingleOrDefault();
        Assert.True(packet is null || (Ipv4View.TryParse(packet, out var view) && view.HasRightChecksum), "the checksum is wrong");
        return packet;
    }

    static byte[] WithEcn(byte[] packet, Ecn ecn)
    {
        packet[1] |= (byte)ecn;
        // RFC 1624: what the header gains, its checksum loses.
        var sum = (packet[10] << 8 | packet[11]) - (int)ecn;
        sum -= sum < 0 ? 1 : 0;
        (packet[10], packet[11]) = ((byte)(sum >> 8), (byte)sum);
        return packet;
    }
}
