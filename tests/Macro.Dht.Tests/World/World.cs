using Macro.Core;
using Macro.Simulation;

namespace Macro.Dht.Tests;

/// <summary>
/// A network of DHT nodes in virtual time, from a seed: datagrams take a delay that belongs to the pair of nodes, and some
/// get lost. One thread and one outbox serve all nodes.
/// </summary>
sealed class World
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_800_000_000);

    readonly PriorityQueue<Step, (long, long)> _steps = new();
    readonly Dictionary<Endpoint, WorldNode> _nodes = [];
    readonly Dictionary<Endpoint, Liar> _liars = [];
    readonly List<Liar> _gang = [];
    readonly Outbox _outbox = new(1 << 18, 4096);
    long _sequence;

    public World(ulong seed) => Random = new SeededRandom(seed);

    public SeededRandom Random { get; }

    public Instant Now { get; private set; } = s_start;

    /// <summary>Of a datagram, one way.</summary>
    public double Loss { get; set; }

    /// <summary>Least and most one-way delay.</summary>
    public (TimeSpan Least, TimeSpan Most) Delay { get; set; } = (TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(75));

    public long Datagrams { get; private set; }

    public IReadOnlyCollection<WorldNode> Nodes => _nodes.Values;

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
            if (AddressScope.IsPublic(address) && !_nodes.ContainsKey(endpoint))
                return endpoint;
        }
    }

    public WorldNode Add(DhtOptions? options = null, Endpoint? at = null, byte[]? saved = null)
    {
        var endpoint = at ?? NewEndpoint();
        options ??= new DhtOptions();
        var node = new WorldNode(endpoint, new DhtNode(
            options with { V4 = endpoint.Address.IsV4, V6 = endpoint.Address.IsV6 }, Random, _outbox, Now));
        if (saved is not null)
            Assert.True(node.Dht.TryLoad(saved, Now));
        _nodes.Add(endpoint, node);
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

    /// <summary>Endpoints of nodes that are up, at random.</summary>
    public Endpoint[] Some(int count)
    {
        var all = _nodes.Keys.ToArray();
        return [.. Enumerable.Range(0, Math.Min(count, all.Length)).Select(_ => all[Random.NextInt(all.Length)]).Distinct()];
    }

    public WorldNode Any() => _nodes.Values.ElementAt(Random.NextInt(_nodes.Count));

    public void Remove(WorldNode node)
    {
        node.Up = false;
        _nodes.Remove(node.Endpoint);
    }

    public void Run(TimeSpan time) => RunUntil(Now + time);

    public void RunUntil(Instant end)
    {
        while (_steps.TryPeek(out _, out var when) && when.Item1 <= end.Ticks)
            StepOnce();
        Now = end;
    }

    /// <summary>Runs until the operation is over.</summary>
    public T Await<T>(WorldNode node, Func<DhtNode, Instant, int> start) where T : OperationEvent
    {
        var number = Do(node, start);
        var deadline = Now + TimeSpan.FromMinutes(2);
        while (Now < deadline)
        {
            if (node.Events.OfType<T>().FirstOrDefault(happened => happened.Operation == number) is { } result)
            {
                node.Events.RemoveAll(happened => happened is OperationEvent { } of && of.Operation == number);
                return result;
            }
            StepOnce();
        }
        throw new TimeoutException($"{typeof(T).Name} did not come.");
    }

    public int Do(WorldNode node, Func<DhtNode, Instant, int> start)
    {
        var number = start(node.Dht, Now);
        Flush(node);
        return number;
    }

    /// <summary>Adds one of a gang of liars, which makes itself known to some nodes.</summary>
    public Liar AddLiar(Id160 id, IEnumerable<Endpoint> known)
    {
        var liar = new Liar(NewEndpoint(), id, _gang);
        _gang.Add(liar);
        _liars.Add(liar.Endpoint, liar);
        foreach (var endpoint in known)
            Post(liar.Hello(), liar.Endpoint, endpoint);
        return liar;
    }

    void StepOnce()
    {
        if (!_steps.TryDequeue(out var step, out var when))
        {
            Now += TimeSpan.FromSeconds(1);
            return;
        }
        Now = new Instant(Math.Max(Now.Ticks, when.Item1));
        if (step.Datagram is { } datagram)
        {
            if (_nodes.TryGetValue(step.To, out var receiver))
            {
                receiver.Dht.Receive(datagram, step.From, Now);
                Flush(receiver);
            }
            else if (_liars.TryGetValue(step.To, out var liar) && liar.Answer(datagram, step.From) is { IsEmpty: false } answer)
                Post(answer, liar.Endpoint, step.From);
        }
        else if (step.Node is { Up: true } node && node.WakeAt.Ticks == when.Item1)
        {
            node.WakeAt = Instant.Never;
            node.Dht.HandleTimeout(Now);
            Flush(node);
        }
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

    void Post(ReadOnlySpan<byte> bytes, Endpoint from, Endpoint to)
    {
        Datagrams++;
        if (Loss > 0 && Random.NextDouble() < Loss)
            return;
        // The delay belongs to the pair, with a tenth of jitter.
        var pair = (double)((uint)HashCode(from, to) / (double)uint.MaxValue);
        var delay = Delay.Least + (Delay.Most - Delay.Least) * pair * (0.95 + 0.1 * Random.NextDouble());
        _steps.Enqueue(new Step(null, bytes.ToArray(), from, to), ((Now + delay).Ticks, _sequence++));

        static int HashCode(Endpoint a, Endpoint b)
        {
            var mixed = (ulong)(a.Address.Bits ^ b.Address.Bits) * 0x9e3779b97f4a7c15;
            return (int)(mixed >> 32);
        }
    }

    void Wake(WorldNode node)
    {
        var when = Instant.Max(node.Dht.NextTimeout, Now);
        if (when >= node.WakeAt)
            return;
        node.WakeAt = when;
        _steps.Enqueue(new Step(node, null, default, default), (when.Ticks, _sequence++));
    }

    readonly record struct Step(WorldNode? Node, byte[]? Datagram, Endpoint From, Endpoint To);
}

sealed class WorldNode(Endpoint endpoint, DhtNode dht)
{
    public Endpoint Endpoint { get; } = endpoint;

    public DhtNode Dht { get; } = dht;

    public List<DhtEvent> Events { get; } = new(0);

    public bool Up { get; set; } = true;

    public Instant WakeAt { get; set; } = Instant.Never;

    public NetworkState State => Dht.State(Endpoint.Address.IsV4)!;
}
