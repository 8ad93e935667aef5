using Macro.Circuits;
using Macro.Core;
using Macro.Linux;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>How the client resolves names.</summary>
public sealed record ClientResolverOptions
{
    /// <summary>Where it listens, UDP and TCP. Default nowhere: it only serves the proxy.</summary>
    public IReadOnlyList<Endpoint> Listen { get; init; } = [];

    /// <summary>Whom it asks, through the circuit. Default the exit's resolver.</summary>
    public DnsUpstream Upstream { get; init; } = DnsUpstream.Exit;

    /// <summary>The user's rule for names; null: none.</summary>
    public NameRule? Rule { get; init; }

    /// <summary>Isolation keys whose answers are kept at once, 1..4096; the longest unused is forgotten. Default 256.</summary>
    public int MaxKeys { get; init; } = 256;

    /// <summary>Bytes of kept answers for each key. Default 4 MiB.</summary>
    public int BytesPerKey { get; init; } = 4 << 20;
}

/// <summary>
/// The client's resolver: for programs that speak DNS, and for the proxy. Each isolation key has its own cache and asks
/// through its own circuit, so nothing learned under one key can be seen under another. Programs that speak DNS share
/// the default key. It never sends anything but into a circuit. Lives in a <see cref="StackLoop"/>.
/// </summary>
public sealed class ClientResolver : INameResolver, IQuestionServer, IDisposable
{
    /// <summary>Where every exit has its resolver.</summary>
    public static readonly Endpoint ExitEndpoint = Endpoint.Parse("100.64.0.53:53");

    /// <summary>Who waits for one question: as many as the proxy has connections, for they may all want the same name.</summary>
    const int MaxWaiting = 4096;

    readonly StackLoop _loop;
    readonly ICircuitEnds _circuits;
    readonly ClientResolverOptions _options;
    readonly IRandom _random;
    readonly List<SocketListener> _listeners = [];
    readonly Dictionary<IsolationKey, LinkedListNode<Partition>> _partitions = [];
    readonly LinkedList<Partition> _byUse = new();

    sealed record Partition(IsolationKey Key, LoopResolver Resolver);

    ClientResolver(StackLoop loop, ICircuitEnds circuits, ClientResolverOptions options, IRandom random) =>
        (_loop, _circuits, _options, _random) = (loop, circuits, options, random);

    /// <summary>Begins to listen. Any thread.</summary>
    /// <exception cref="LinuxException">A port is taken, or the kernel refused.</exception>
    public static ClientResolver Start(StackLoop loop, ICircuitEnds circuits, ClientResolverOptions options, IRandom random)
    {
        var resolver = new ClientResolver(loop, circuits, options, random);
        loop.Enter(() => resolver.Listen());
        return resolver;
    }

    /// <summary>Where it listens; the ports that were taken for port 0.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; private set; } = [];

    /// <summary>Of the default key, for whoever wants to see how it goes. Under the loop's lock.</summary>
    public ResolverCounters Counters => Find(IsolationKey.Shared).Resolver.Counters;

    public void Resolve(HostedStack stack, IsolationKey key, string name, INameWaiter waiter)
    {
        var resolver = Find(key).Resolver;
        resolver.Use(stack);
        NameLookup.Start(resolver, name, _random, waiter);
    }

    /// <summary>Stops to listen, and answers those who wait that it failed. Any thread.</summary>
    public void Dispose() => _loop.Enter(() =>
    {
        foreach (var listener in _listeners)
            listener.Dispose();
        foreach (var partition in _byUse)
            partition.Resolver.Close();
        _byUse.Clear();
        _partitions.Clear();
    });

    AskVerdict IQuestionServer.Ask(Endpoint client, ReadOnlySpan<byte> query, Carrier carrier, IAnswerTaker taker, Span<byte> room, out int length) =>
        Find(IsolationKey.Shared).Resolver.Ask(query, carrier, taker, room, out length);

    void Listen()
    {
        try
        {
            foreach (var endpoint in _options.Listen)
                _listeners.Add(SocketListener.Open(_loop, this, endpoint));
        }
        catch
        {
            foreach (var listener in _listeners)
                listener.Dispose();
            throw;
        }
        Endpoints = [.. _listeners.Select(listener => listener.Endpoint)];
    }

    Partition Find(IsolationKey key)
    {
        if (_partitions.TryGetValue(key, out var node))
        {
            _byUse.Remove(node);
            _byUse.AddLast(node);
            return node.Value;
        }
        if (_partitions.Count == _options.MaxKeys)
            Forget();
        var link = _options.Upstream.MakeLink(_loop, _circuits, key, _random);
        var resolver = new LoopResolver(_loop, _options.Upstream.Configure(new ResolverOptions
        {
            Upstreams = [ExitEndpoint],
            Rule = _options.Rule,
            MaxWaiting = MaxWaiting,
            Limits = new AnswerLimits { Bytes = _options.BytesPerKey },
        }), link, _random);
        _partitions[key] = _byUse.AddLast(new Partition(key, resolver));
        return _byUse.Last!.Value;
    }

    void Forget()
    {
        // The default key is everybody's who has none.
        for (var node = _byUse.First; node is not null; node = node.Next)
            if (node.Value.Key != IsolationKey.Shared)
            {
                node.Value.Resolver.Close();
                _partitions.Remove(node.Value.Key);
                _byUse.Remove(node);
                return;
            }
    }
}
