using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>What a relay does for a client, and what it refuses: the client here says whatever it likes.</summary>
public class RelayTests
{
    const uint Channel = 7;
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    static readonly Endpoint s_next = Endpoint.Parse("44.150.0.1:51820");

    readonly World _world = new(21);
    readonly SimNode _relay;
    readonly List<byte[]> _arrived = [];

    public RelayTests()
    {
        _relay = _world.Add("relay", "44.140.0.1:51820", relay: true);
        _world.Listen(s_next, (datagram, _) => _arrived.Add(datagram));
    }

    [Fact]
    public void Neither_relay_nor_exit_answers_no_handshake()
    {
        _relay.Serve(relay: false, exit: false);
        var client = Client();
        client.Initiate();
        _world.Run(s_second);
        Assert.False(client.Tunnel.IsConnected(_world.Now));
        Assert.Equal((0, 1L), (_relay.Node.Relay.Sessions, _relay.Node.Relay.Counters.Refused));
    }

    [Fact]
    public void A_relay_is_no_exit_and_an_exit_no_relay()
    {
        Assert.Equal(ControlStatus.RefusedPolicy, Client().Connect().Ask(new OpenExit { V4 = true, V6 = true }));
        _relay.Serve(relay: false, exit: true);
        Assert.Equal(ControlStatus.RefusedPolicy, Client(2).Connect().Ask(ExtendTo(s_next)));
    }

    [Fact]
    public void Who_only_sends_an_initiation_is_forgotten_after_fifteen_seconds()
    {
        var options = Enumerable.Range(0, 50).Select(i => Client(i)).ToArray();
        foreach (var client in options)
        {
            // The answer never reaches it.
            _world.Listen(client.Endpoint, (_, _) => { });
            client.Initiate();
        }
        _world.Run(14 * s_second);
        Assert.Equal((50, 50), (_relay.Node.Relay.Sessions, _relay.Node.Indices.Count));
        _world.Run(2 * s_second);
        Assert.Equal((0, 0), (_relay.Node.Relay.Sessions, _relay.Node.Indices.Count));
    }

    [Fact]
    public void A_channel_passes_five_initiations_in_ten_seconds()
    {
        var client = Extended();
        for (var i = 0u; i < 50; i++)
            client.Forward(Channel, Adversary.Initiation(i + 1));
        _world.Run(9 * s_second);
        Assert.Equal(5, _arrived.Count);
        _world.Run(2 * s_second);
        client.Forward(Channel, Adversary.Initiation(99));
        _world.Run(s_second);
        Assert.Equal(6, _arrived.Count);
    }

    [Fact]
    public void Opening_a_channel_anew_wins_no_more_initiations()
    {
        var client = Extended();
        for (var i = 0u; i < 12; i++)
        {
            for (var j = 0u; j < 5; j++)
                client.Forward(Channel, Adversary.Initiation(100 * i + j + 1));
            client.Send(new Close { Channel = Channel });
            client.Send(ExtendTo(s_next));
            _world.Run(s_second / 4);
        }
        Assert.Equal(20, _arrived.Count);
    }

    [Fact]
    public void Little_data_passes_before_the_next_hop_has_answered_and_none_before_an_initiation()
    {
        var client = Extended();
        client.Forward(Channel, Adversary.Data(77));
        _world.Run(s_second);
        Assert.Empty(_arrived);
        client.Forward(Channel, Adversary.Initiation(5));
        for (var i = 0; i < 20; i++)
            client.Forward(Channel, Adversary.Data(77));
        _world.Run(s_second);
        Assert.Equal(148, _arrived[0].Length);
        Assert.Equal(6, _arrived.Count);
        _arrived.RemoveRange(1, 5);

        _world.Send(s_next, _relay.Endpoint, Adversary.Response(5));
        _world.Run(s_second);
        client.Forward(Channel, Adversary.Data(77));
        _world.Run(s_second);
        Assert.Equal(Adversary.Data(77), _arrived[1]);
    }

