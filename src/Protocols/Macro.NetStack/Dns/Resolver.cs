using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>
/// A caching stub resolver for one isolation key, as a pure state machine: queries of clients in; answers, and queries to
/// upstreams out. The shell does what <see cref="TryTakeOutput"/> says, tells what came back, and calls
/// <see cref="HandleTimeout"/> at <see cref="NextTimeout"/>. Not thread-safe.
/// </summary>
/// <remarks>
/// Equal questions are asked once. An answer counts only if it comes to the exchange's own port from the upstream, with
/// the id and the question as it was sent to the letter; after a few that do not, the question goes through a stream.
/// </remarks>
public sealed partial class Resolver
{
    const int MaxMismatches = 8;
    const int HotAfterHits = 3;
    const uint StaleTtl = 30;
    static readonly TimeSpan RefreshPause = TimeSpan.FromSeconds(30);

    readonly ResolverOptions _options;
    readonly IRandom _random;
    readonly AnswerReader _reader;
    readonly UpstreamHealth[] _upstreams;
    readonly Dictionary<byte[], PendingQuestion> _pending = new(BytesComparer.Instance);
    readonly Dictionary<byte[], PendingQuestion>.AlternateLookup<ReadOnlySpan<byte>> _pendingByKey;
    readonly Dictionary<long, PendingQuestion> _exchanges = [];
    readonly Deadlines<PendingQuestion> _deadlines = new();
    readonly Queue<ResolverOutput> _outputs = new();
    long _lastExchange;

