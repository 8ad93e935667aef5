using Macro.Core;
using Macro.Core.Packets;
using Macro.Simulation;

namespace Macro.Engine.Tests;

/// <summary>
/// Whole nodes in one process under virtual time. Datagrams take the one-way delay of the world, some are lost; everything
/// follows from the seed.
/// </summary>
sealed class World(ulong seed)
{
    readonly PriorityQueue<Action, (long, long)> _events = new();
    readonly Dictionary<Endpoint, SimNode> _nodes = [];
    readonly Dictionary<Endpoint, Action<byte[], Endpoint>> _strangers = [];
    long _order;

    public IRandom Random { get; } = new SeededRandom(seed);

    public Instant Now { get; private set; } = Instant.FromUnixSeconds(1_800_000_000);

    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>How long relays have been running when they are added: early data is taken after twenty seconds.</summary>
    public TimeSpan Age { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Share of datagrams lost, 0..1.</summary>
    public double Loss { get; set; }

    /// <summary>Share of datagrams that arrive twice, 0..1.</summary>
    public double Duplicates { get; set; }

    /// <summary>Share of datagrams that arrive with one bit turned, 0..1.</summary>
    public double Errors { get; set; }

    /// <summary>Most that a datagram comes late: with it, one may overtake another.</summary>
    public TimeSpan Jitter { get; set; }

    /// <summary>Which ways are dead: asked with source and destination as the sender writes them.</summary>
    public Func<Endpoint, Endpoint, bool>? Cut { get; set; }

    /// <summary>The link of a way, source and destination as they are delivered; null: only the delay of the world.</summary>
    public Func<Endpoint, Endpoint, SimLink?>? Links { get; set; }

    /// <summary>Which ways are congested: what passes there as ECT(0), as all datagrams do, arrives as CE.</summary>
    public Func<Endpoint, Endpoint, bool>? Marks { get; set; }

    /// <summary>Who stands behind which NAT.</summary>
    public NatTopology Topology { get; } = new();

    /// <summary>Everything that crossed the network: source, destination, bytes.</summary>
    public Action<Endpoint, Endpoint, byte[]>? Tap { get; set; }

    public IEnumerable<SimNode> Nodes => _nodes.Values;

    public SimNode Add(string name, string endpoint, bool relay = false, bool exit = false)
    {
        var node = new SimNode(this, name, Endpoint.Parse(endpoint), relay, exit);
        _nodes[node.Endpoint] = node;
        return node;
    }

    /// <summary>Something on the network that is no node of ours: it gets what is sent to its endpoint, and who sent it.</summary>
    public void Listen(Endpoint endpoint, Action<byte[], Endpoint> receive) => _strangers[endpoint] = receive;

    /// <summary>Who takes TCP, where.</summary>
    public Dictionary<Endpoint, SimNode> TcpServers { get; } = [];

    /// <summary>What it takes until a TCP connection stands, with TLS; null: two round trips.</summary>
    public TimeSpan? DialTime { get; set; }

    /// <summary>TCP connections that were made.</summary>
    public int Connections { get; private set; }

    /// <summary>A connection: each end has an endpoint that stands for it, and what is sent there arrives from that of the other end.</summary>
    public void Dial(SimNode node, Endpoint far) => At(Now + (DialTime ?? 4 * Delay), () =>
    {
        if (!TcpServers.TryGetValue(far, out var server) || !IsAlive(server))
        {
            node.Do(() => node.Node.Tcp.Failed(far, Now));
            return;
        }
        var (here, there) = (TcpEndpoint.Make(far.Address, Random.NextUInt64()), TcpEndpoint.Make(node.Endpoint.Address, Random.NextUInt64()));
        Listen(here, (datagram, _) => server.Receive(datagram, there));
        Listen(there, (datagram, _) => node.Receive(datagram, here));
        Connections++;
        node.Do(() => node.Node.Tcp.Connected(far, here, Now));
    });

    /// <summary>A node that answers nothing any more.</summary>
    public void Kill(SimNode node) => _nodes.Remove(node.Endpoint);

    public void Revive(SimNode node) => _nodes[node.Endpoint] = node;

    /// <summary>The node's program starts again, with its keys and with nothing else.</summary>
    public SimNode Restart(SimNode node)
    {
        var options = node.Node.Relay.Options;
        return _nodes[node.Endpoint] = new SimNode(this, node.Name, node.Endpoint, options.IsRelay, options.IsExit, node);
    }

    /// <summary>The node's address changes, as by another network or a new mapping of its NAT.</summary>
    public void Move(SimNode node, string endpoint)
    {
        _nodes.Remove(node.Endpoint);
        node.Endpoint = Endpoint.Parse(endpoint);
        _nodes[node.Endpoint] = node;
    }

    /// <summary>For so long the node neither hears nor is woken; what was due comes late.</summary>
    public void Sleep(SimNode node, TimeSpan time)
    {
        Kill(node);
        Run(time);
        Revive(node);
    }

    public bool IsAlive(SimNode node) => _nodes.GetValueOrDefault(node.Endpoint) == node;

    public void Send(Endpoint from, Endpoint to, byte[] datagram, Ecn ecn = Ecn.NotCapable)
    {
        if (Marks?.Invoke(from, to) == true)
            ecn = Ecn.Congestion;
        Tap?.Invoke(from, to, datagram);
        if (Cut?.Invoke(from, to) == true || !Topology.TryRoute(from, to, Now, out from, out to) || (Loss > 0 && Random.NextDouble() < Loss))
            return;
        if (Errors > 0 && Random.NextDouble() < Errors)
            datagram[Random.NextInt(datagram.Length)] ^= (byte)(1 << Random.NextInt(8));
        Deliver(from, to, datagram, ecn);
        if (Duplicates > 0 && Random.NextDouble() < Duplicates)
            Deliver(from, to, datagram, ecn);
    }

    void Deliver(Endpoint from, Endpoint to, byte[] datagram, Ecn ecn)
    {
        var arrives = Now + Delay + (Jitter > TimeSpan.Zero ? Random.NextTime(Jitter) : default);
        if (Links?.Invoke(from, to) is not { } link || link.TryTake(datagram.Length, Now, out arrives))
            At(arrives, () => Arrive(from, to, datagram, ecn));
    }

    void Arrive(Endpoint from, Endpoint to, byte[] datagram, Ecn ecn)
    {
        if (_nodes.TryGetValue(to, out var node))
            node.Receive(datagram, from, ecn);
        else if (_strangers.TryGetValue(to, out var receive))
            receive(datagram, from);
    }

    public void At(Instant when, Action action) => _events.Enqueue(action, (when.Ticks, _order++));

    public void Run(TimeSpan time)
    {
        var end = Now + time;
        while (Step(end))
        {
        }
        Now = end;
    }

    /// <summary>Runs until the condition holds. Fails after <paramref name="limit"/> of virtual time.</summary>
    public void RunUntil(Func<bool> condition, TimeSpan limit)
    {
        var end = Now + limit;
        while (!condition())
            Assert.True(Step(end), $"Did not happen within {limit} (seed {seed}).");
    }

    bool Step(Instant end)
    {
        var due = Instant.Never;
        SimNode? next = null;
        foreach (var node in _nodes.Values)
            if (node.NextTimeout < due)
                (due, next) = (node.NextTimeout, node);
        if (_events.TryPeek(out _, out var first) && first.Item1 <= due.Ticks)
        {
            if (first.Item1 > end.Ticks)
                return false;
            Now = Instant.Max(Now, new Instant(first.Item1));
            _events.Dequeue()();
            return true;
        }
        if (next is null || due > end)
            return false;
        Now = Instant.Max(Now, due);
        next.HandleTimeout();
        return true;
    }
}