    [Fact]
    public void A_response_from_elsewhere_opens_nothing()
    {
        var client = Extended();
        client.Forward(Channel, Adversary.Initiation(5));
        _world.Run(s_second);
        _world.Send(Endpoint.Parse("44.150.0.2:51820"), _relay.Endpoint, Adversary.Response(5));
        _world.Send(s_next, _relay.Endpoint, Adversary.Response(6));
        _world.Run(s_second);
        for (var i = 0; i < 20; i++)
            client.Forward(Channel, Adversary.Data(77));
        _world.Run(s_second);
        Assert.Equal(6, _arrived.Count);
        Assert.Empty(client.Forwarded);
    }

    [Fact]
    public void Only_initiations_and_data_that_fit_go_outward()
    {
        var client = Opened(5);
        var cookie = new byte[64];
        cookie[0] = 3;
        client.Forward(Channel, Adversary.Response(5));
        client.Forward(Channel, cookie);
        client.Forward(Channel, [1, 2, 3, 4]);
        client.Forward(Channel, []);
        client.Forward(Channel, Adversary.Data(77, CircuitMtu.Payload));
        client.Forward(Channel + 1, Adversary.Data(77));
        client.Forward(0, Adversary.Data(77));
        client.SendPayload([1, 0, 0xff, 0xff, 7, 0, 0, 0, 4, 0, 0, 0]);
        _world.Run(s_second);
        Assert.Empty(_arrived);
        client.Forward(Channel, Adversary.Data(77, CircuitMtu.Payload - 8));
        _world.Run(s_second);
        Assert.Single(_arrived);
    }

    [Fact]
    public void What_comes_back_too_large_to_be_wrapped_is_dropped()
    {
        var client = Opened(5);
        _world.Send(s_next, _relay.Endpoint, Adversary.Data(5, CircuitMtu.Payload - 7));
        _world.Send(s_next, _relay.Endpoint, Adversary.Data(5, 1500));
        _world.Run(s_second);
        Assert.Empty(client.Forwarded);
        _world.Send(s_next, _relay.Endpoint, Adversary.Data(5, CircuitMtu.Payload - 8));
        _world.Run(s_second);
        Assert.Single(client.Forwarded);
    }

    [Fact]
    public void Extend_can_be_asked_twice_but_not_for_another_relay()
    {
        var client = Extended();
        Assert.Equal(ControlStatus.Ok, client.Ask(ExtendTo(s_next)));
        Assert.Equal(ControlStatus.Busy, client.Ask(ExtendTo(Endpoint.Parse("44.150.0.2:51820"))));
        client.Forward(Channel, Adversary.Initiation(5));
        _world.Run(s_second);
        Assert.Single(_arrived);
    }

    [Fact]
    public void Channel_zero_is_the_session_itself_and_cannot_be_opened()
    {
        var client = Client().Connect();
        Assert.Equal(ControlStatus.BadRequest, client.Ask(ExtendTo(s_next) with { Channel = 0 }));
        Assert.Null(client.Ask(new Close { Channel = 0 }));
        Assert.Equal((0, 0), (_relay.Node.Relay.Sessions, _relay.Node.Indices.Count));
    }

    [Fact]
    public void A_session_has_eight_channels_of_four_indices()
    {
        var client = Client().Connect();
        for (var i = 1u; i <= 9; i++)
            Assert.Equal(i <= 8 ? ControlStatus.Ok : ControlStatus.RefusedLoad, client.Ask(ExtendTo(s_next) with { Channel = i }));
        for (var i = 0u; i < 48; i++)
        {
            client.Send(new Bind { Channel = (i / 6) + 1, Index = 1000 + i });
            _world.Run(s_second / 2);
        }
        Assert.Equal(32, _relay.Node.Switches.Count);
        client.Ask(new Close { Channel = 0 });
        Assert.Equal(0, _relay.Node.Switches.Count);
        Assert.False(_relay.Node.Switches.Uses(1047));
    }

