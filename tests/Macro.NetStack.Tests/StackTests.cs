using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack.Tests;

public class StackTests
{
    static readonly Endpoint s_web = Endpoint.Parse("93.184.216.34:80"), s_webV6 = Endpoint.Parse("[2606:2800::1]:80");

    static readonly Instant s_now = Instant.FromUnixSeconds(1000);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Two_stacks_carry_a_stream_each_way_and_forget_the_connection(bool v4)
    {
        var pair = new StackPair();
        var (question, answer) = (Wire.Numbers(100_000), Wire.Numbers(300_000));
        var streams = new Streams();
        pair.OnReady = streams.Serve;
        pair.OnIncoming = connection =>
        {
            Assert.Equal(v4 ? s_web : s_webV6, connection.Flow.Local);
            streams.Send(connection, answer);
            connection.AcceptIncoming();
        };
        var client = pair.Client.Connect(v4 ? s_web : s_webV6, null, pair.Now)!;
        streams.Send(client, question);
        pair.Run(TimeSpan.FromSeconds(30));

        Assert.Equal(answer, streams.Received(client));
        Assert.Equal(question, streams.Received(Assert.Single(pair.Accepted)));
        pair.Run(TimeSpan.FromMinutes(2));
        Assert.Equal((0, 0), (pair.Client.ConnectionCount, pair.Exit.ConnectionCount));
        Assert.Equal((0, 0, 0), (pair.Client.Counters.UnknownSegments, pair.Exit.Counters.UnknownSegments, pair.Exit.HalfOpenCount));
        Assert.Equal(Instant.Never, Instant.Min(pair.Client.NextTimeout, pair.Exit.NextTimeout));
    }

    [Theory]
    [InlineData(TcpFailure.Refused, TcpFailure.Refused, 0)]
    [InlineData(TcpFailure.Unreachable, TcpFailure.Unreachable, 1)]
    [InlineData(TcpFailure.TimedOut, TcpFailure.Unreachable, 1)]
    [InlineData(TcpFailure.Prohibited, TcpFailure.Prohibited, 1)]
    public void A_rejected_connection_learns_why(TcpFailure why, TcpFailure heard, int errors)
    {
        foreach (var target in new[] { s_web, s_webV6 })
        {
            var pair = new StackPair { OnIncoming = connection => connection.RejectIncoming(why) };
            var client = pair.Client.Connect(target, null, pair.Now)!;
            pair.Run(TimeSpan.FromSeconds(0.5));

            Assert.Equal(heard, client.Failure);
            Assert.True(client.IsClosed);
            Assert.Equal((0, 0, 0), (pair.Client.ConnectionCount, pair.Exit.ConnectionCount, pair.Exit.HalfOpenCount));
            Assert.Equal(errors, pair.Exit.Counters.ErrorsSent);
        }
    }

    [Fact]
    public void A_connection_that_waits_for_a_decision_is_not_answered()
    {
        var pair = new StackPair { OnIncoming = _ => { } };
        var client = pair.Client.Connect(s_web, null, pair.Now)!;
        pair.Run(TimeSpan.FromSeconds(5));
        Assert.Equal((TcpState.SynSent, 1, 0), (client.State, pair.Exit.HalfOpenCount, pair.Exit.Counters.SentPackets));

        Assert.Single(pair.Accepted).AcceptIncoming();
        pair.Run(TimeSpan.FromSeconds(5));
        Assert.Equal((TcpState.Established, 0), (client.State, pair.Exit.HalfOpenCount));
    }

    [Fact]
    public void A_segment_of_no_connection_is_answered_with_a_reset()
    {
        var stack = Wire.NewStack();
        stack.Receive(Wire.Tcp(Endpoint.Parse("10.0.0.2:4000"), Endpoint.Parse("10.0.0.1:80"), TcpFlags.Syn, 1000), default);
        stack.Receive(Wire.Tcp(Endpoint.Parse("10.0.0.2:4000"), Endpoint.Parse("10.0.0.1:80"), TcpFlags.Ack, 1000, 77, [1, 2]), default);
        var resets = Wire.Drain(stack).ConvertAll(Reset);

        Assert.Equal([(TcpFlags.Reset | TcpFlags.Ack, 0u, 1001u), (TcpFlags.Reset, 77u, 0u)], resets);
    }