    public Resolver(ResolverOptions options, IRandom random)
    {
        ArgumentOutOfRangeException.ThrowIfZero(options.Upstreams.Count, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Upstreams.Count, 8, nameof(options));
        _options = options;
        _random = random;
        _reader = new AnswerReader(options.Limits, options.IsDenied);
        Cache = new AnswerCache(options.Limits);
        _upstreams = [.. options.Upstreams.Select(_ => new UpstreamHealth(options.FirstTimeout))];
        _pendingByKey = _pending.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public AnswerCache Cache { get; }

    public ResolverCounters Counters { get; } = new();

    /// <summary>Questions that wait for an upstream.</summary>
    public int Pending => _pending.Count;

    /// <summary>There is a way to the upstreams. Without one, what is not kept fails at once. Starts true.</summary>
    public bool IsConnected { get; private set; } = true;

    public Instant NextTimeout => _deadlines.Next;

    /// <summary>Takes a client's query.</summary>
    /// <param name="context">Comes back with the answer when that comes later.</param>
    /// <param name="room">65 535 bytes for streams, 1232 for datagrams.</param>
    /// <param name="length">Bytes of the answer in <paramref name="room"/>.</param>
    public AskVerdict Ask(ReadOnlySpan<byte> query, Carrier carrier, object? context, Span<byte> room, Instant now, out int length)
    {
        length = 0;
        if (query.Length < MessageView.HeaderLength || (query[2] & 0x80) != 0)
            return AskVerdict.Ignored;
        Counters.Questions++;
        if (!MessageView.TryParse(query, out var message) || !message.HasQuestion
            || message.Count(Section.Answer) + message.Count(Section.Authority) != 0)
        {
            Counters.Malformed++;
            var id = MessageView.ReadUInt16(query, 0);
            length = new ClientQuery(id, HeaderFlags.None, carrier, false, default).WriteEmpty([], ResponseCode.FormatError, ExtendedError.None, room);
            room[2] |= (byte)(query[2] & 0x79);
            return AskVerdict.Answered;
        }

        var client = ClientQuery.From(message, carrier);
        if (Refusal(message) is { } refusal)
        {
            Counters.Refused++;
            length = client.WriteEmpty(message.Question, refusal, ExtendedError.None, room);
            room[2] |= (byte)(query[2] & 0x78);
            return AskVerdict.Answered;
        }
        var verdict = SpecialNames.Decide(message.QuestionName, out var zoneLength);
        if (verdict == NameRuling.Resolve && _options.Rule is { } rule)
            verdict = rule(message.QuestionName, message.QuestionType);
        if (verdict != NameRuling.Resolve)
        {
            Counters.Local++;
            length = LocalAnswer.Write(verdict, client, message.Question, zoneLength, room);
            return AskVerdict.Answered;
        }
        return Resolve(message, client, context, room, now, out length);
    }

    /// <summary>The next thing to do for the shell.</summary>
    public bool TryTakeOutput(out ResolverOutput output) => _outputs.TryDequeue(out output);

    /// <summary>Says whether there is a way to the upstreams. When it goes, those who wait are answered at once.</summary>
    public void SetConnected(bool connected, Instant now)
    {
        IsConnected = connected;
        if (!connected)
            foreach (var question in _pending.Values.ToArray())
                Fail(question, now);
    }

    /// <summary>A question that nobody resolves here: no recursion wanted, another class, a zone transfer.</summary>
    static ResponseCode? Refusal(in MessageView query)
    {
        if (query.Opcode != 0)
            return ResponseCode.NotImplemented;
        if (query.HasEdns && query.Edns.Version > 0)
            return ResponseCode.BadVersion;
        // Without recursion a client would only learn what is kept.
        if ((query.Flags & HeaderFlags.RecursionDesired) == 0 || query.QuestionClass != RecordClass.Internet)
            return ResponseCode.Refused;
        return query.QuestionType is RecordType.Axfr or RecordType.Ixfr or RecordType.Opt or RecordType.Tsig or RecordType.Tkey
            ? ResponseCode.NotImplemented : null;
    }

    AskVerdict Resolve(in MessageView query, in ClientQuery client, object? context, Span<byte> room, Instant now, out int length)
    {
        var checkingDisabled = (client.Flags & HeaderFlags.CheckingDisabled) != 0;
        Span<byte> space = stackalloc byte[QuestionKey.MaxLength];
        ReadOnlySpan<byte> key = space[..QuestionKey.Write(query.Question, client.Edns.DnssecOk, checkingDisabled, space)];
        length = 0;

        var entry = Cache.Find(key, now);
        var isFresh = entry is not null && now < entry.Answer.Expires;
        var tellStale = entry is not null && !isFresh && (!IsConnected || now < entry.RefreshFailedUntil);
        if (entry is not null && (isFresh || tellStale))
        {
            Counters.Hits++;
            Counters.StaleAnswers += tellStale ? 1 : 0;
            length = entry.Answer.Write(client, query.Question, tellStale ? StaleTtl : 0, room, now);
            entry.Hits++;
            if (isFresh && IsDueForPrefetch(entry, now) && !_pendingByKey.ContainsKey(key) && _pending.Count < _options.MaxPending)
            {
                Counters.Prefetches++;
                Begin(entry.Key, query.Question, client.Edns.DnssecOk, checkingDisabled, now);
            }
            return AskVerdict.Answered;
        }

        if (!IsConnected)
        {
            Counters.Failures++;
            length = client.WriteEmpty(query.Question, ResponseCode.ServerFailure, ExtendedError.NetworkError, room);
            return AskVerdict.Answered;
        }
        var isKnown = _pendingByKey.TryGetValue(key, out var pending);
        if (isKnown ? pending!.Waiting.Count >= _options.MaxWaiting : _pending.Count >= _options.MaxPending)
        {
            Counters.Refused++;
            length = client.WriteEmpty(query.Question, ResponseCode.ServerFailure, ExtendedError.NotReady, room);
            return AskVerdict.Answered;
        }
        Counters.Joined += isKnown ? 1 : 0;
        pending ??= Begin(key.ToArray(), query.Question, client.Edns.DnssecOk, checkingDisabled, now);
        pending.Waiting.Add(new(client, query.Question.ToArray(), context));
        if (entry is not null && pending.StaleAt == Instant.Never)
        {
            pending.StaleAt = now + _options.StaleAfter;
            _deadlines.Set(pending, pending.NextTimeout);
        }
        return AskVerdict.Pending;
    }

    /// <summary>Hot names are asked again in the last tenth of their life (so that nobody ever waits for them).</summary>
    static bool IsDueForPrefetch(AnswerCache.Entry entry, Instant now) =>
        entry.Hits >= HotAfterHits && entry.Answer.IsResolved && (entry.Answer.Expires - now) * 10 < entry.Answer.Lifetime;

    PendingQuestion Begin(byte[] key, ReadOnlySpan<byte> question, bool dnssecOk, bool checkingDisabled, Instant now)
    {
        var pending = new PendingQuestion(key, question.ToArray(), dnssecOk, checkingDisabled) { Deadline = now + _options.Deadline };
        _pending.Add(key, pending);
        Advance(pending, now);
        return pending;
    }
}
