using System.Globalization;
using Macro.Core;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

/// <summary>
/// Random links, settings and applications, each world from its seed. MACRO_TCP_STEPS sets how many segments are made in
/// all (default 200 000), MACRO_TCP_SEED where to begin.
/// </summary>
public class ChaosTests
{
    static readonly long s_steps = Number("MACRO_TCP_STEPS", 200_000);
    static readonly long s_seed = Number("MACRO_TCP_SEED", 1);

    [Fact]
    public void Whatever_the_link_does_no_byte_is_lost_or_invented_and_every_transfer_ends()
    {
        long segments = 0;
        for (var seed = (ulong)s_seed; segments < s_steps; seed++)
            segments += Live(seed);
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void A_seed_replays_a_life(ulong seed) => Assert.Equal(Live(seed), Live(seed));

    static long Live(ulong seed)
    {
        var random = new SeededRandom(seed);
        var shape = new LinkShape
        {
            Delay = random.NextTime(TimeSpan.FromMilliseconds(random.NextInt(3) == 0 ? 200 : 20)),
            Rate = Math.Pow(10, 5.5 + 3 * random.NextDouble()),
            Queue = 3000 << random.NextInt(9),
            MarkFrom = random.NextInt(3) == 0 ? 20_000 : int.MaxValue,
            Loss = Sometimes(random, 0.2),
            Reordering = Sometimes(random, 0.3),
            Duplication = Sometimes(random, 0.1),
            Corruption = Sometimes(random, 0.05),
            Lateness = random.NextTime(TimeSpan.FromMilliseconds(30)),
        };
        var memory = new TcpMemory((random.NextInt(4) == 0 ? 16 : 2000) * TcpMemory.ChunkSize);
        var pair = new Pair(shape, seed, Options(random), Options(random), memory);
        foreach (var end in new[] { pair.Client, pair.Server })
        {
            end.ToWrite = random.NextInt(4) == 0 ? 0 : random.NextInt(400_000);
            end.WriteSize = random.NextInt(3) == 0 ? 1 + random.NextInt(300) : int.MaxValue;
            // Now and then the application does not read for a while.
            end.MayRead = random.NextInt(3) == 0 ? random.NextInt(100_000) : long.MaxValue;
        }
        var (client, server) = (pair.Client.ToWrite, pair.Server.ToWrite);
        var watch = new Watch(pair, memory);
        try
        {
            var pause = pair.Now + TimeSpan.FromSeconds(20 + random.NextInt(20));
            var deadline = pair.Now + TimeSpan.FromHours(2);
            while (!(pair.Client.Connection.State == TcpState.Closed && pair.Server.Connection is { State: TcpState.Closed }))
            {
                if (pair.Now > pause)
                    pair.Client.MayRead = pair.Server.MayRead = long.MaxValue;
                watch.Look();
                Assert.True(pair.Step(), "a deadlock: nothing happens any more");
                Assert.True(pair.Now < deadline, "it does not end");
                if (pair.Client.Connection.Failure != TcpFailure.None)
                    break;
            }
            pair.Client.MayRead = pair.Server.MayRead = long.MaxValue;
            pair.Act();
            // Twenty per cent of loss may break a handshake or the last farewell, but never a stream that was acknowledged.
            if (pair.Client.Connection.Failure == TcpFailure.None && pair.Server.Connection.Failure == TcpFailure.None)
                Assert.Equal((client, server), (pair.Server.Read, pair.Client.Read));
            else
                Assert.True(shape.Loss + shape.Corruption > 0.1, $"failed without cause: {pair.Client.Connection.Failure}, {pair.Server.Connection?.Failure}");
            pair.Client.Connection.Abort();
            pair.Server.Connection?.Abort();
            Assert.Equal(0, memory.Used);
            return pair.Out.Sent + pair.Back.Sent;
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"seed {seed}: {shape}, {pair}", failure);
        }
    }