    [Fact]
    public void An_index_that_another_client_has_is_refused()
    {
        var (alice, eve) = (Opened(5), Extended(2));
        Assert.Equal(ControlStatus.Busy, eve.Ask(new Bind { Channel = Channel, Index = 5 }));
        _arrived.Clear();
        eve.Forward(Channel, Adversary.Initiation(5));
        _world.Run(s_second);
        Assert.Empty(_arrived);
        Assert.Equal((ControlType.Bind, ControlStatus.Busy), (eve.Answers[^1].Type, eve.Answers[^1].Status));

        _world.Send(s_next, _relay.Endpoint, Adversary.Data(5));
        _world.Run(s_second);
        Assert.Single(alice.Forwarded);
        Assert.Empty(eve.Forwarded);
    }

    [Fact]
    public void An_index_of_the_relay_itself_is_refused_and_the_other_way_round()
    {
        var client = Extended();
        var own = client.Tunnel.Sending!.RemoteIndex;
        Assert.Equal(ControlStatus.Busy, client.Ask(new Bind { Channel = Channel, Index = own }));
        Assert.Equal(ControlStatus.Ok, client.Ask(new Bind { Channel = Channel, Index = 4711 }));
        Assert.True(_relay.Node.Indices.IsTakenElsewhere!(4711));
        Assert.Equal(ControlStatus.NotFound, client.Ask(new Bind { Channel = Channel + 1, Index = 4712 }));
    }

    [Fact]
    public void The_session_that_stands_keeps_its_index_however_many_renewals_get_no_answer()
    {
        var client = Opened(5);
        for (var i = 0u; i < 12; i++)
        {
            client.Forward(Channel, Adversary.Initiation(100 + i));
            _world.Run(5 * s_second);
        }
        _world.Send(s_next, _relay.Endpoint, Adversary.Data(5));
        _world.Run(s_second);
        Assert.Single(client.Forwarded);
        Assert.Equal(4, _relay.Node.Switches.Count);
    }

    [Fact]
    public void One_client_cannot_keep_the_owner_thread_busy()
    {
        var client = Extended();
        var before = _relay.Posted;
        for (var i = 0u; i < 1000; i++)
        {
            client.Send(new Probe { Token = i });
            client.Forward(Channel, Adversary.Initiation(i + 1));
            client.Forward(Channel, Adversary.Response(i + 1));
            client.SendPayload(Packets.Udp(Packets.Client, IpAddress.Parse("203.0.114.7"), 1, 2, "x"u8));
        }
        _world.Run(s_second);
        Assert.InRange(_relay.Posted - before, 1, 100);
        _world.Run(10 * s_second);
        Assert.Equal(ControlStatus.Ok, client.Ask(new Probe { Token = 1 }));
    }

    [Fact]
    public void Who_goes_on_with_malformed_requests_is_cut_off()
    {
        var client = Client().Connect();
        for (var i = 0; i < 16; i++)
            client.SendFrame(FrameType.Control, 1, [0xff, 0xff]);
        _world.Run(s_second);
        Assert.Equal(1, _relay.Node.Relay.Sessions);
        client.SendFrame(FrameType.Control, 1, [0xff, 0xff]);
        _world.Run(s_second);
        Assert.Equal(0, _relay.Node.Relay.Sessions);
    }

    [Fact]
    public void One_client_has_few_descriptors_verified_and_those_that_held_only_once()
    {
        var client = Extended();
        for (var i = 0u; i < 90; i++)
            client.Send(ExtendTo(new Endpoint(IpAddress.FromV4(0x2c970001 + (i << 8)), 51820)));
        _world.Run(s_second);
        Assert.Equal(10, _relay.Verified);
        Assert.Equal(ControlStatus.RefusedLoad, client.Answers[^1].Status);
        Assert.Equal(ControlStatus.Ok, client.Ask(ExtendTo(s_next)));
        _world.Run(10 * s_second);
        Assert.Equal(ControlStatus.Ok, client.Ask(ExtendTo(Endpoint.Parse("44.150.0.3:51820")) with { Channel = 8 }));
        Assert.Equal(11, _relay.Verified);
    }

