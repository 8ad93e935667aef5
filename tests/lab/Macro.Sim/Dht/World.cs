using System.Runtime.InteropServices;
using Macro.Core;
using Macro.Dht;
using Macro.Simulation;

namespace Macro.Sim;

/// <summary>
/// A network of DHT nodes in virtual time, from a seed: datagrams take a delay that belongs to the pair of nodes, and some
/// get lost. One thread and one outbox serve all nodes.
/// </summary>
sealed class World(ulong seed)
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_800_000_000);

    readonly Agenda<Step> _agenda = new();
    readonly Dictionary<Endpoint, WorldNode> _byEndpoint = [];
    readonly List<WorldNode> _nodes = [];
    readonly Dictionary<Endpoint, Liar> _liars = [];
    readonly Stack<byte[]> _buffers = new();
    readonly Outbox _outbox = new(1 << 18, 4096);

    public SeededRandom Random { get; } = new(seed);

    public Instant Now { get; private set; } = s_start;

    /// <summary>Of a datagram, one way.</summary>
    public double Loss { get; set; }

    /// <summary>Least and most one-way delay.</summary>
    public (TimeSpan Least, TimeSpan Most) Delay { get; set; } = (TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(75));

    public long Datagrams { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>Datagrams that reached nobody.</summary>
    public long Unanswered { get; private set; }

    /// <summary>Those that are up.</summary>
    public IReadOnlyList<WorldNode> Nodes => _nodes;

    public TimeSpan Elapsed => Now - s_start;

    /// <summary>A public address that no other node has, as a rule alone in its /24.</summary>
    public Endpoint NewEndpoint(bool v4 = true)
    {
        while (true)
        {
            var address = v4
                ? IpAddress.FromV4(Random.NextUInt32())
                : new IpAddress(((UInt128)(0x2a00000000000000UL | (Random.NextUInt64() >> 8)) << 64) | Random.NextUInt64());
            var endpoint = new Endpoint(address, 6881);
            if (AddressScope.IsPublic(address) && !_byEndpoint.ContainsKey(endpoint))
                return endpoint;
        }
    }

    public WorldNode Add(DhtOptions? options = null, Endpoint? at = null, byte[]? saved = null)
    {
        var endpoint = at ?? NewEndpoint();
        options ??= new DhtOptions();
        var node = new WorldNode(endpoint, new DhtNode(
            options with { V4 = endpoint.Address.IsV4, V6 = endpoint.Address.IsV6 }, Random, _outbox, Now));
        if (saved is not null && !node.Dht.TryLoad(saved, Now))
            throw new ArgumentException("These are no saved nodes.", nameof(saved));
        node.Place = _nodes.Count;
        _nodes.Add(node);
        _byEndpoint.Add(endpoint, node);
        Wake(node);
        return node;
    }

    /// <summary>Adds nodes that know some of those before them, so many a second.</summary>
    public List<WorldNode> Grow(int count, double perSecond = 100, DhtOptions? options = null)
    {
        var grown = new List<WorldNode>(count);
        for (var i = 0; i < count; i++)
        {
            grown.Add(Add((options ?? new DhtOptions()) with { Bootstrap = Some(4) }));
            Run(TimeSpan.FromSeconds(1 / perSecond));
        }
        return grown;
    }

    /// <summary>Grows from nothing, twice as large every ten seconds: so the first are not drowned.</summary>
    public void GrowTo(int size, DhtOptions? options = null)
    {
        Grow(Math.Min(size, 100), perSecond: 50, options);
        while (_nodes.Count < size)
            Grow(Math.Min(size - _nodes.Count, _nodes.Count), _nodes.Count / 10.0, options);
    }

    /// <summary>Endpoints of nodes that are up, at random.</summary>
    public Endpoint[] Some(int count) =>
        [.. Enumerable.Range(0, Math.Min(count, _nodes.Count)).Select(_ => Any().Endpoint).Distinct()];

    /// <summary>Is there a node?</summary>
    public bool Has(Endpoint endpoint) => _byEndpoint.ContainsKey(endpoint);

    /// <summary>The nodes that are closest to a target, as nobody in the network can know it.</summary>
    public IReadOnlyList<WorldNode> ClosestTo(Id160 target, int count) => [.. _nodes.OrderBy(node => node.State.Id ^ target).Take(count)];

    public WorldNode Any() => _nodes[Random.NextInt(_nodes.Count)];

    /// <summary>One that knows enough others.</summary>
    public WorldNode AnySettled()
    {
        while (true)
        {
            var node = Any();
            if (node.State.Contacts >= Bucket.Size)
                return node;
        }
    }

    public void Remove(WorldNode node)
    {
        if (!node.Up)
            return;
        node.Up = false;
        _byEndpoint.Remove(node.Endpoint);
        var last = _nodes[^1];
        (_nodes[node.Place], last.Place) = (last, node.Place);
        _nodes.RemoveAt(_nodes.Count - 1);
    }

    /// <summary>Adds somebody who does not play by the rules, and makes him known to some nodes.</summary>
    public void Add(Liar liar, IEnumerable<Endpoint> known)
    {
        _liars.Add(liar.Endpoint, liar);
        foreach (var endpoint in known)
            Post(liar.Hello(), liar.Endpoint, endpoint);
    }

    /// <summary>Sends a datagram as from any address.</summary>
    public void Post(ReadOnlySpan<byte> bytes, Endpoint from, Endpoint to)
    {
        Datagrams++;
        Bytes += bytes.Length;
        if (Loss > 0 && Random.NextDouble() < Loss)
            return;
        // The delay belongs to the pair, with a tenth of jitter.
        var pair = (double)((uint)HashCode(from, to) / (double)uint.MaxValue);
        var delay = Delay.Least + (Delay.Most - Delay.Least) * pair * (0.95 + 0.1 * Random.NextDouble());
        if (!_buffers.TryPop(out var buffer))
            buffer = new byte[DhtNode.MaxDatagram];
        bytes.CopyTo(buffer);
        _agenda.Add(new Step(null, buffer, bytes.Length, from, to), Now + delay);

        static int HashCode(Endpoint a, Endpoint b)
        {
            var mixed = (ulong)(a.Address.Bits ^ b.Address.Bits) * 0x9e3779b97f4a7c15;
            return (int)(mixed >> 32);
        }
    }

    public void Run(TimeSpan time) => RunUntil(Now + time);

    public void RunUntil(Instant end)
    {
        while (_agenda.Next <= end)
            StepOnce();
        Now = end;
    }

    /// <summary>Runs until the operation is over.</summary>
    public T Await<T>(WorldNode node, Func<DhtNode, Instant, int> start) where T : OperationEvent =>
        Await<T>([(node, Do(node, start))])[0];

    /// <summary>Runs until all of these operations are over.</summary>
    public T[] Await<T>(IReadOnlyList<(WorldNode Node, int Number)> operations) where T : OperationEvent
    {
        var results = new T[operations.Count];
        var deadline = Now + TimeSpan.FromMinutes(2);
        for (var i = 0; i < results.Length; i++)
        {
            var (node, number) = operations[i];
            while (!TryTake(node, number, out results[i]))
            {
                if (Now >= deadline)
                    throw new TimeoutException($"{typeof(T).Name} did not come.");
                for (var seen = node.Events.Count; node.Events.Count == seen && Now < deadline;)
                    StepOnce();
            }
        }
        return results;
    }

    /// <summary>All peers that a search for them tells of.</summary>
    public IReadOnlyList<Endpoint> FindPeers(WorldNode node, Id160 infoHash)
    {
        node.Events.Clear();
        var number = Do(node, (dht, now) => dht.GetPeers(infoHash, now));
        while (!node.Events.Exists(happened => happened is PeersEnded ended && ended.Operation == number))
            StepOnce();
        return [.. node.Events.OfType<PeersFound>().Where(found => found.Operation == number).SelectMany(found => found.Peers)];
    }

    /// <summary>Takes the result of an operation, and with it everything else that was told of it.</summary>
    static bool TryTake<T>(WorldNode node, int number, out T result) where T : OperationEvent
    {
        result = (T?)node.Events.Find(happened => happened is T of && of.Operation == number)!;
        if (result is null)
            return false;
        node.Events.RemoveAll(happened => happened is OperationEvent of && of.Operation == number);
        return true;
    }

    public int Do(WorldNode node, Func<DhtNode, Instant, int> start)
    {
        var number = start(node.Dht, Now);
        Flush(node);
        return number;
    }

    void StepOnce()
    {
        if (_agenda.Count == 0)
        {
            Now += TimeSpan.FromSeconds(1);
            return;
        }
        var step = _agenda.Take(out var when);
        Now = Instant.Max(Now, when);
        if (step.Buffer is { } buffer)
        {
            Deliver(buffer.AsSpan(0, step.Length), step.From, step.To);
            _buffers.Push(buffer);
        }
        else if (step.Node is { Up: true } node && node.WakeAt == when)
        {
            node.WakeAt = Instant.Never;
            node.Dht.HandleTimeout(Now);
            Flush(node);
        }
    }

    void Deliver(ReadOnlySpan<byte> datagram, Endpoint from, Endpoint to)
    {
        if (_byEndpoint.TryGetValue(to, out var receiver))
        {
            receiver.Dht.Receive(datagram, from, Now);
            Flush(receiver);
        }
        else if (!_liars.TryGetValue(to, out var liar))
            Unanswered++;
        else if (liar.Answer(datagram, from) is { IsEmpty: false } answer)
            Post(answer, liar.Endpoint, from);
    }

    void Flush(WorldNode node)
    {
        for (var i = 0; i < _outbox.Batch.Count; i++)
            Post(_outbox.Batch.Bytes(i), node.Endpoint, _outbox.Batch[i].Remote);
        _outbox.Batch.Clear();
        while (node.Dht.TryTakeEvent(out var happened))
            if (happened is OperationEvent or AddressLearned)
                node.Events.Add(happened);
        Wake(node);
    }

    void Wake(WorldNode node)
    {
        var when = Instant.Max(node.Dht.NextTimeout, Now);
        if (when >= node.WakeAt)
            return;
        node.WakeAt = when;
        _agenda.Add(new Step(node, null, 0, default, default), when);
    }

    /// <summary>A datagram that arrives, or a node that wakes.</summary>
    [StructLayout(LayoutKind.Auto)]
    readonly record struct Step(WorldNode? Node, byte[]? Buffer, int Length, Endpoint From, Endpoint To);
}

sealed class WorldNode(Endpoint endpoint, DhtNode dht)
{
    public Endpoint Endpoint { get; } = endpoint;

    public DhtNode Dht { get; } = dht;

    public List<DhtEvent> Events { get; } = new(0);

    public bool Up { get; set; } = true;

    /// <summary>In the list of the world.</summary>
    public int Place { get; set; }

    public Instant WakeAt { get; set; } = Instant.Never;

    public NetworkState State => Dht.State(Endpoint.Address.IsV4)!;
}
