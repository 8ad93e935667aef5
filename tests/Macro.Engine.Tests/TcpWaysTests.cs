using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

public sealed class TcpWaysTests
{
    readonly World _world;
    readonly SimNode _client;
    readonly SimNode[] _relays;
    bool _udpIsBlocked = true;

    public TcpWaysTests()
    {
        (_world, _client, _relays) = Networks.Six(seed: 11);
        _world.Cut = (from, to) => _udpIsBlocked && !TcpEndpoint.Is(to) && (from == _client.Endpoint || to == _client.Endpoint);
    }

    [Theory]
    [InlineData(ConnectionMode.Speed)]
    [InlineData(ConnectionMode.Balanced)]
    [InlineData(ConnectionMode.Private)]
    public void Connects_over_tcp_where_udp_is_blocked_and_returns_to_udp_when_it_passes(ConnectionMode mode)
    {
        TakesTcp(_relays);
        _client.Up(mode);
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(8));
        var circuit = Circuit;
        Assert.True(TcpEndpoint.Is(circuit.Entry));
        Assert.True(_client.Node.Tcp.UdpIsBlocked);
        Echoes(20);

        _udpIsBlocked = false;
        _world.RunUntil(() => !TcpEndpoint.Is(Circuit.Entry), TimeSpan.FromSeconds(60));
        Echoes(20);
        _world.Run(TimeSpan.FromSeconds(10));
        Assert.Same(circuit, Circuit);
        Assert.False(_client.Node.Tcp.UdpIsBlocked);
        Assert.Equal(_world.Connections, _client.HungUp.Count);
        Assert.True(_client.Node.NextTimeout >= _world.Now);
    }

    [Fact]
    public void A_single_hop_that_takes_no_tcp_is_reached_through_a_relay_that_does()
    {
        TakesTcp(_relays[..2]);
        _client.Up(ConnectionMode.Speed);
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(12));
        Assert.Equal(2, Circuit.Hops.Length);
        Assert.True(TcpEndpoint.Is(Circuit.Entry));
        Echoes(5);
    }

    [Fact]
    public void Goes_over_tcp_when_udp_stops_passing()
    {
        TakesTcp(_relays);
        _udpIsBlocked = false;
        _client.Up(ConnectionMode.Private);
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(5));
        Assert.Equal(0, _world.Connections);

        _udpIsBlocked = true;
        _client.SendPacket(Question());
        _world.RunUntil(() => !IsActive(), TimeSpan.FromSeconds(30));
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(20));
        Assert.True(TcpEndpoint.Is(Circuit.Entry));
        Echoes(5);
    }

    [Fact]
    public void Only_relays_that_take_tcp_are_entries_while_udp_is_blocked()
    {
        TakesTcp(_relays[2]);
        _client.Up(ConnectionMode.Balanced);
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(60));
        Assert.Equal(_relays[2].Name, Circuit.Hops[0].Target.Name);
    }

    [Fact]
    public void A_dead_entry_is_no_reason_for_tcp_while_others_answer_by_udp()
    {
        TakesTcp(_relays);
        _udpIsBlocked = false;
        _client.Up(ConnectionMode.Balanced);
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(5));
        var dead = _relays.Single(relay => relay.Endpoint == Circuit.Entry);
        _world.Kill(dead);
        _client.SendPacket(Question());
        _world.RunUntil(() => !IsActive(), TimeSpan.FromSeconds(30));
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(20));
        Assert.False(TcpEndpoint.Is(Circuit.Entry));
        Assert.False(_client.Node.Tcp.UdpIsBlocked);
    }

    [Fact]
    public void A_lost_connection_is_made_anew_and_the_circuit_stays()
    {
        TakesTcp(_relays);
        _client.Up(ConnectionMode.Private);
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(8));
        var (circuit, link) = (Circuit, Circuit.Entry);
        _world.Listen(link, (_, _) => { });
        _client.Do(() => _client.Node.Tcp.Lost(link, _world.Now));
        _world.RunUntil(() => Circuit.Entry != link, TimeSpan.FromSeconds(1));
        Assert.Same(circuit, Circuit);
        Echoes(5);
    }

    [Fact]
    public void A_relay_tells_nobody_the_endpoint_that_stands_for_his_connection()
    {
        TakesTcp(_relays);
        _client.Up(ConnectionMode.Balanced);
        _world.RunUntil(IsActive, TimeSpan.FromSeconds(8));
        _world.Run(TimeSpan.FromSeconds(1));
        Assert.True(Circuit.Observed.IsNone);
    }

    [Fact]
    public void Nothing_is_dialled_when_no_entry_takes_tcp()
    {
        _client.Up(ConnectionMode.Balanced);
        _world.Run(TimeSpan.FromSeconds(60));
        Assert.Equal((0, false), (_world.Connections, IsActive()));
    }

    [Fact]
    public void A_hidden_node_registers_over_tcp_however_long_connecting_takes()
    {
        TakesTcp(_relays);
        _world.DialTime = TimeSpan.FromSeconds(12);
        var registrar = _client.Node.Registrar;
        registrar.Candidates = [.. _client.Node.Controller.Candidates.Take(3)];
        _client.Do(() => registrar.Want(3, _client.Identity, _world.Now));
        _world.RunUntil(() => registrar.Introducers.Count == 3, TimeSpan.FromSeconds(40));
        Assert.All(registrar.Links, link => Assert.True(TcpEndpoint.Is(link.Entry)));
    }

    Circuit Circuit => _client.Node.Controller.Carrying!;

    bool IsActive() => _client.Node.Controller.Connection.State == ConnectionState.Active;

    void TakesTcp(params SimNode[] relays)
    {
        foreach (var relay in relays)
            _world.TcpServers[At443(relay)] = relay;
        _client.Node.Controller.Candidates =
        [
            .. _relays.Select(relay => relays.Contains(relay) ? relay.Candidate with { Target = relay.Candidate.Target with { TcpEndpoint = At443(relay) } } : relay.Candidate),
        ];
    }

    void Echoes(int count)
    {
        _client.Inbox.Clear();
        for (var i = 0; i < count; i++)
        {
            _client.SendPacket(Question());
            _world.Run(TimeSpan.FromMilliseconds(50));
        }
        _world.Run(TimeSpan.FromSeconds(1));
        Assert.Equal(count, _client.Inbox.Count);
    }

    static byte[] Question() => Packets.Udp(Packets.Client, IpAddress.Parse("44.200.0.9"), 1000, 7, "hello"u8);

    static Endpoint At443(SimNode relay) => new(relay.Endpoint.Address, TcpEndpoint.Port);
}
