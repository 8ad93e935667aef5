using Macro.Circuits;
using Macro.Core;
using Macro.Linux;

namespace Macro.UserMode;

/// <summary>Totals of a proxy since its start; nothing in them tells who or where to.</summary>
public readonly record struct ProxyCounters
{
    /// <summary>Connections of clients that were taken.</summary>
    public long Accepted { get; init; }

    /// <summary>Connections that were closed at once: a client that may not, or one too many.</summary>
    public long TurnedAway { get; init; }

    /// <summary>Connections that had asked for nothing yet and gave way to newer ones, because there were too many.</summary>
    public long Displaced { get; init; }

    /// <summary>Requests that were answered with a failure.</summary>
    public long Refused { get; init; }

    /// <summary>Connections of clients, as it is now.</summary>
    public int Open { get; init; }

    /// <summary>UDP associations, as it is now.</summary>
    public int Associations { get; init; }

    /// <summary>Bytes from clients into circuits, of connections that have ended.</summary>
    public long BytesUp { get; init; }

    /// <summary>Bytes from circuits to clients, of connections that have ended.</summary>
    public long BytesDown { get; init; }
}

/// <summary>
/// The proxy of the client: SOCKS5, SOCKS4a and HTTP on one port, told apart by the first byte. The isolation key is the user name with
/// the exits that are chosen for it or for the site: connections of different keys never share a circuit, nor a line of the DNS cache.
/// </summary>
public sealed class ProxyServer : IDisposable, ILoopTimer
{
    /// <summary>How long to wait when the process has run out of descriptors: no readiness tells when it has some again.</summary>
    static readonly TimeSpan s_retryAccept = TimeSpan.FromMilliseconds(100);

    const int AcceptsPerTurn = 64;

    readonly List<StreamListener> _listeners = [];
    readonly HashSet<ProxySession> _sessions = [];

    // Those that have not asked for anything yet, or were refused: the one that came first stands first.
    readonly LinkedList<ProxySession> _idle = new();
    readonly HashSet<UdpAssociation> _associations = [];
    readonly HashSet<Client> _clients = [];
    readonly Dictionary<IpAddress, int> _bySource = [];
    readonly PrefixTrie<object> _allowed = new();
    readonly byte[] _scratch = GC.AllocateUninitializedArray<byte>(65536);
    ProxyCounters _counters;
    int _open;
    bool _disposed;

    ProxyServer(StackLoop loop, ICircuitEnds circuits, INameResolver names, ProxyOptions options)
    {
        (Loop, Circuits, Names, Options) = (loop, circuits, names, options);
        foreach (var prefix in options.Clients)
            _allowed.Set(prefix, this);
    }

    internal StackLoop Loop { get; }

    internal ICircuitEnds Circuits { get; }

    internal INameResolver Names { get; }

    internal ProxyOptions Options { get; }

    /// <summary>For one datagram, within one call.</summary>
    internal Span<byte> Scratch => _scratch;

    /// <param name="site">The name that is asked for; null: an address, or none yet.</param>
    internal IsolationKey KeyOf(string user, string? site) => IsolationKey.Named(user) with { ExitRegion = ExitChoice.For(user, site, Options.Exits) };

    internal bool MayAssociate => _associations.Count < Options.MaxAssociations;

    int IDeadline.Place { get; set; }

    /// <summary>Where it listens, with the ports that were free.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; private set; } = [];

    /// <summary>As they stand. Any thread; a moment's wait for the loop.</summary>
    public ProxyCounters Counters
    {
        get
        {
            ProxyCounters counters = default;
            Loop.Enter(() => counters = _counters with { Open = _open, Associations = _associations.Count });
            return counters;
        }
    }