    static TcpOptions Options(SeededRandom random) => new()
    {
        Mss = 200 + random.NextInt(1300),
        Nagle = random.NextInt(2) == 0,
        Ecn = (EcnMode)random.NextInt(3),
        MaxReceiveBuffer = (16 << 10) << random.NextInt(8),
        MaxSendBuffer = (16 << 10) << random.NextInt(8),
        ConnectTimeout = TimeSpan.FromMinutes(10),
        UserTimeout = TimeSpan.FromMinutes(30),
    };

    static double Sometimes(SeededRandom random, double most) => random.NextInt(2) == 0 ? 0 : most * random.NextDouble();

    static long Number(string name, long otherwise) =>
        Environment.GetEnvironmentVariable(name) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    /// <summary>What must hold at every moment.</summary>
    sealed class Watch
    {
        readonly Pair _pair;
        readonly TcpMemory _memory;
        readonly Dictionary<Link, long> _edges = [];

        public Watch(Pair pair, TcpMemory memory)
        {
            (_pair, _memory) = (pair, memory);
            pair.Out.Filter = bytes => CheckWindow(pair.Out, bytes, pair.ClientScale);
            pair.Back.Filter = bytes => CheckWindow(pair.Back, bytes, pair.ServerScale);
        }

        public void Look()
        {
            Assert.True(_memory.Used <= _memory.Budget, "more memory than the budget");
            CheckBoard(_pair.Client.Connection);
            if (_pair.Server.Connection is { } server)
                CheckBoard(server);
        }

        static void CheckBoard(TcpConnection connection)
        {
            var flight = connection.Flight;
            var board = flight.Board;
            var (sacked, lost, again, waiting, listed) = (0, 0, 0, 0, 0);
            var position = flight.Una;
            for (var i = board.First; i != board.Next; i++)
            {
                ref var segment = ref board[i];
                Assert.Equal(position, segment.Start);
                Assert.True(segment.Length > 0);
                position = segment.End;
                sacked += segment.Is(Tcp.SentState.Sacked) ? 1 : 0;
                lost += segment.Is(Tcp.SentState.Lost) ? 1 : 0;
                again += segment.Is(Tcp.SentState.Again) ? 1 : 0;
                waiting += segment.Is(Tcp.SentState.Lost) && !segment.Is(Tcp.SentState.Again) ? 1 : 0;
                listed += segment.Is(Tcp.SentState.Listed) ? 1 : 0;
            }
            if (board.Count > 0)
                Assert.Equal(flight.Next, position);
            Assert.Equal((sacked, lost, again, waiting), (board.Sacked, board.Lost, board.Again, board.ToRetransmit));
            var before = 0L;
            for (var slot = board.Oldest; slot >= 0; slot = board.NewerThan(slot), listed--)
            {
                Assert.True(board.AtSlot(slot).SentAt >= before, "the list by time is not in order");
                before = board.AtSlot(slot).SentAt;
            }
            Assert.Equal(0, listed);
            Assert.True(flight.Control.Window >= 1);
        }

        /// <summary>The right edge of a window never goes back (RFC 9293 3.8.6), and nobody sends beyond it.</summary>
        bool CheckWindow(Link link, byte[] bytes, int scale)
        {
            Assert.True(TcpSegment.TryParse(bytes, out var segment));
            if (segment.Has(Core.Packets.TcpFlags.Reset) || !segment.Has(Core.Packets.TcpFlags.Ack))
                return true;
            var near = _edges.GetValueOrDefault(link, Tcp.Sequence.Begin(segment.Acknowledgment));
            var window = segment.Has(Core.Packets.TcpFlags.Syn) ? segment.Window : segment.Window * scale;
            var edge = Tcp.Sequence.Unwrap(segment.Acknowledgment, near) + window;
            Assert.True(edge >= near, $"a window shrank by {near - edge}");
            _edges[link] = edge;
            var other = link == _pair.Out ? _pair.Back : _pair.Out;
            if (_edges.TryGetValue(other, out var theirs) && segment.Payload.Length > 0)
                Assert.True(Tcp.Sequence.Unwrap(segment.Sequence, theirs) + segment.Payload.Length <= theirs, "sent beyond the window");
            return true;
        }
    }
}