    [Fact]
    public void A_reset_is_never_answered_and_others_not_without_end()
    {
        var stack = Wire.NewStack();
        stack.Receive(Wire.Tcp(Endpoint.Parse("10.0.0.2:4000"), Endpoint.Parse("10.0.0.1:80"), TcpFlags.Reset, 1000), default);
        stack.Receive(Wire.Tcp(Endpoint.Parse("10.0.0.2:4000"), Endpoint.Parse("10.0.0.1:80"), TcpFlags.Reset | TcpFlags.Ack, 1000, 7), default);
        Assert.Empty(Wire.Drain(stack));

        var sent = 0;
        for (var i = 0; i < 5000; i++)
        {
            stack.Receive(Wire.Tcp(Endpoint.Parse("10.0.0.2:4000"), Endpoint.Parse("10.0.0.1:80"), TcpFlags.Ack, 1000, 7), default);
            sent += Wire.Drain(stack).Count;
        }
        Assert.Equal(1000, sent);
    }

    [Fact]
    public void Broken_segments_are_dropped_in_silence()
    {
        var stack = Wire.NewExit();
        stack.ListenAny(new object());
        var (peer, to) = (Endpoint.Parse("10.0.0.2:4000"), s_web);
        var damaged = Wire.Tcp(peer, to, TcpFlags.Syn, 1);
        damaged[30] ^= 1;
        stack.Receive(damaged, default);
        stack.Receive(Wire.Tcp(peer with { Port = 0 }, to, TcpFlags.Syn, 1), default);
        stack.Receive(Wire.Tcp(peer, to with { Port = 0 }, TcpFlags.Syn, 1), default);
        stack.Receive(Wire.Ip(peer.Address, to.Address, IpProtocol.Tcp, new byte[19]), default);

        Assert.Equal((1, 3, 0), (stack.Counters.BadChecksum, stack.Counters.Malformed, stack.ConnectionCount));
        Assert.Empty(Wire.Drain(stack));
    }

    [Fact]
    public void A_flood_of_SYNs_pushes_out_the_oldest_and_leaves_established_connections_alone()
    {
        var pair = new StackPair();
        var client = pair.Client.Connect(s_web, null, pair.Now)!;
        pair.Run(TimeSpan.FromSeconds(1));
        for (var i = 0u; i < 100_000; i++)
        {
            var source = new Endpoint(IpAddress.FromV4(0x0b000000 + i), (ushort)(1024 + i % 60000));
            pair.Exit.Receive(Wire.Tcp(source, s_web, TcpFlags.Syn, i), pair.Now);
            Assert.InRange(pair.Exit.HalfOpenCount, 0, 1024);
        }

        Assert.Equal((1024, 1025), (pair.Exit.HalfOpenCount, pair.Exit.ConnectionCount));
        Assert.Equal(100_000 - 1024, pair.Exit.Counters.HalfOpenDropped);
        var streams = new Streams();
        pair.OnReady = streams.Serve;
        pair.OnIncoming = _ => { };
        streams.Send(client, Wire.Numbers(10_000));
        streams.Serve(client);
        pair.Run(TimeSpan.FromSeconds(1));
        Assert.Equal(10_000, streams.Received(pair.Accepted[0]).Length);
    }

    [Fact]
    public void The_shell_hears_that_a_half_open_connection_was_pushed_out()
    {
        var stack = Wire.NewExit(new StackOptions { MaxHalfOpen = 2 });
        stack.ListenAny(new object());
        for (var i = 0; i < 3; i++)
            stack.Receive(Wire.Tcp(new Endpoint(Wire.ClientV4, (ushort)(1000 + i)), s_web, TcpFlags.Syn, 1), default);
        var ready = new List<TcpConnection>();
        while (stack.TryTakeReady(out var connection))
            ready.Add(connection);

        Assert.Equal([true, false, false], ready.Select(connection => connection.IsClosed));
        Assert.Empty(Wire.Drain(stack));
    }

    [Fact]
    public void One_source_has_so_many_half_open_connections()
    {
        var stack = Wire.NewExit();
        stack.ListenAny(new object());
        for (var i = 0; i < 1000; i++)
            stack.Receive(Wire.Tcp(new Endpoint(Wire.ClientV4, (ushort)(1000 + i)), s_web, TcpFlags.Syn, 1), default);
        stack.Receive(Wire.Tcp(Endpoint.Parse("10.9.9.9:1"), s_web, TcpFlags.Syn, 1), default);

        Assert.Equal(129, stack.HalfOpenCount);
    }