    /// <summary>Listens and serves from now on. Any thread.</summary>
    /// <exception cref="LinuxException">A port is taken, or the kernel refused.</exception>
    public static ProxyServer Start(StackLoop loop, ICircuitEnds circuits, INameResolver names, ProxyOptions options)
    {
        ArgumentNullException.ThrowIfNull(loop);
        ArgumentNullException.ThrowIfNull(options);
        var server = new ProxyServer(loop, circuits, names, options);
        try
        {
            loop.Enter(server.Listen);
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Closes the ports and every connection. Any thread.</summary>
    public void Dispose() => Loop.Enter(() =>
    {
        if (_disposed)
            return;
        _disposed = true;
        Loop.SetTimer(this, Instant.Never);
        foreach (var listener in _listeners)
            listener.Dispose();
        foreach (var session in _sessions.ToArray())
            session.Break();
        foreach (var association in _associations.ToArray())
            association.End();
        foreach (var client in _clients.ToArray())
            client.Splice?.Abort();
    });

    void ILoopTimer.HandleTimeout(Instant now) => Accept();

    /// <summary>Counts a client whose bytes pass from now on.</summary>
    internal ISpliceOwner Enter(IpAddress source)
    {
        var client = new Client(this, source);
        _clients.Add(client);
        Count(source);
        return client;
    }

    internal void Enter(UdpAssociation association)
    {
        _associations.Add(association);
        Count(association.Source);
    }

    /// <summary>A client has nothing to lose from now on: it gives way when there are too many.</summary>
    internal void Enter(LinkedListNode<ProxySession> idle) => _idle.AddLast(idle);

    /// <summary>A client has asked for something, or is gone.</summary>
    internal void Leave(LinkedListNode<ProxySession> idle)
    {
        if (idle.List is not null)
            _idle.Remove(idle);
    }

    internal void Leave(ProxySession session)
    {
        if (_sessions.Remove(session))
            Uncount(session.Source);
    }

    internal void Leave(UdpAssociation association)
    {
        if (_associations.Remove(association))
            Uncount(association.Source);
    }

    internal void CountRefusal() => _counters = _counters with { Refused = _counters.Refused + 1 };

    void Listen()
    {
        foreach (var endpoint in Options.Listen)
        {
            // Both families on one port, also when it is any free one.
            var port = endpoint.Port == 0 && _listeners.Count > 0 ? _listeners[0].Local.Port : endpoint.Port;
            var listener = StreamListener.Listen(endpoint with { Port = port }, new SocketOptions { Mark = Options.Mark });
            _listeners.Add(listener);
            if (!Loop.Reactor.TryWatch(listener, new Acceptor(this)))
                throw new LinuxException($"watch the port at {endpoint}");
        }
        Endpoints = [.. _listeners.Select(listener => listener.Local)];
    }

    void Accept()
    {
        foreach (var listener in _listeners)
            Accept(listener);
    }

    void Accept(StreamListener listener)
    {
        for (var accepted = 0; !_disposed; accepted++)
        {
            if (accepted == AcceptsPerTurn)
            {
                Loop.SetTimer(this, Loop.Now);
                return;
            }
            var status = listener.TryAccept(out var socket);
            if (status == SocketStatus.WouldBlock)
                return;
            if (status != SocketStatus.Ok)
            {
                Loop.SetTimer(this, Loop.Now + s_retryAccept);
                return;
            }
            Take(socket);
        }
    }

    void Take(StreamSocket socket)
    {
        var source = socket.Remote.Address;
        if (_allowed.Find(source) is null || !MakeRoom(source))
        {
            _counters = _counters with { TurnedAway = _counters.TurnedAway + 1 };
            socket.Abort();
            return;
        }
        _counters = _counters with { Accepted = _counters.Accepted + 1 };
        var session = new ProxySession(this, socket);
        _sessions.Add(session);
        Count(source);
        session.Start();
    }

    /// <summary>
    /// Whoever opens connections and says nothing on them keeps nobody out: the oldest of those gives way. False: all that
    /// there may be are in use.
    /// </summary>
    bool MakeRoom(IpAddress source)
    {
        if (_bySource.GetValueOrDefault(source) >= Options.MaxConnectionsPerSource)
            return Displace(source);
        return _open < Options.MaxConnections || Displace(null);
    }

    bool Displace(IpAddress? source)
    {
        for (var node = _idle.First; node is not null; node = node.Next)
        {
            if (source is not null && node.Value.Source != source)
                continue;
            node.Value.Break();
            _counters = _counters with { Displaced = _counters.Displaced + 1 };
            return true;
        }
        return false;
    }

    void Count(IpAddress source)
    {
        _open++;
        _bySource[source] = _bySource.GetValueOrDefault(source) + 1;
    }

    void Uncount(IpAddress source)
    {
        _open--;
        var left = _bySource[source] - 1;
        if (left == 0)
            _bySource.Remove(source);
        else
            _bySource[source] = left;
    }

    sealed class Acceptor(ProxyServer server) : IReactive
    {
        public void HandleReady(Readiness ready) => server.Accept();
    }

    /// <summary>A client whose bytes pass.</summary>
    sealed class Client(ProxyServer server, IpAddress source) : ISpliceOwner
    {
        internal Splice? Splice { get; private set; }

        public void HandleBegin(Splice splice) => Splice = splice;

        public void HandleEnd(Splice splice, SpliceEnd end)
        {
            server._clients.Remove(this);
            server.Uncount(source);
            ref var counters = ref server._counters;
            counters = counters with { BytesUp = counters.BytesUp + splice.BytesUp, BytesDown = counters.BytesDown + splice.BytesDown };
        }
    }
}
