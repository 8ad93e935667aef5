using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.WireGuard.Tests;

/// <summary>One side of a <see cref="Pair"/>: a tunnel, its gate and index table, and all that came out of it.</summary>
sealed class Node
{
    readonly byte[] _buffer = new byte[2048];
    readonly Pair _pair;

    public Node(Pair pair, string name, PrivateKey key, PublicKey remote, SecretBytes? psk, Endpoint endpoint, bool mayInitiate)
    {
        (_pair, Name, Endpoint) = (pair, name, endpoint);
        Gate = new HandshakeGate(key, pair.Random);
        Tunnel = new Tunnel(
            new TunnelOptions { PrivateKey = key, Remote = remote, PresharedKey = psk, MayInitiate = mayInitiate }, Indices, pair.Random);
    }

    public string Name { get; }
    public Endpoint Endpoint { get; set; }
    public HandshakeGate Gate { get; }
    public IndexTable Indices { get; } = new();
    public Tunnel Tunnel { get; }
    public bool UnderLoad { get; set; }

    /// <summary>Plaintexts that arrived, padding included.</summary>
    public List<byte[]> Delivered { get; } = [];

    public List<DropReason> Drops { get; } = [];
    public List<GateVerdict> Verdicts { get; } = [];
    public List<(Instant At, byte[] Datagram)> Sent { get; } = [];
    public List<(Instant At, TunnelEventKind Kind)> Events { get; } = [];

    public int CountSent(MessageType type) => Sent.Count(sent => sent.Datagram[0] == (byte)type);

    public IEnumerable<Instant> SentAt(MessageType type) => Sent.Where(sent => sent.Datagram[0] == (byte)type).Select(sent => sent.At);

    public IEnumerable<Instant> KeepalivesAt => Sent.Where(sent => sent.Datagram is [4, ..] && sent.Datagram.Length == Message.DataOverhead).Select(sent => sent.At);

    public void Send(params ReadOnlySpan<byte> packet) => Take(Tunnel.Encapsulate(packet, _buffer, _pair.Now));

    public void Initiate()
    {
        Tunnel.Initiate(_pair.Now);
        HandleTimeout();
    }

    public void HandleTimeout()
    {
        for (var i = 0; Tunnel.NextTimeout <= _pair.Now; i++)
        {
            Assert.True(i < 1000, $"{Name} never comes to rest");
            Take(Tunnel.HandleTimeout(_buffer, _pair.Now));
        }
    }

    public void Receive(byte[] datagram, Endpoint source)
    {
        if (datagram[0] is 1 or 2)
        {
            var reply = new byte[Message.CookieReplySize];
            var verdict = Gate.Check(datagram, source, UnderLoad, _pair.Now, reply, out var length);
            Verdicts.Add(verdict);
            if (verdict == GateVerdict.ReplyCookie)
                Send(reply.AsSpan(0, length), raw: true);
            if (verdict != GateVerdict.Accept)
                return;
        }
        if (datagram[0] == 1)
        {
            if (Gate.TryReadInitiation(datagram, _pair.Now, out var initiation) && initiation.Remote == Tunnel.Remote)
                Take(Tunnel.AcceptInitiation(initiation, _buffer, _pair.Now));
        }
        else
        {
            Take(Tunnel.Decapsulate(datagram, _buffer, _pair.Now));
        }
        HandleTimeout();
    }

    void Take(TunnelOutput output)
    {
        switch (output.Kind)
        {
            case TunnelOutputKind.ToNetwork: Send(_buffer.AsSpan(0, output.Length), raw: true); break;
            case TunnelOutputKind.ToTunnel: Delivered.Add(output.Packet.ToArray()); break;
            case TunnelOutputKind.Dropped: Drops.Add(output.Reason); break;
            case TunnelOutputKind.Nothing: break;
        }
        while (Tunnel.TryTakeEvent(out var happened))
            Events.Add((_pair.Now, happened.Kind));
    }

    void Send(ReadOnlySpan<byte> datagram, bool raw)
    {
        Assert.True(raw);
        Sent.Add((_pair.Now, datagram.ToArray()));
        _pair.Carry(this, datagram.ToArray());
    }
}

/// <summary>Alice and bob on a link in virtual time; eve is whatever the test does to <see cref="Filter"/> and the recorded datagrams.</summary>
sealed class Pair
{
    public static readonly Instant Start = Instant.FromUnixSeconds(1_700_000_000);
    public static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(10);

    readonly PriorityQueue<(Node To, byte[] Datagram, Endpoint Source), (long At, long Order)> _flying = new();
    long _order;

    public Pair(ulong seed = 1, bool presharedKeys = false, bool samePresharedKey = true, bool bobMayInitiate = true)
    {
        Random = new SeededRandom(seed);
        AliceKey = PrivateKey.Generate(Random);
        BobKey = PrivateKey.Generate(Random);
        var psk = presharedKeys ? SecretBytes.Random(32, Random) : null;
        Alice = new Node(this, "alice", AliceKey, BobKey.PublicKey, psk, Endpoint.Parse("192.0.2.1:1000"), mayInitiate: true);
        if (!samePresharedKey)
            psk = SecretBytes.Random(32, Random);
        Bob = new Node(this, "bob", BobKey, AliceKey.PublicKey, psk, Endpoint.Parse("192.0.2.2:2000"), bobMayInitiate);
    }

    public IRandom Random { get; }
    public Instant Now { get; private set; } = Start;
    public PrivateKey AliceKey { get; }
    public PrivateKey BobKey { get; }
    public Node Alice { get; }
    public Node Bob { get; }
    public TimeSpan Elapsed => Now - Start;

    /// <summary>How often a datagram arrives, and with what delay: none is a loss, two are a duplicate.</summary>
    public Func<Node, byte[], TimeSpan[]> Filter { get; set; } = (_, _) => [Latency];

    public void Carry(Node from, byte[] datagram)
    {
        foreach (var delay in Filter(from, datagram))
            _flying.Enqueue((from == Alice ? Bob : Alice, datagram, from.Endpoint), ((Now + delay).Ticks, _order++));
    }

    /// <summary>Lets time pass, from wake-up to wake-up.</summary>
    public void Run(double seconds)
    {
        var until = Now + TimeSpan.FromSeconds(seconds);
        for (var steps = 0; ; steps++)
        {
            Assert.True(steps < 1_000_000, "time stands still");
            var next = Instant.Min(Alice.Tunnel.NextTimeout, Bob.Tunnel.NextTimeout);
            if (_flying.TryPeek(out _, out var key))
                next = Instant.Min(next, new Instant(key.At));
            if (next > until)
                break;
            Now = Instant.Max(Now, next);
            while (_flying.TryPeek(out var flight, out key) && key.At <= Now.Ticks)
            {
                _flying.Dequeue();
                flight.To.Receive(flight.Datagram, flight.Source);
            }
            Alice.HandleTimeout();
            Bob.HandleTimeout();
        }
        Now = until;
    }

    /// <summary>A session between both, proven to bob, and nothing owed by anybody.</summary>
    public Pair Connected()
    {
        Alice.Initiate();
        Run(1);
        Assert.True(Alice.Tunnel.IsConnected(Now) && Bob.Tunnel.IsConnected(Now));
        return this;
    }

    public void LoseEverything() => Filter = (_, _) => [];

    public void LoseNothing() => Filter = (_, _) => [Latency];
}
