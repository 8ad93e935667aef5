using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>What somebody can do with early data who recorded it, changes it, or makes it himself.</summary>
public class EarlyAttackTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    static readonly Endpoint s_stranger = Endpoint.Parse("45.0.0.1:7000");

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(11)]
    [InlineData(60)]
    public void A_flight_that_is_sent_again_makes_the_relay_say_nothing_to_the_next(int seconds)
    {
        var (world, client, relays) = Networks.Six(1);
        var flight = Record(world, client, [relays[0], relays[1]], out var circuit);
        world.RunUntil(() => circuit.State == CircuitState.Ready, s_second);
        client.Do(() => circuit.Close(world.Now));
        world.Run(seconds * s_second);
        Assert.Equal(0, relays[0].Node.Relay.Sessions);

        var onward = 0;
        world.Tap = (_, to, _) => onward += to == relays[1].Endpoint ? 1 : 0;
        for (var i = 0; i < 3; i++)
            foreach (var datagram in flight)
                relays[0].Receive(datagram.ToArray(), s_stranger);
        world.Run(s_second);
        Assert.Equal(0, onward);
        // WireGuard answers an initiation whose key it has forgotten, and nobody can go on from there.
        Assert.Equal(2, relays[0].Node.Relay.Counters.Handshakes);
        Assert.Equal(1, relays[0].Node.Relay.Counters.Early);
    }

    [Fact]
    public void A_flight_from_before_a_restart_is_not_taken_after_it()
    {
        var (world, client, relays) = Networks.Six(2);
        var flight = Record(world, client, [relays[0], relays[1]], out _);
        world.Run(s_second);
        var relay = relays[0];
        // The same key, and nothing else that it knew.
        var again = new Relay(new IndexTable(), new SwitchTable(), relay, new Outbox(), world.Random);
        again.Configure(relay.Node.Relay.Options, null, world.Now);
        again.SetKeys([relay.Node.Relay.FindKey(relay.RelayKey)!]);
        for (var wait = 0; wait < 25; wait++)
        {
            foreach (var datagram in flight)
                again.HandleDatagram(datagram, s_stranger, world.Now);
            world.Run(s_second);
            again.HandleTimeout(world.Now);
        }
        Assert.Equal(0, again.Counters.Early);
    }

    [Fact]
    public void From_another_address_than_the_initiation_it_is_nobodys()
    {
        var (world, client, relays) = Networks.Six(3);
        var flight = Record(world, client, [relays[0], relays[1]], out _);
        relays[2].Receive(flight[0], client.Endpoint);
        relays[0].Receive(flight[0], client.Endpoint);
        foreach (var datagram in flight.Skip(1))
            relays[0].Receive(datagram, s_stranger);
        Assert.Equal((0, 2), (relays[0].Node.Relay.Counters.Early, relays[0].Node.Relay.Counters.Unknown));
    }

    [Fact]
    public void Each_datagram_counts_once()
    {
        var (world, client, relays) = Networks.Six(4);
        var flight = Record(world, client, [relays[0], relays[1]], out _);
        var onward = 0;
        world.Tap = (_, to, _) => onward += to == relays[1].Endpoint ? 1 : 0;
        foreach (var datagram in flight)
            for (var i = 0; i < 3; i++)
                relays[0].Receive(datagram.ToArray(), client.Endpoint);
        Assert.Equal(1, onward);
        Assert.Equal(4, relays[0].Node.Relay.Counters.Forged);
    }

    [Fact]
    public void Changed_anywhere_it_does_nothing_and_the_right_one_still_counts()
    {
        var (world, client, relays) = Networks.Six(5);
        var flight = Record(world, client, [relays[0], relays[1]], out _);
        relays[0].Receive(flight[0], client.Endpoint);
        var sent = 0;
        world.Tap = (from, _, _) => sent += from == relays[0].Endpoint ? 1 : 0;
        foreach (var datagram in flight.Skip(1))
            for (var i = 0; i < datagram.Length; i++)
            {
                var changed = datagram.ToArray();
                changed[i] ^= (byte)(1 + world.Random.NextInt(255));
                relays[0].Receive(changed, client.Endpoint);
                relays[0].Receive(datagram[..i], client.Endpoint);
                relays[0].Receive([.. datagram, .. new byte[i + 1]], client.Endpoint);
            }
        Assert.Equal((0, 0L), (sent, relays[0].Node.Relay.Counters.Early));
        foreach (var datagram in flight.Skip(1))
            relays[0].Receive(datagram, client.Endpoint);
        Assert.Equal((2, 1L), (sent, relays[0].Node.Relay.Counters.Early));
    }

    [Fact]
    public void Nothing_but_one_request_and_messages_for_the_next_hop_is_taken()
    {
        foreach (var message in (ControlMessage[])[new Hello { Version = 1 }, new Probe { Token = 1 }, new Bind { Channel = 1, Index = 1 }, new Close { Channel = 0 }, new Cover { Machine = 1, Budget = 1 }])
        {
            var flight = new Flight(6);
            var sent = 0;
            flight.World.Tap = (from, _, _) => sent += from == flight.Relay.Endpoint ? 1 : 0;
            flight.Send(FrameType.Control, 1, ControlCodec.Encode(message));
            flight.Send(FrameType.Cover, 0, []);
            flight.Send(FrameType.Forward, 1, new byte[40]);
            flight.Send(FrameType.Control, 2, ControlCodec.Encode(new Extend { Channel = 1, Descriptor = flight.Next.Candidate.Target.Descriptor }));
            flight.Send(FrameType.Control, 3, ControlCodec.Encode(new OpenExit { V4 = true, V6 = true }));
            Assert.Equal((0, 5L), (sent, flight.Relay.Node.Relay.Counters.Malformed));
            Assert.Equal(0, flight.Relay.Node.Relay.Leases!.Count);
        }
    }

    [Fact]
    public void Strangers_do_not_use_up_the_addresses_of_an_exit()
    {
        var flight = new Flight(11);
        var sent = 0;
        flight.World.Tap = (from, _, bytes) => sent += from == flight.Relay.Endpoint && bytes[0] == (byte)MessageType.Data ? bytes.Length : 0;
        for (var second = 0; second < 60; second++)
        {
            for (var i = 0; i < 20; i++)
            {
                flight.Begin();
                flight.Send(FrameType.Control, 1, ControlCodec.Encode(new OpenExit { V4 = true, V6 = true }));
            }
            flight.World.Run(s_second);
            Assert.InRange(flight.Relay.Node.Relay.Leases!.Count, 1, 20 * 16);
        }
        // What was asked in few bytes is not answered in more.
        Assert.Equal(0, sent);
        flight.World.Run(20 * s_second);
        Assert.Equal(0, flight.Relay.Node.Relay.Leases!.Count);
    }

    [Fact]
    public void Nobody_is_met_for_an_address_that_is_not_proven()
    {
        var flight = new Flight(7);
        var sent = 0;
        flight.World.Tap = (from, _, _) => sent += from == flight.Relay.Endpoint ? 1 : 0;
        flight.Send(FrameType.Control, 1, ControlCodec.Encode(new Extend { Channel = 1, Descriptor = flight.Next.DescribeFully(default), Introducer = flight.Relay.Candidate.Target.Descriptor }));
        flight.World.Run(s_second);
        Assert.Equal(0, sent);
    }

    [Fact]
    public void A_next_hop_that_plays_along_cannot_aim_a_flood_at_a_forged_address()
    {
        var flight = new Flight(8);
        var victim = 0;
        flight.World.Tap = (_, to, bytes) => victim += to == flight.Client ? bytes.Length : 0;
        flight.Send(FrameType.Control, 1, ControlCodec.Encode(new Extend { Channel = 1, Descriptor = flight.Next.Candidate.Target.Descriptor }));
        var initiation = new byte[Message.InitiationSize];
        (initiation[0], initiation[4]) = (1, 77);
        flight.Send(FrameType.Forward, 1, initiation);
        flight.World.Run(s_second);
        var flood = new byte[1200];
        (flood[0], flood[4]) = (4, 77);
        for (var i = 0; i < 1000; i++)
            flight.Relay.Receive(flood.ToArray(), flight.Next.Endpoint);
        Assert.InRange(victim, 1, flight.Sent);
    }

    [Fact]
    public void Frames_that_are_sealed_well_and_make_no_sense_do_no_harm()
    {
        var flight = new Flight(10);
        var extend = ControlCodec.Encode(new Extend { Channel = 1, Descriptor = flight.Next.Candidate.Target.Descriptor });
        var initiation = new byte[Message.InitiationSize];
        initiation[0] = 1;
        for (var i = 0; i < 500; i++)
        {
            flight.Begin();
            for (var j = 0; j < EarlyKey.MostMessages; j++)
            {
                var (type, body) = flight.World.Random.NextInt(3) == 0 ? (FrameType.Control, extend) : (FrameType.Forward, initiation);
                var frame = Frame.Wrap(new byte[2048], type, (uint)flight.World.Random.NextInt(3), body).ToArray();
                for (var changes = flight.World.Random.NextInt(4); changes > 0; changes--)
                    frame[flight.World.Random.NextInt(frame.Length)] = (byte)flight.World.Random.NextInt(256);
                flight.Send(frame.AsSpan(0, flight.World.Random.NextInt(4) == 0 ? flight.World.Random.NextInt(frame.Length) : frame.Length));
            }
            flight.World.Run(s_second);
        }
        var counters = flight.Relay.Node.Relay.Counters;
        Assert.Equal(501, counters.Handshakes);
        Assert.InRange(counters.Malformed, 100, 8 * 500);
        flight.World.Run(20 * s_second);
        Assert.Equal((0, 0), (flight.Relay.Node.Relay.Sessions, flight.Relay.Node.Switches.Count));
        flight.Relay.CheckConsistency();
    }

    [Fact]
    public void What_no_session_has_reaches_the_owner_only_so_often()
    {
        var (_, _, relays) = Networks.Six(9);
        var garbage = new byte[100];
        garbage[0] = 4;
        for (var i = 0; i < 2 * DatagramPlane.MostEarly; i++)
            relays[0].Receive(garbage.ToArray(), s_stranger);
        Assert.Equal(DatagramPlane.MostEarly, relays[0].Node.Relay.Counters.Unknown);
        Assert.Equal(DatagramPlane.MostEarly, relays[0].Counters.Unknown);
    }

    [Fact]
    public void A_datagram_of_any_length_ends_nobody()
    {
        var (world, client, relays) = Networks.Six(12);
        var flight = Record(world, client, [relays[0], relays[1]], out var circuit);
        var flood = new byte[60_000];
        flood[0] = (byte)MessageType.Data;
        // To the index that stands in the initiation, while its session does not stand, and when it does.
        flight[0].AsSpan(4, 4).CopyTo(flood.AsSpan(4));
        client.Receive(flood.ToArray(), relays[0].Endpoint);
        client.Do(() => circuit.HandleHandshake(circuit.Hops[0], flood, world.Now));
        world.RunUntil(() => circuit.State == CircuitState.Ready, s_second);
        client.Receive(flood.ToArray(), relays[0].Endpoint);
        client.Do(() => circuit.HandleHandshake(circuit.Hops[0], flood, world.Now));
        client.Do(() => circuit.HandleHandshake(circuit.Hops[1], flood, world.Now));
        relays[0].Receive(flood.ToArray(), client.Endpoint);
        world.Run(s_second);
        Assert.Equal(CircuitState.Ready, circuit.State);
    }

    [Fact]
    public void An_initiation_that_waits_for_its_flight_is_not_outlived_by_the_memory_of_it()
    {
        var (world, client, relays) = Networks.Six(13);
        var flight = Record(world, client, [relays[0], relays[1]], out var circuit);
        world.RunUntil(() => circuit.State == CircuitState.Ready, s_second);
        client.Do(() => circuit.Close(world.Now));
        world.Run(8 * s_second);
        relays[0].Receive(flight[0].ToArray(), s_stranger);
        world.Run(12.5 * s_second);
        var onward = 0;
        world.Tap = (_, to, _) => onward += to == relays[1].Endpoint ? 1 : 0;
        foreach (var datagram in flight.Skip(1))
            relays[0].Receive(datagram.ToArray(), s_stranger);
        Assert.Equal((0, 1), (onward, relays[0].Node.Relay.Counters.Replayed));
    }

    /// <summary>What a client sends in one burst, which goes nowhere if nobody runs the world.</summary>
    static List<byte[]> Record(World world, SimNode client, SimNode[] path, out Circuit circuit)
    {
        var flight = new List<byte[]>();
        world.Tap = (_, _, bytes) => flight.Add(bytes.ToArray());
        circuit = EarlyTests.Begin(world, client, [.. path.Select(relay => relay.Candidate.Target)]);
        world.Tap = null;
        return flight;
    }

    /// <summary>Somebody who makes early data as he likes and never receives anything: his address is another's.</summary>
    sealed class Flight
    {
        readonly byte[] _buffer = new byte[2048];
        Tunnel _tunnel = null!;

        public Flight(ulong seed)
        {
            (World, _, var relays) = Networks.Six(seed);
            (Relay, Next) = (relays[4], relays[1]);
            Begin();
        }

        /// <summary>A client that nobody knows yet.</summary>
        public void Begin()
        {
            _tunnel = new Tunnel(new TunnelOptions { PrivateKey = PrivateKey.Generate(World.Random), Remote = Relay.RelayKey }, new IndexTable(), World.Random);
            _tunnel.Initiate(World.Now);
            Receive(_tunnel.HandleTimeout(_buffer, World.Now));
        }

        public World World { get; }

        public SimNode Relay { get; }

        public SimNode Next { get; }

        public Endpoint Client { get; } = s_stranger;

        /// <summary>Bytes.</summary>
        public int Sent { get; private set; }

        public void Send(FrameType type, uint channel, byte[] body) => Send(Frame.Wrap(new byte[2048], type, channel, body));

        public void Send(ReadOnlySpan<byte> frame) => Receive(_tunnel.EncapsulateEarly(frame, _buffer, World.Now));

        void Receive(TunnelOutput output)
        {
            Assert.Equal(TunnelOutputKind.ToNetwork, output.Kind);
            Sent += output.Length;
            Relay.Receive(_buffer.AsSpan(0, output.Length).ToArray(), Client);
        }
    }
}
