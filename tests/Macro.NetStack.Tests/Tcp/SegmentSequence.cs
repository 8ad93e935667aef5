using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

/// <summary>
/// One connection of ours and a peer made of chance, from a seed: it cuts its stream anywhere, overlaps, repeats, skips,
/// goes beyond the window, acknowledges what it likes, and forges resets, SYNs and old segments. Then it comes to its senses
/// and sends what is missing. After every segment the books of both streams must agree with ours.
/// </summary>
sealed class SegmentSequence
{
    const int MostBytes = 4000, MostSteps = 24, MostHonestSteps = 2000;

    /// <summary>Where the peer's stream stands in the pattern, so that neither is taken for the other.</summary>
    const int TheirPattern = 20_000;

    readonly SeededRandom _random;
    readonly TcpMemory _memory;
    readonly Books _ours, _theirs;
    readonly byte[] _room = new byte[TcpSegment.MaxHeader + 2048], _out = new byte[TcpSegment.MaxHeader + MostBytes], _sacks = new byte[32];
    readonly TcpConnection _connection;
    readonly uint _ourFirst, _theirFirst;
    readonly bool _stamps, _sack;
    readonly byte _scale;
    Instant _now = Instant.FromUnixSeconds(1_000_000);
    uint _stamp, _echo;
    long _acknowledged, _edge, _window;
    int _written, _read;
    bool _hasShutDown, _owesAnswer;

    /// <param name="memory">None of it is in use, now and in the end.</param>
    public SegmentSequence(ulong seed, TcpMemory memory)
    {
        (_random, _memory) = (new SeededRandom(seed), memory);
        (_ours, _theirs) = (new Books(_random.NextInt(MostBytes)), new Books(_random.NextInt(MostBytes)));
        (_stamps, _sack, _scale, _stamp) = (Often(), Often(), (byte)_random.NextInt(15), _random.NextUInt32());
        // Close to where sequence numbers wrap, every other time.
        (_ourFirst, _theirFirst) = (Sequence(), Sequence());
        var options = new TcpOptions
        {
            Mss = 88 + _random.NextInt(1400),
            Nagle = Often(),
            Ecn = (EcnMode)_random.NextInt(3),
            MaxReceiveBuffer = 16 << 10,
            MaxSendBuffer = 16 << 10,
            UserTimeout = TimeSpan.FromDays(1),
            ConnectTimeout = TimeSpan.FromDays(1),
        };
        _connection = Often() ? Call(options) : Answer(options);
    }

    /// <summary>Segments that it has given, set by <see cref="Run"/>.</summary>
    public int Given { get; private set; }

    public void Run()
    {
        Assert.True(_connection.IsEstablished || _connection.State == TcpState.SynReceived);
        for (var steps = 1 + _random.NextInt(MostSteps); steps > 0 && !_connection.IsClosed; steps--)
            Misbehave();
        for (var steps = 0; !IsOver; steps++)
        {
            Assert.True(steps < MostHonestSteps, $"a deadlock: {_connection.State}, {_connection.Failure}");
            Behave();
        }
        Assert.Equal(TcpFailure.None, _connection.Failure);
        Assert.Equal((_ours.Length, _theirs.Length), (_written, _read));
        _connection.Abort();
        Assert.Equal(0, _memory.Used);
    }

    bool IsOver => _connection.IsClosed && _ours.IsWhole && _theirs.IsWhole && _read == _theirs.Length;

    // ----- the handshake

    TcpConnection Call(TcpOptions options)
    {
        var connection = TcpConnection.Connect(Pair.Flow, options, _memory, _ourFirst - 1, 0, _now);
        Assert.True(connection.TryTransmit(_room, _now, out var length, out _));
        Hear(_room.AsSpan(0, length));
        var answer = Syn(TcpFlags.Syn | TcpFlags.Ack);
        answer.Acknowledgment = _ourFirst;
        Give(connection, answer);
        return connection;
    }

    TcpConnection Answer(TcpOptions options)
    {
        Assert.True(Syn(TcpFlags.Syn).TryWrite(_out, out var length));
        Assert.True(TcpSegment.TryParse(_out.AsSpan(0, length), out var syn));
        var connection = TcpConnection.Accept(Pair.Flow, syn, options, _memory, _ourFirst - 1, 0, _now);
        connection.AcceptIncoming();
        while (connection.TryTransmit(_room, _now, out length, out _))
            Hear(_room.AsSpan(0, length));
        return connection;
    }

