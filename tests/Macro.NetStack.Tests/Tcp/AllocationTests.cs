using Macro.Core;

namespace Macro.NetStack.Tests;

[Collection(nameof(Alone))]
public class AllocationTests
{
    const int WarmUp = 3000, Turns = 1000, Batch = 32;

    [Theory]
    [InlineData(0)]
    [InlineData(97)]
    public void A_connection_allocates_nothing_per_segment(int losesEvery)
    {
        var line = new Line(losesEvery);
        for (var i = 0; i < WarmUp; i++)
            line.Turn();
        var segments = line.Segments;
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < Turns; i++)
                line.Turn();
        }));
        segments = line.Segments - segments;
        Assert.True(segments > 4 * Turns * Allocations.Rounds, $"only {segments} segments");
    }

    /// <summary>Two connections with nothing between them but buffers; every turn takes a millisecond.</summary>
    sealed class Line
    {
        readonly TcpMemory _memory = new(64 << 20);
        readonly TcpConnection _client, _server;
        readonly byte[][] _rooms = [.. Enumerable.Range(0, Batch).Select(_ => new byte[2048])];
        readonly int[] _lengths = new int[Batch];
        readonly int _losesEvery;
        Instant _now = Instant.FromUnixSeconds(1000);
        int _sent;

        public Line(int losesEvery)
        {
            _losesEvery = losesEvery;
            var options = TcpOptions.Default with { MaxReceiveBuffer = 256 << 10, MaxSendBuffer = 256 << 10 };
            _client = TcpConnection.Connect(Pair.Flow, options, _memory, 1, 2, _now);
            _client.TryTransmit(_rooms[0], _now, out var length, out _);
            Assert.True(TcpSegment.TryParse(_rooms[0].AsSpan(0, length), out var syn));
            _server = TcpConnection.Accept(new FlowKey(Pair.Flow.Remote, Pair.Flow.Local), syn, options, _memory, 3, 4, _now);
            _server.AcceptIncoming();
        }

        public long Segments { get; private set; }

        public void Turn()
        {
            _now += TimeSpan.FromMilliseconds(1);
            while (_client.Writable is { Length: > 0 } room)
                _client.Commit(room.Length);
            Pass(_client, _server, _losesEvery);
            while (_server.Readable is { Length: > 0 } bytes)
                _server.Consume(bytes.Length);
            Pass(_server, _client, 0);
            if (_client.NextTimeout <= _now)
                _client.HandleTimeout(_now);
            if (_server.NextTimeout <= _now)
                _server.HandleTimeout(_now);
        }

        void Pass(TcpConnection from, TcpConnection to, int losesEvery)
        {
            var count = 0;
            while (count < Batch && from.TryTransmit(_rooms[count], _now, out _lengths[count], out _))
                count++;
            for (var i = 0; i < count; i++)
            {
                Segments++;
                if (losesEvery != 0 && ++_sent % losesEvery == 0)
                    continue;
                Assert.True(TcpSegment.TryParse(_rooms[i].AsSpan(0, _lengths[i]), out var segment));
                to.Receive(segment, Ecn.NotCapable, _now);
            }
        }
    }
}