    [Fact]
    public void A_hundred_clients_may_extend_in_one_second_each_to_relays_of_its_own()
    {
        var clients = Enumerable.Range(1, 100).Select(i => Client(i).Connect()).ToArray();
        for (var path = 1u; path <= 4; path++)
            for (var i = 0u; i < 100; i++)
                clients[i].Send(ExtendTo(new Endpoint(IpAddress.FromV4(0x2c970001 + ((4 * i + path) << 8)), 51820)) with { Channel = path });
        _world.Run(s_second);
        Assert.All(clients, client => Assert.Equal(Enumerable.Repeat(ControlStatus.Ok, 4), client.Answers.Select(answer => answer.Status)));
        Assert.Equal(400, _relay.Verified);
    }

    [Fact]
    public void Who_goes_on_with_forged_descriptors_is_cut_off()
    {
        var client = Client().Connect();
        for (byte i = 0; i < 16; i++)
        {
            Assert.Equal(ControlStatus.RefusedUnverified, client.Ask(new Extend { Channel = Channel, Descriptor = new[] { i } }));
            _world.Run(s_second);
        }
        Assert.Null(client.Ask(new Extend { Channel = Channel, Descriptor = new byte[] { 16 } }));
        Assert.Equal(0, _relay.Node.Relay.Sessions);
    }

    [Fact]
    public void Switching_the_relay_off_ends_the_sessions_that_pass_through()
    {
        _relay.Serve(relay: true, exit: true);
        var (through, exit) = (Opened(5), Client(2).Connect());
        exit.Ask(new OpenExit { V4 = true, V6 = true });
        _relay.Serve(relay: false, exit: true);
        through.Forward(Channel, Adversary.Data(77));
        _world.Run(s_second);
        Assert.Empty(_arrived);
        Assert.Equal(0, _relay.Node.Switches.Count);
    }

    [Fact]
    public void A_table_that_is_half_full_asks_strangers_for_a_cookie()
    {
        _relay.Serve(relay: true, exit: false, maxSessions: 10);
        for (var i = 0; i < 5; i++)
            Client(i).Connect();
        Client(6).Connect();
        var late = Client(7);
        late.Initiate();
        _world.Run(s_second);
        Assert.Equal((6, 1L), (_relay.Node.Relay.Sessions, _relay.Node.Relay.Counters.Cookies));
        _world.Run(5 * s_second);
        late.Initiate();
        _world.Run(s_second);
        Assert.Equal(7, _relay.Node.Relay.Sessions);
    }

    [Fact]
    public void Datagrams_from_other_addresses_without_the_key_move_no_session()
    {
        var client = Client().Connect();
        var forged = Adversary.Data(client.Tunnel.Sending!.RemoteIndex, 64);
        forged[8] = 200;
        _world.Send(Endpoint.Parse("44.66.6.6:6"), _relay.Endpoint, forged);
        _world.Run(s_second);
        Assert.Equal(ControlStatus.Ok, client.Ask(new Probe { Token = 1 }));
        Assert.Equal(1, _relay.Counters.Rejected);
    }

    Adversary Client(int number = 1) => new(_world, $"44.1.0.{number + 1}:5000", _relay);

    Adversary Extended(int number = 1)
    {
        var client = Client(number).Connect();
        Assert.Equal(ControlStatus.Ok, client.Ask(ExtendTo(s_next)));
        return client;
    }

    /// <summary>A client with an open channel to the next hop, its own index as given.</summary>
    Adversary Opened(uint index)
    {
        var client = Extended();
        client.Forward(Channel, Adversary.Initiation(index));
        _world.Run(s_second);
        _world.Send(s_next, _relay.Endpoint, Adversary.Response(index));
        _world.Run(s_second);
        client.Forwarded.Clear();
        _arrived.Clear();
        return client;
    }

    static Extend ExtendTo(Endpoint next) => new() { Channel = Channel, Descriptor = SimNode.Describe(next) };
}