    TcpSegment Syn(TcpFlags flags)
    {
        // The window of a SYN is never scaled.
        _window = _random.NextInt(ushort.MaxValue);
        _ours.Allow(_window);
        return new TcpSegment
        {
            SourcePort = Pair.Flow.Remote.Port, DestinationPort = Pair.Flow.Local.Port, Sequence = _theirFirst - 1,
            Flags = flags | (Often() ? TcpFlags.EcnEcho : TcpFlags.None), Window = (ushort)_window,
            Mss = (ushort)_random.NextInt(2000), WindowScale = _stamps ? _scale : null, SackPermitted = _sack,
            HasTimestamps = _stamps, TimestampValue = _stamp, TimestampEcho = _echo,
        };
    }

    // ----- the peer

    void Misbehave()
    {
        Use(patient: false);
        Listen(deaf: _random.NextInt(3) == 0);
        switch (_random.NextInt(12))
        {
            case < 5:
                GiveData(_random.NextInt(_theirs.Length + 1), _random.NextInt(1 + _random.NextInt(_theirs.Length + 1)));
                break;
            case < 7:
                GiveData(_theirs.Contiguous, 1 + _random.NextInt(1400));
                break;
            case < 9:
                GiveAck(_random.NextInt(_ours.Contiguous + 1), Often());
                break;
            case 9:
                Forge();
                break;
            case 10:
                _window = _random.NextInt(4) == 0 ? 0 : _random.NextInt(ushort.MaxValue);
                GiveAck(_ours.Contiguous, withSacks: true);
                break;
            default:
                Wait(_random.NextTime(TimeSpan.FromMilliseconds(400)));
                break;
        }
        Listen(deaf: false);
    }

    /// <summary>Sends the next bytes that are missing, acknowledges all that came, and waits when there is nothing to say.</summary>
    void Behave()
    {
        Use(patient: true);
        Listen(deaf: false);
        if (_window != ushort.MaxValue)
            (_window, _owesAnswer) = (ushort.MaxValue, true);
        if (_acknowledged < _theirs.Total)
        {
            var from = (int)Math.Min(_acknowledged, _theirs.Length);
            GiveData(from, (int)Math.Max(0, Math.Min(536, _edge - from)));
        }
        else if (_owesAnswer)
            GiveAck(_ours.Contiguous, withSacks: true);
        _owesAnswer = false;
        Listen(deaf: false);
        if (!_owesAnswer && _connection.NextTimeout != Instant.Never && !_connection.IsClosed)
            Wait(Often() ? TimeSpan.FromMilliseconds(1) : _connection.NextTimeout - _now);
    }

    void GiveData(int offset, int length)
    {
        offset = Math.Min(offset, _theirs.Length);
        length = Math.Min(length, _theirs.Length - offset);
        var end = offset + length == _theirs.Length;
        var acknowledged = _ours.Contiguous;
        _theirs.Enter(offset, (int)Math.Min(length, Math.Max(0, _edge - offset)), end && _edge > _theirs.Length);
        Give(_connection, new TcpSegment
        {
            Sequence = _theirFirst + (uint)offset,
            Acknowledgment = _ourFirst + (uint)Acknowledging(acknowledged),
            Flags = TcpFlags.Ack | (end ? TcpFlags.Fin : TcpFlags.None) | (Often() ? TcpFlags.Push : TcpFlags.None),
            Window = Field(acknowledged),
            Payload = End.Pattern(TheirPattern + offset, length),
        });
    }

    void GiveAck(int acknowledged, bool withSacks) => Give(_connection, new TcpSegment
    {
        Sequence = _theirFirst + (uint)Math.Min(_acknowledged, _theirs.Total),
        Acknowledgment = _ourFirst + (uint)Acknowledging(acknowledged),
        Flags = TcpFlags.Ack | (_random.NextInt(8) == 0 ? TcpFlags.EcnEcho : TcpFlags.None),
        Window = Field(acknowledged),
        SackBlocks = withSacks && _sack ? _sacks.AsSpan(0, _ours.WriteSacks(_sacks.AsSpan(0, _stamps ? 24 : 32), _ourFirst, _random)) : default,
    });

