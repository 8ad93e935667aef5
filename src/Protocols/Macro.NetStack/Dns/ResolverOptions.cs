using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>How a resolver asks, and what it may hold at once.</summary>
public sealed record ResolverOptions
{
    /// <summary>Whom to ask, 1..8; those that answer well are asked first.</summary>
    public required IReadOnlyList<Endpoint> Upstreams { get; init; }

    /// <summary>The upstreams take messages in streams only (DoT, DoH): no datagram is tried. Default false.</summary>
    public bool StreamsOnly { get; init; }

    /// <summary>Queries are padded to a multiple of this many bytes, 0..468; 0: not. For encrypted upstreams 128 (RFC 8467 4.1). Default 0.</summary>
    public int PaddingBlock { get; init; }

    /// <summary>Questions that wait for an upstream at once, 1..65536; more are refused with SERVFAIL. Default 512.</summary>
    public int MaxPending { get; init; } = 512;

    /// <summary>Clients that wait for one of them, 1..65536; more are refused with SERVFAIL. Default 32.</summary>
    public int MaxWaiting { get; init; } = 32;

    /// <summary>Until a datagram is sent again, before the upstream's round trip is known, 100 ms..5 s; doubles each time. Default 1 s.</summary>
    public TimeSpan FirstTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>For one exchange in a stream, with its opening. Default 3 s.</summary>
    public TimeSpan StreamTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>After this a question has failed; default 6 s.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>After this those who wait get the stale answer, if there is one (RFC 8767 5: 1.8 s).</summary>
    public TimeSpan StaleAfter { get; init; } = TimeSpan.FromMilliseconds(1800);

    /// <summary>What the cache keeps.</summary>
    public AnswerLimits Limits { get; init; } = new();

    /// <summary>Addresses that no answer may hold; null: none are.</summary>
    public Func<IpAddress, bool>? IsDenied { get; init; }

    /// <summary>The user's rule for names; null: every name that is not special is resolved.</summary>
    public NameRule? Rule { get; init; }
}

/// <summary>What a resolver has seen since it was made.</summary>
public sealed class ResolverCounters
{
    public long Questions { get; internal set; }
    public long Malformed { get; internal set; }
    public long Local { get; internal set; }
    public long Hits { get; internal set; }
    public long StaleAnswers { get; internal set; }
    public long Joined { get; internal set; }
    public long Prefetches { get; internal set; }
    public long UpstreamQueries { get; internal set; }
    public long StreamFallbacks { get; internal set; }

    /// <summary>Messages that came where an answer was awaited and were none: wrong source, id, question or case.</summary>
    public long Mismatches { get; internal set; }

    public long Failures { get; internal set; }
    public long Refused { get; internal set; }
}

/// <summary>What <see cref="Resolver.Ask"/> made of a query.</summary>
public enum AskVerdict
{
    /// <summary>The answer is in the buffer.</summary>
    Answered,

    /// <summary>It comes later as <see cref="ResolverAction.Answer"/>.</summary>
    Pending,

    /// <summary>Nothing is to be said: not a query, or too short to be answered.</summary>
    Ignored,
}

/// <summary>What the shell has to do for a resolver.</summary>
public enum ResolverAction
{
    /// <summary>
    /// Send the message as a datagram to the upstream, from a socket with a random port that belongs to this exchange
    /// alone; the same exchange again: send again from the same socket.
    /// </summary>
    SendDatagram,

    /// <summary>Send the message through a stream to the upstream; the datagram socket of the exchange may be closed.</summary>
    SendStream,

    /// <summary>The exchange is over: close its socket or stream.</summary>
    End,

    /// <summary>The message is the answer for a client that was told <see cref="AskVerdict.Pending"/>.</summary>
    Answer,
}

/// <summary>One thing to do.</summary>
/// <param name="Exchange">Number of the exchange with an upstream; never used again.</param>
/// <param name="Upstream">One of <see cref="ResolverOptions.Upstreams"/>.</param>
/// <param name="Client">What the client's query was asked with.</param>
public readonly record struct ResolverOutput(ResolverAction Action, long Exchange, Endpoint Upstream, byte[] Message, object? Client);
