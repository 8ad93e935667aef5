using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

/// <summary>One end: a connection, and an application that writes a known pattern and checks what it reads.</summary>
sealed class End(string name)
{
    readonly byte[] _room = new byte[TcpSegment.MaxHeader + 9000];

    public string Name => name;
    public TcpConnection Connection { get; set; } = null!;

    /// <summary>Bytes that the application has still to write; then it shuts down when <see cref="Closes"/>.</summary>
    public long ToWrite { get; set; }
    public bool Closes { get; set; } = true;

    /// <summary>Bytes that the application reads at most.</summary>
    public long MayRead { get; set; } = long.MaxValue;

    public long Written { get; private set; }
    public long Read { get; private set; }

    /// <summary>Bytes of one write at most.</summary>
    public int WriteSize { get; set; } = int.MaxValue;

    // A prime period, so that neither chunks nor segments hide a shift.
    const int Period = 65521;

    static readonly byte[] s_pattern = MakePattern();

    /// <summary>What stands at a position of every stream, up to one chunk of it.</summary>
    public static ReadOnlySpan<byte> Pattern(long position, int length) => s_pattern.AsSpan((int)(position % Period), length);

    /// <summary>The application does what it can.</summary>
    public void Run()
    {
        while (MayRead > Read && Connection.Readable is { Length: > 0 } bytes)
        {
            bytes = bytes[..(int)Math.Min(bytes.Length, MayRead - Read)];
            var wrong = bytes.CommonPrefixLength(Pattern(Read, bytes.Length));
            if (wrong != bytes.Length)
                Assert.Fail($"{name}: another byte at {Read + wrong} than was written");
            Read += bytes.Length;
            Connection.Consume(bytes.Length);
        }
        while (ToWrite > 0 && Connection.Writable is { Length: > 0 } room)
        {
            var count = (int)Math.Min(Math.Min(room.Length, ToWrite), WriteSize);
            Pattern(Written, count).CopyTo(room);
            Connection.Commit(count);
            (Written, ToWrite) = (Written + count, ToWrite - count);
        }
        if (ToWrite == 0 && Closes && (Connection.IsEstablished || Connection.State == TcpState.SynSent))
            Connection.Shutdown();
    }

    public void Transmit(Link link, Instant now)
    {
        var sent = 0;
        while (Connection.TryTransmit(_room, now, out var length, out var ecn))
        {
            // As the Stack does, but for the addresses.
            BinaryPrimitives.WriteUInt16BigEndian(_room.AsSpan(16), Checksum.Finish(Checksum.Sum(_room.AsSpan(0, length))));
            link.Send(_room.AsSpan(0, length), ecn, now);
            if (++sent == 1 << 20)
                Assert.Fail($"{name} never stops sending");
        }
    }

    static byte[] MakePattern()
    {
        var bytes = new byte[Period + TcpMemory.ChunkSize];
        new SeededRandom(0).Fill(bytes.AsSpan(0, Period));
        bytes.AsSpan(0, TcpMemory.ChunkSize).CopyTo(bytes.AsSpan(Period));
        return bytes;
    }
}

/// <summary>Two connections and the link between them, in virtual time that jumps to the next wake-up.</summary>
sealed class Pair
{
    public static readonly FlowKey Flow = new(Endpoint.Parse("10.0.0.1:40000"), Endpoint.Parse("10.0.0.2:80"));

    public Pair(LinkShape shape, ulong seed = 1, TcpOptions? client = null, TcpOptions? server = null, TcpMemory? memory = null)
    {
        Memory = memory ?? new TcpMemory(256 << 20);
        ServerOptions = server ?? TcpOptions.Default;
        (Out, Back) = (new Link(shape, new SeededRandom(seed)), new Link(shape, new SeededRandom(seed + 1000)));
        Random = new SeededRandom(seed + 2000);
        Client.Connection = TcpConnection.Connect(Flow, client ?? TcpOptions.Default, Memory, Random.NextUInt32(), Random.NextUInt32(), Now);
    }