    /// <summary>What a stranger who knows a little may try; none of it may change anything.</summary>
    void Forge()
    {
        // Beyond the number that is expected next, which may be higher than what was acknowledged: a reset there would count.
        var near = _theirFirst + (uint)_theirs.Reached + (uint)_random.NextInt(3000) + 1;
        var segment = _random.NextInt(4) switch
        {
            0 => new TcpSegment { Sequence = near, Flags = TcpFlags.Reset },
            1 => new TcpSegment { Sequence = near, Acknowledgment = _ourFirst + (uint)_ours.Total, Flags = TcpFlags.Syn | TcpFlags.Ack },
            2 => new TcpSegment { Sequence = near, Acknowledgment = _ourFirst + (uint)_ours.Total + 1 + (uint)_random.NextInt(1 << 20), Flags = TcpFlags.Ack, Payload = [1, 2, 3] },
            _ => new TcpSegment { Sequence = near + (1u << 30), Acknowledgment = _ourFirst, Flags = TcpFlags.Ack, Payload = [1, 2, 3] },
        };
        Give(_connection, segment);
    }

    /// <summary>The FIN counts as acknowledged with everything before it.</summary>
    int Acknowledging(int contiguous) => contiguous == _ours.Length && _ours.HasEnd ? _ours.Total : contiguous;

    /// <summary>The window field, and the edge that we may send up to.</summary>
    ushort Field(int acknowledged)
    {
        var field = _window >> (_stamps ? _scale : 0);
        _ours.Allow(Acknowledging(acknowledged) + (field << (_stamps ? _scale : 0)));
        return (ushort)field;
    }

    void Give(TcpConnection connection, TcpSegment segment)
    {
        (segment.SourcePort, segment.DestinationPort) = (Pair.Flow.Remote.Port, Pair.Flow.Local.Port);
        (segment.HasTimestamps, segment.TimestampValue, segment.TimestampEcho) = (_stamps, _stamp, _echo);
        Assert.True(segment.TryWrite(_out, out var length));
        Assert.True(TcpSegment.TryParse(_out.AsSpan(0, length), out var parsed));
        connection.Receive(parsed, _random.NextInt(16) == 0 ? Ecn.Congestion : Ecn.NotCapable, _now);
        Given++;
    }

    void Wait(TimeSpan time)
    {
        _now += time;
        _stamp += (uint)time.TotalMilliseconds;
        if (_connection.NextTimeout <= _now)
            _connection.HandleTimeout(_now);
    }

    // ----- our side

    /// <summary>The application reads and writes as it likes, in the end all.</summary>
    void Use(bool patient)
    {
        while ((patient || Often()) && _connection.Readable is { Length: > 0 } bytes)
        {
            bytes = bytes[..(patient ? bytes.Length : 1 + _random.NextInt(bytes.Length))];
            Assert.True(bytes.SequenceEqual(End.Pattern(TheirPattern + _read, bytes.Length)), $"other bytes at {_read} than were sent");
            _read += bytes.Length;
            _connection.Consume(bytes.Length);
        }
        while (_written < _ours.Length && (patient || Often()) && _connection.Writable is { Length: > 0 } room)
        {
            var count = Math.Min(room.Length, _ours.Length - _written);
            count = patient ? count : _random.NextInt(count + 1);
            End.Pattern(_written, count).CopyTo(room);
            _connection.Commit(count);
            _written += count;
        }
        if (_written == _ours.Length && (patient || Often()) && !_hasShutDown)
        {
            _connection.Shutdown();
            _hasShutDown = true;
        }
        Assert.InRange(_memory.Used, 0, 4 * TcpMemory.ChunkSize);
    }

    /// <summary>Takes all that is sent; a deaf peer gets none of it.</summary>
    void Listen(bool deaf)
    {
        for (var sent = 0; _connection.TryTransmit(_room, _now, out var length, out _); sent++)
        {
            Assert.True(sent < 1000, "it never stops sending");
            Hear(_room.AsSpan(0, length), deaf || _random.NextInt(5) == 0);
        }
    }