    [Fact]
    public void When_the_table_is_full_a_connection_in_time_wait_makes_room()
    {
        var exit = new StackOptions { MaxConnections = 2 };
        var pair = new StackPair(exit: exit);
        pair.OnReady = connection =>
        {
            // The exit ends first and so waits.
            if (connection.IsEstablished && (pair.Accepted.Contains(connection) || connection.IsEndOfStream))
                connection.Shutdown();
        };
        var clients = new List<TcpConnection>();
        for (var i = 0; i < 10; i++)
        {
            clients.Add(pair.Client.Connect(s_web, null, pair.Now)!);
            pair.Run(TimeSpan.FromSeconds(1));
        }
        Assert.All(clients, client => Assert.Equal((TcpState.Closed, TcpFailure.None), (client.State, client.Failure)));
        Assert.Equal((2, 0), (pair.Exit.ConnectionCount, pair.Exit.Counters.ConnectionsRefused));

        pair.OnReady = _ => { };
        for (var i = 0; i < 3; i++)
            clients.Add(pair.Client.Connect(s_web, null, pair.Now)!);
        pair.Run(TimeSpan.FromSeconds(0.9));
        Assert.Equal([TcpState.Established, TcpState.Established, TcpState.SynSent], clients.TakeLast(3).Select(client => client.State));
        Assert.Equal(1, pair.Exit.Counters.ConnectionsRefused);
    }

    [Fact]
    public void A_bulk_transfer_lets_others_through()
    {
        var stack = new Stack(new StackOptions { Addresses = [Wire.ClientV4] }, new TcpMemory(64 << 20), new Macro.Simulation.SeededRandom(1));
        var connections = Enumerable.Range(0, 3).Select(_ => Establish(stack)).ToArray();
        for (var i = 0; i < 3; i++)
        {
            // The third has little to say.
            var room = connections[i].Writable.Length;
            connections[i].Commit(i == 2 ? 100 : room);
        }
        var ports = Wire.Drain(stack, s_now).ConvertAll(packet => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(20)));

        // Initial windows of ten: each in a row, as it is less than a turn.
        Assert.Equal(connections.Select(connection => connection.Flow.Local.Port), ports.Distinct());
        Assert.Equal([10, 10, 1], ports.GroupBy(port => port).Select(group => group.Count()));