    public TcpMemory Memory { get; }
    public TcpOptions ServerOptions { get; }
    public SeededRandom Random { get; }
    public End Client { get; } = new("client");
    public End Server { get; } = new("server");
    public Link Out { get; }
    public Link Back { get; }
    public Instant Now { get; private set; } = Instant.FromUnixSeconds(1_000_000);

    /// <summary>The server's application answers SYNs by itself.</summary>
    public bool Accepts { get; set; } = true;

    /// <summary>By how much the window fields of each side are to be multiplied.</summary>
    public int ClientScale => Client.Connection.ScaleOfWindow;
    public int ServerScale => Server.Connection.ScaleOfWindow;

    /// <summary>The latest timestamp that the server sent.</summary>
    public uint LastServerStamp { get; private set; }

    public bool IsConnected => Client.Connection.IsEstablished && Server.Connection is { IsEstablished: true };

    /// <summary>Lets everybody act, then jumps to the next thing that happens. False: nothing ever will.</summary>
    public bool Step()
    {
        Act();
        var next = Instant.Min(Instant.Min(Out.Next, Back.Next), Client.Connection.NextTimeout);
        if (Server.Connection is { } server)
            next = Instant.Min(next, server.NextTimeout);
        if (next == Instant.Never)
            return false;
        Now = Instant.Max(Now, next);
        while (Out.TryDeliver(Now, out var segment, out var ecn))
            DeliverToServer(segment, ecn);
        while (Back.TryDeliver(Now, out var segment, out var ecn))
            if (Checksum.Fits(Checksum.Sum(segment)) && TcpSegment.TryParse(segment, out var parsed))
            {
                LastServerStamp = parsed.TimestampValue;
                Client.Connection.Receive(parsed, ecn, Now);
            }
        Expire(Client);
        if (Server.Connection is not null)
            Expire(Server);
        return true;
    }

    /// <summary>Both ends run, and transmit.</summary>
    public void Act()
    {
        Client.Run();
        Client.Transmit(Out, Now);
        if (Server.Connection is null)
            return;
        Server.Run();
        Server.Transmit(Back, Now);
    }

    public void RunUntil(Func<bool> condition, TimeSpan within)
    {
        var deadline = Now + within;
        while (!condition())
        {
            Assert.True(Step(), "nothing happens any more");
            Assert.True(Now <= deadline, $"not within {within}: {this}");
        }
    }

    public void Run(TimeSpan time)
    {
        var end = Now + time;
        while (Now < end)
        {
            Act();
            var next = Instant.Min(Instant.Min(Out.Next, Back.Next), Client.Connection.NextTimeout);
            if (Server.Connection is { } server)
                next = Instant.Min(next, server.NextTimeout);
            if (next > end)
            {
                Now = end;
                return;
            }
            Step();
        }
    }

    public Pair Connect()
    {
        RunUntil(() => IsConnected, TimeSpan.FromSeconds(30));
        return this;
    }

    void DeliverToServer(byte[] segment, Ecn ecn)
    {
        if (!Checksum.Fits(Checksum.Sum(segment)) || !TcpSegment.TryParse(segment, out var parsed))
            return;
        if (Server.Connection is not null)
        {
            Server.Connection.Receive(parsed, ecn, Now);
            return;
        }
        if (parsed.Flags.HasFlag(Macro.Core.Packets.TcpFlags.Syn))
        {
            Server.Connection = TcpConnection.Accept(new FlowKey(Flow.Remote, Flow.Local), parsed, ServerOptions, Memory, Random.NextUInt32(), Random.NextUInt32(), Now);
            if (Accepts)
                Server.Connection.AcceptIncoming();
        }
    }

    void Expire(End end)
    {
        if (end.Connection.NextTimeout <= Now)
            end.Connection.HandleTimeout(Now);
    }

    public override string ToString() => $"client {Describe(Client)}, server {Describe(Server)}";

    static string Describe(End end) => end.Connection is { } c
        ? $"{c.State}/{c.Failure} wrote {end.Written}+{end.ToWrite} read {end.Read}, {c.Flight.State} cwnd {c.Flight.Control.Window} out {c.Flight.Board.Count} sacked {c.Flight.Board.Sacked} lost {c.Flight.Board.Lost} again {c.Flight.Board.Again} next timeout {c.NextTimeout}"
        : "none";
}
