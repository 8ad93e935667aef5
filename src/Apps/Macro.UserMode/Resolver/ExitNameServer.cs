using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>How an exit resolves names for its sessions.</summary>
public sealed record ExitNameServerOptions
{
    /// <summary>Where it answers, within the exit's stack.</summary>
    public IReadOnlyList<Endpoint> Listen { get; init; } = [Endpoint.Parse("100.64.0.53:53"), Endpoint.Parse("[fd6d:6163:726f::35]:53")];

    /// <summary>Whom it asks, 1..8.</summary>
    public required IReadOnlyList<Endpoint> Upstreams { get; init; }

    /// <summary>Addresses that the exit does not reach and so does not tell (DNS rebinding). Null: it tells all.</summary>
    public Func<IpAddress, bool>? IsDenied { get; init; }

    /// <summary>Firewall mark of its sockets; 0: none.</summary>
    public uint Mark { get; init; }

    /// <summary>Questions a second of one session that are asked upstream or answered, 1..100000. Default 100; twice as many at once.</summary>
    public int QuestionsPerSecond { get; init; } = 100;

    /// <summary>Questions of one session that wait at once. Default 64.</summary>
    public int MaxPending { get; init; } = 64;

    /// <summary>Queries of all sessions that are under way at once, each with a socket; more fail. Default 2048.</summary>
    public int MaxExchanges { get; init; } = 2048;

    /// <summary>Sessions whose answers are kept. Default 1024; the longest unused is forgotten.</summary>
    public int MaxSessions { get; init; } = 1024;

    /// <summary>Bytes of kept answers for one session. Default 128 KiB.</summary>
    public int BytesPerSession { get; init; } = 128 << 10;
}

/// <summary>
/// The resolver that an exit offers at 100.64.0.53 to its sessions. Each session has a cache of its own: in a shared one,
/// the time that an answer takes would tell one client what another asked (docs/decisions). Lives in a <see cref="StackLoop"/>.
/// </summary>
public sealed class ExitNameServer : IQuestionServer
{
    readonly HostedStack _stack;
    readonly Func<IpAddress, object?> _sessionOf;
    readonly ExitNameServerOptions _options;
    readonly IRandom _random;
    readonly Dictionary<object, LinkedListNode<Session>> _sessions = new(ReferenceEqualityComparer.Instance);
    readonly LinkedList<Session> _byUse = new();
    readonly ExchangeQuota _quota;

    sealed class Session(object identity, LoopResolver resolver)
    {
        public object Identity => identity;
        public LoopResolver Resolver => resolver;

        /// <summary>Questions that may still come at once; grows with time.</summary>
        public double Allowance { get; set; }

        public Instant AllowanceOf { get; set; }
    }

    ExitNameServer(HostedStack stack, Func<IpAddress, object?> sessionOf, ExitNameServerOptions options, IRandom random) =>
        (_stack, _sessionOf, _options, _random, _quota) = (stack, sessionOf, options, random, new ExchangeQuota(options.MaxExchanges));

    /// <summary>Answers at the stack from now on, until the stack is closed. Any thread.</summary>
    /// <param name="sessionOf">The session behind a source address, any object; null: none, and it is not answered. Any thread.</param>
    public static ExitNameServer Start(HostedStack stack, Func<IpAddress, object?> sessionOf, ExitNameServerOptions options, IRandom random)
    {
        ArgumentNullException.ThrowIfNull(stack);
        ArgumentNullException.ThrowIfNull(options);
        var resolver = new ExitNameServer(stack, sessionOf, options, random);
        stack.Loop.Enter(() =>
        {
            foreach (var endpoint in options.Listen)
                _ = new StackListener(stack, resolver, endpoint);
        });
        return resolver;
    }

    /// <summary>Queries that were dropped because their session asks too much. Under the loop's lock.</summary>
    public long RateLimited { get; private set; }

    /// <summary>Sessions whose answers are kept. Under the loop's lock.</summary>
    public int SessionCount => _sessions.Count;

    AskVerdict IQuestionServer.Ask(Endpoint client, ReadOnlySpan<byte> query, Carrier carrier, IAnswerTaker taker, Span<byte> room, out int length)
    {
        length = 0;
        if (_sessionOf(client.Address) is not { } identity)
            return AskVerdict.Ignored;
        var session = Find(identity);
        if (!TrySpend(session))
        {
            RateLimited++;
            return AskVerdict.Ignored;
        }
        return session.Resolver.Ask(query, carrier, taker, room, out length);
    }

    Session Find(object identity)
    {
        if (_sessions.TryGetValue(identity, out var node))
        {
            _byUse.Remove(node);
            _byUse.AddLast(node);
            return node.Value;
        }
        if (_sessions.Count == _options.MaxSessions && _byUse.First is { } oldest)
        {
            oldest.Value.Resolver.Close();
            _sessions.Remove(oldest.Value.Identity);
            _byUse.RemoveFirst();
        }
        var resolver = new LoopResolver(_stack.Loop, new ResolverOptions
        {
            Upstreams = _options.Upstreams,
            IsDenied = _options.IsDenied,
            MaxPending = _options.MaxPending,
            Limits = new AnswerLimits { Bytes = _options.BytesPerSession },
        }, new SocketLink(_stack.Loop, _options.Mark, _quota), _random);
        node = _byUse.AddLast(new Session(identity, resolver) { Allowance = 2 * _options.QuestionsPerSecond, AllowanceOf = _stack.Loop.Now });
        _sessions.Add(identity, node);
        return node.Value;
    }

    /// <summary>A token bucket: so many a second, and as many as in two seconds at once.</summary>
    bool TrySpend(Session session)
    {
        var now = _stack.Loop.Now;
        var grown = session.Allowance + (now - session.AllowanceOf).TotalSeconds * _options.QuestionsPerSecond;
        (session.Allowance, session.AllowanceOf) = (Math.Min(grown, 2 * _options.QuestionsPerSecond), now);
        if (session.Allowance < 1)
            return false;
        session.Allowance--;
        return true;
    }
}