    void Hear(ReadOnlySpan<byte> bytes, bool lost = false)
    {
        Assert.True(TcpSegment.TryParse(bytes, out var segment));
        _echo = segment.TimestampValue;
        if (segment.Has(TcpFlags.Syn))
        {
            _edge = Math.Max(_edge, segment.Window);
            return;
        }
        if (segment.Has(TcpFlags.Reset))
        {
            // What acknowledges something else than our SYN is answered so, and nothing is given up (RFC 9293 3.10.7.4).
            Assert.Equal(TcpState.SynReceived, _connection.State);
            return;
        }
        var acknowledged = (int)(segment.Acknowledgment - _theirFirst);
        Assert.True(acknowledged >= _acknowledged, "an acknowledgment went back");
        Assert.True(acknowledged <= _theirs.Reached, $"{acknowledged} acknowledged of {_theirs.Reached} that it can have");
        var edge = acknowledged + segment.Window * (_stamps ? _connection.ScaleOfWindow : 1);
        Assert.True(edge >= _edge, "the window shrank");
        (_acknowledged, _edge) = (acknowledged, edge);
        var offset = (int)(segment.Sequence - _ourFirst);
        // Data, or a probe from before what the peer expects.
        _owesAnswer |= segment.SequenceLength > 0 || offset < _ours.Reached;
        if (segment.SequenceLength == 0)
            return;
        Assert.InRange(offset, 0, _written);
        Assert.True(offset + segment.Payload.Length <= _written, "bytes that nobody wrote");
        Assert.True(segment.Payload.SequenceEqual(End.Pattern(offset, segment.Payload.Length)), $"other bytes at {offset} than were written");
        Assert.True(offset + segment.Payload.Length <= _ours.Edge, "sent beyond the window");
        Assert.False(segment.Has(TcpFlags.Fin) && offset + segment.Payload.Length != _ours.Length, "the end is in the wrong place");
        if (!lost)
            _ours.Enter(offset, segment.Payload.Length, segment.Has(TcpFlags.Fin));
    }

    bool Often() => _random.NextInt(2) == 0;

    uint Sequence() => Often() ? _random.NextUInt32() : (uint)-_random.NextInt(MostBytes);

    /// <summary>What of a stream has arrived at its far end, byte for byte.</summary>
    sealed class Books(int length)
    {
        readonly bool[] _has = new bool[length];

        public int Length => length;

        /// <summary>With the FIN.</summary>
        public int Total => length + 1;

        public bool HasEnd { get; private set; }

        /// <summary>Everything before it has arrived.</summary>
        public int Contiguous { get; private set; }

        /// <summary>The highest number that may be acknowledged.</summary>
        public int Reached => IsWhole ? Total : Contiguous;

        public bool IsWhole => HasEnd && Contiguous == length;

        /// <summary>How far its sender may go.</summary>
        public long Edge { get; private set; }

        public void Allow(long edge) => Edge = Math.Max(Edge, edge);

        public void Enter(int offset, int count, bool end)
        {
            _has.AsSpan(offset, count).Fill(true);
            HasEnd |= end;
            while (Contiguous < length && _has[Contiguous])
                Contiguous++;
        }

        /// <summary>Some of what lies beyond gaps, now and then with a lie. Returns the bytes.</summary>
        public int WriteSacks(Span<byte> blocks, uint first, SeededRandom random)
        {
            var written = 0;
            var at = Contiguous;
            while (written + 8 <= blocks.Length - 8)
            {
                var start = at < length ? _has.AsSpan(at).IndexOf(true) : -1;
                if (start < 0)
                    break;
                start += at;
                var run = _has.AsSpan(start).IndexOf(false);
                at = run < 0 ? length : start + run;
                Put(blocks, ref written, first + (uint)start, first + (uint)at);
            }
            if (random.NextInt(16) == 0)
                Put(blocks, ref written, first + (uint)random.NextInt(length + 1), first + (uint)random.NextInt(length + 1));
            return written;
        }

        static void Put(Span<byte> blocks, ref int written, uint start, uint end)
        {
            BinaryPrimitives.WriteUInt32BigEndian(blocks[written..], start);
            BinaryPrimitives.WriteUInt32BigEndian(blocks[(written + 4)..], end);
            written += 8;
        }
    }
}