        var other = new Stack(new StackOptions { Addresses = [Wire.ClientV4], SegmentsPerTurn = 4 }, new TcpMemory(64 << 20), new Macro.Simulation.SeededRandom(1));
        connections = [Establish(other), Establish(other)];
        foreach (var connection in connections)
            connection.Commit(connection.Writable.Length);
        var (a, b) = (connections[0].Flow.Local.Port, connections[1].Flow.Local.Port);
        Assert.Equal(
            [a, a, a, a, b, b, b, b, a, a, a, a, b, b, b, b, a, a, b, b],
            Wire.Drain(other, s_now).ConvertAll(packet => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(20))));
    }

    [Fact]
    public void Who_holds_most_of_the_memory_gives_way_when_none_is_left_for_others()
    {
        var memory = new TcpMemory(4 << 20);
        var stack = new Stack(new StackOptions(), memory, new Macro.Simulation.SeededRandom(1));
        stack.ListenAny(new object());
        var hog = IpAddress.Parse("100.65.0.66");
        var (kept, full) = (Accept(stack, Wire.ClientV4, 1), new List<TcpConnection>());
        kept.Commit(kept.Writable.Length);
        for (ushort port = 1; memory.AdmitsConnection; port++)
        {
            full.Add(Accept(stack, hog, port));
            full[^1].Commit(full[^1].Writable.Length);
        }
        Wire.Drain(stack, s_now);
        Assert.False(memory.AdmitsConnection);

        Accept(stack, Wire.ClientV4, 2);
        Assert.True(memory.AdmitsConnection);
        Assert.False(kept.IsClosed);
        Assert.InRange(full.Count(connection => connection.Failure == TcpFailure.Aborted), full.Count / 2, full.Count / 2 + 2);
        Assert.Equal(stack.Counters.Relieved, full.Count(connection => connection.IsClosed));
    }

    [Fact]
    public void Finds_the_way_through_a_narrow_link()
    {
        foreach (var target in new[] { s_web, s_webV6 })
        {
            var pair = new StackPair(exit: new StackOptions { Mtu = 9000 }, client: new StackOptions { Mtu = 9000, Addresses = [Wire.ClientV4, Wire.ClientV6] });
            var reports = 0;
            pair.Filter = packet =>
            {
                if (packet.Length <= 1400)
                    return true;
                reports++;
                var ip = Wire.Parse(packet);
                var v4 = ip.IsV4;
                // The router is the near end here: an exit believes nobody else.
                pair.Client.Receive(Wire.Icmp(ip.Destination, ip.Source, (byte)(v4 ? 3 : 2), (byte)(v4 ? 4 : 0), 1400, packet.AsSpan(0, 100)), pair.Now);
                return false;
            };
            var streams = new Streams();
            pair.OnReady = streams.Serve;
            var client = pair.Client.Connect(target, null, pair.Now)!;
            streams.Send(client, Wire.Numbers(200_000));
            pair.Run(TimeSpan.FromSeconds(20));
            Assert.Equal(200_000, streams.Received(pair.Accepted[0]).Length);
            Assert.InRange(reports, 1, 20);

            // The next connection knows.
            reports = 0;
            streams.Send(pair.Client.Connect(target, null, pair.Now)!, Wire.Numbers(200_000));
            pair.Run(TimeSpan.FromSeconds(20));
            Assert.Equal(200_000, streams.Received(pair.Accepted[1]).Length);
            Assert.Equal(0, reports);
        }
    }

    [Fact]
    public void An_error_about_a_segment_that_is_not_in_flight_changes_nothing()
    {
        var pair = new StackPair();
        var client = pair.Client.Connect(s_web, null, pair.Now)!;
        pair.Run(TimeSpan.FromSeconds(1));
        var quoted = Wire.Tcp(client.Flow.Local, s_web, TcpFlags.Ack, 12345);
        pair.Client.Receive(Wire.Icmp(s_web.Address, client.Flow.Local.Address, 3, 4, 600, quoted), pair.Now);
        pair.Client.Receive(Wire.Icmp(s_web.Address, client.Flow.Local.Address, 3, 3, 0, quoted), pair.Now);

        Assert.Equal((2, TcpState.Established), (pair.Client.Counters.ForeignErrors, client.State));
    }

    [Fact]
    public void Ten_thousand_connections_keep_their_timers_and_their_order()
    {
        var pair = new StackPair();
        var streams = new Streams();
        pair.OnReady = streams.Serve;
        var clients = new List<TcpConnection>();
        for (var i = 0; i < 10_000; i++)
        {
            clients.Add(pair.Client.Connect(new Endpoint(s_web.Address, (ushort)(1 + i % 1000)), null, pair.Now)!);
            if (i % 100 == 99)
                pair.Run(TimeSpan.FromSeconds(0.1));
        }
        Assert.Equal((10_000, 10_000), (pair.Client.ConnectionCount, pair.Exit.ConnectionCount));
        foreach (var client in clients)
        {
            streams.Send(client, [1, 2, 3]);
            streams.Serve(client);
        }
        pair.Run(TimeSpan.FromSeconds(5));
        Assert.All(pair.Accepted, connection => Assert.Equal([1, 2, 3], streams.Received(connection)));
        foreach (var connection in pair.Accepted)
            connection.Shutdown();
        pair.Run(TimeSpan.FromMinutes(2));
        Assert.Equal((0, 0), (pair.Client.ConnectionCount, pair.Exit.ConnectionCount));
    }

    [Fact]
    public void Ports_are_chosen_by_chance()
    {
        var stack = Wire.NewStack();
        var ports = Enumerable.Range(0, 100).Select(_ => stack.Connect(s_web, null, default)!.Flow.Local.Port).ToArray();

        Assert.Equal(100, ports.Distinct().Count());
        Assert.All(ports, port => Assert.InRange(port, 16384, 65535));
        Assert.InRange(ports.Max() - ports.Min(), 20000, 50000);
    }

    [Fact]
    public void There_are_only_so_many_ports_and_connections()
    {
        var stack = Wire.NewStack(new StackOptions { Addresses = [Wire.ServerV4], FirstEphemeralPort = 65500 });
        for (var i = 0; i < 36; i++)
            Assert.NotNull(stack.Connect(s_web, null, default));
        Assert.Null(stack.Connect(s_web, null, default));
        Assert.NotNull(stack.Connect(s_web with { Port = 81 }, null, default));
        Assert.Null(stack.Connect(s_webV6, null, default));

        var small = Wire.NewStack(new StackOptions { Addresses = [Wire.ServerV4], MaxConnections = 1 });
        Assert.NotNull(small.Connect(s_web, null, default));
        Assert.Null(small.Connect(s_web, null, default));
    }

    [Fact]
    public void A_listener_of_one_endpoint_comes_before_that_of_all()
    {
        var pair = new StackPair();
        var resolver = new object();
        var seen = new List<object?>();
        pair.Exit.Listen(s_web, resolver);
        pair.OnReady = connection => seen.Add(connection.Context);
        pair.Client.Connect(s_web, "client", pair.Now);
        pair.Run(TimeSpan.FromSeconds(0.015));

        Assert.Equal([resolver], seen);
    }

    /// <summary>A connection of a stack whose other end is made of single packets.</summary>
    static TcpConnection Establish(Stack stack)
    {
        var connection = stack.Connect(s_web, null, s_now)!;
        var syn = Wire.Parse(Wire.Drain(stack, s_now)[^1]);
        Assert.True(TcpSegment.TryParse(syn.Payload, out var segment));
        stack.Receive(Wire.Tcp(s_web, connection.Flow.Local, TcpFlags.Syn | TcpFlags.Ack, 1, segment.Sequence + 1), s_now);
        Assert.True(connection.IsEstablished);
        Wire.Drain(stack, s_now);
        return connection;
    }

    /// <summary>A connection that a client made, likewise.</summary>
    static TcpConnection Accept(Stack stack, IpAddress client, ushort port)
    {
        var from = new Endpoint(client, port);
        stack.Receive(Wire.Tcp(from, s_web, TcpFlags.Syn, 100), s_now);
        TcpConnection? connection;
        do
            Assert.True(stack.TryTakeReady(out connection));
        while (!connection.IsIncoming);
        connection.AcceptIncoming();
        Assert.True(TcpSegment.TryParse(Wire.Parse(Wire.Drain(stack, s_now)[^1]).Payload, out var answer));
        stack.Receive(Wire.Tcp(from, s_web, TcpFlags.Ack, 101, answer.Sequence + 1), s_now);
        Assert.True(connection.IsEstablished);
        return connection;
    }

    static (TcpFlags, uint, uint) Reset(byte[] packet)
    {
        Wire.AssertSound(packet);
        Assert.True(TcpView.TryParse(Wire.Parse(packet).Payload, out var tcp));
        return (tcp.Flags, tcp.SequenceNumber, tcp.AcknowledgmentNumber);
    }

    /// <summary>Bytes that connections are to send, and those that they received.</summary>
    sealed class Streams
    {
        readonly Dictionary<TcpConnection, (byte[] Bytes, int Sent)> _sending = [];
        readonly Dictionary<TcpConnection, List<byte>> _received = [];

        /// <summary>With the end of the stream behind it.</summary>
        public void Send(TcpConnection connection, byte[] bytes) => _sending[connection] = (bytes, 0);

        public byte[] Received(TcpConnection connection) => [.. _received.GetValueOrDefault(connection) ?? []];

        public void Serve(TcpConnection connection)
        {
            while (!connection.Readable.IsEmpty)
            {
                if (!_received.TryGetValue(connection, out var bytes))
                    _received[connection] = bytes = [];
                bytes.AddRange(connection.Readable);
                connection.Consume(connection.Readable.Length);
            }
            if (_sending.TryGetValue(connection, out var rest))
            {
                while (rest.Sent < rest.Bytes.Length && connection.Writable is { IsEmpty: false } room)
                {
                    var count = Math.Min(room.Length, rest.Bytes.Length - rest.Sent);
                    rest.Bytes.AsSpan(rest.Sent, count).CopyTo(room);
                    connection.Commit(count);
                    rest.Sent += count;
                }
                _sending[connection] = rest;
                if (rest.Sent == rest.Bytes.Length && connection.IsEstablished)
                    connection.Shutdown();
            }
            else if (connection.IsEndOfStream)
                connection.Shutdown();
        }
    }
}
