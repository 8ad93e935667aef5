using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// The node in one of the two networks, IPv4 or IPv6 (BEP 32): its id, its contacts, its queries under way.
/// </summary>
sealed partial class FamilyNode(DhtNode node, bool v4, DhtOptions options, IRandom random, Outbox outbox, Instant now)
{
    const int MaxQueries = 1024, MaxToken = 64, QueriesOfIdle = 32;

    /// <summary>After this a query is forgotten.</summary>
    static readonly TimeSpan s_forget = TimeSpan.FromSeconds(5);

    readonly Dictionary<uint, Query> _queries = [];
    readonly Deadlines<Query> _deadlines = new();
    RoundTrips _roundTrips;

    public bool V4 { get; } = v4;

    public RoutingTable Table { get; private set; } = new(Id160.Random(random), !options.Local, now);

    public Id160 Id => Table.Own;

    public Density Density { get; } = new();

    public Instant NextTimeout => Instant.Min(_deadlines.Next, NextUpkeep);

    /// <summary>False for endpoints that cannot be nodes of this network, and for ourselves.</summary>
    public bool MayAsk(NodeInfo candidate) => candidate.Id != Id && MayAsk(candidate.Endpoint);

    public bool MayAsk(Endpoint endpoint) => endpoint.Port != 0 && endpoint.Address.IsV4 == V4 && endpoint != Seen
        && (AddressScope.IsPublic(endpoint.Address) || (options.Local && !endpoint.Address.IsAny));

    public bool IsCrowded(ReadOnlySpan<double> distances) => !options.Local && Density.IsCrowded(distances);

    static bool IsSecure(NodeInfo candidate) =>
        !AddressScope.IsPublic(candidate.Endpoint.Address) || SecureId.Verify(candidate.Id, candidate.Endpoint.Address);

    public Search NewSearch(Operation operation)
    {
        var search = new Search(operation, this, operation.Target, operation.Paths, !options.Local);
        Span<NodeInfo> closest = stackalloc NodeInfo[Search.Width * operation.Paths];
        var count = Table.Closest(operation.Target, closest);
        if (count < Search.Width)
            count = Table.Closest(operation.Target, closest, failing: true);
        for (var i = 0; i < count; i++)
            search.Add(closest[i], hasId: true, path: i);
        if (count < Search.Width)
            AddWaysIn(search);
        return search;
    }

    public void SearchEnded(Search search, Instant now)
    {
        if (!search.Crowded && search.Closest().Count >= Search.Width)
            Density.Add(search.Distances(stackalloc double[Search.Width]));
        Table.Touch(search.Target, now);
    }

    /// <summary>The query of a search.</summary>
    public void Ask(Search search, Candidate candidate, Instant now) =>
        Send(NewQuery(candidate.Node.Endpoint, candidate.HasId ? candidate.Node.Id : null, now, search, candidate), now);

    public void Store(Search search, Candidate candidate, Instant now) =>
        Send(NewQuery(candidate.Node.Endpoint, candidate.Node.Id, now, search, candidate, stores: true), now);

    /// <summary>A ping; of a number that the owner knows, or 0 for the table's own.</summary>
    public void Ping(Endpoint endpoint, Id160? expected, int number, Instant now)
    {
        if (number != 0 || _queries.Count < MaxQueries)
            Send(NewQuery(endpoint, expected, now, number: number), now);
    }

    public void AskItem(Endpoint endpoint, Id160 target, int number, Instant now) =>
        Send(NewQuery(endpoint, null, now, number: number, target: target), now);

    Query NewQuery(
        Endpoint to, Id160? expected, Instant now, Search? search = null, Candidate? candidate = null, bool stores = false,
        int number = 0, Id160? target = null)
    {
        uint transaction;
        do
            transaction = random.NextUInt32();
        while (_queries.ContainsKey(transaction));
        var query = new Query(transaction, to, expected, now)
        {
            Search = search,
            Candidate = candidate,
            Stores = stores,
            Number = number,
            Target = target,
        };
        _queries.Add(transaction, query);
        return query;
    }

    void Send(Query query, Instant now)
    {
        Span<byte> buffer = stackalloc byte[DhtNode.MaxDatagram];
        var head = new QueryHead(Id, query.Transaction, node.ReadOnly);
        var length = query switch
        {
            { Target: { } target } => Queries.AskItem(buffer, head, target),
            { Search: null } => Queries.Ping(buffer, head),
            { Stores: true } => query.Search.Operation.WriteStore(buffer, head, query.Candidate!),
            _ => query.Search.Operation.WriteQuery(buffer, head),
        };
        if (query is { Search: { } search, Stores: false })
            search.Operation.Queries++;
        outbox.Send(buffer[..length], query.To);
        _deadlines.Set(query, now + _roundTrips.Patience);
    }

    /// <summary>A response or error came.</summary>
    public DatagramVerdict Receive(in Message message, Endpoint source, Instant now)
    {
        if (message.Transaction.Length != Queries.TransactionSize
            || !_queries.TryGetValue(BinaryPrimitives.ReadUInt32BigEndian(message.Transaction), out var query) || query.To != source)
            return DatagramVerdict.Unexpected;
        Forget(query);
        if (query.Tries == 1)
            _roundTrips.Add(now - query.Sent);
        if (Compact.TryReadEndpoint(message.SeenAs, out var seen))
            Vote(source, seen, now);

        if (message.Kind == MessageKind.Error || message.Sender is not { } id)
        {
            // It lives, but is of no use.
            End(query, message, id: null, now);
            return DatagramVerdict.Answer;
        }
        // A node takes a new id when it learns its address (BEP 42): what we knew it under is gone, and it is a newcomer.
        if (query.Expected is { } expected && expected != id)
            Table.Renamed(expected, source);
        var found = new NodeInfo(id, source);
        if (Table.Answered(found, IsSecure(found), now) is { } questionable)
            Ping(questionable.Node.Endpoint, questionable.Node.Id, 0, now);
        End(query, message, id, now);
        return DatagramVerdict.Answer;
    }

    /// <summary>Does what is due.</summary>
    public void HandleTimeout(Instant now)
    {
        while (_deadlines.TryTakeDue(now, out var query))
            HandleTimeout(query, now);
        if (NextUpkeep <= now)
            Upkeep(now);
    }

    void HandleTimeout(Query query, Instant now)
    {
        if (query.GivenUp)
        {
            Forget(query);
            return;
        }
        // An announcement is worth a third try: the node has just answered.
        var tries = query.Stores ? 3 : 2;
        if (query.Tries < tries && (query.Stores || query.Search is not { Ended: true }))
        {
            query.Tries++;
            if (query is { Stores: false, Candidate: { State: CandidateState.Asked } candidate })
                candidate.Become(CandidateState.Late);
            Send(query, now);
            if (!query.Stores)
                _deadlines.Set(query, now + 2 * _roundTrips.Patience);
            query.Search?.Step(now);
            return;
        }
        query.GivenUp = true;
        _deadlines.Set(query, Instant.Max(query.Sent + s_forget, now));
        // One datagram may always get lost: who was asked once is not to blame.
        if (query.Expected is { } id && query.Tries > 1)
            Table.Failed(id, query.To, now);
        if (query.Search is not { } search)
            Tell(query, null, null, now);
        else if (query.Stores)
            search.Operation.StoreEnded(query.Candidate!, default(ErrorCode), now);
        else
        {
            query.Candidate!.Become(CandidateState.Failed);
            search.Step(now);
        }
    }

    /// <summary>What follows from an answer for whom it concerns.</summary>
    /// <param name="id">Null when the answer is of no use.</param>
    void End(Query query, in Message message, Id160? id, Instant now)
    {
        if (query.Search is not { } search)
        {
            if (!query.GivenUp)
                Tell(query, id, id is null ? null : RawItem.Of(message), now);
        }
        else if (query.Stores)
        {
            if (!query.GivenUp)
                search.Operation.StoreEnded(query.Candidate!, ErrorOf(message, id), now);
        }
        else if (!search.Ended)
        {
            TakeAnswer(search, query.Candidate!, message, id, query.To, now);
            search.Step(now);
        }
    }

    /// <summary>The owner asked a single node.</summary>
    void Tell(Query query, Id160? id, RawItem? item, Instant now)
    {
        if (query.Number == 0)
            return;
        node.Emit(query.Target is null
            ? new Pinged(query.Number, query.To, id, now - query.Sent)
            : new ItemAnswered(query.Number, query.To, id, item, now - query.Sent));
    }

    void TakeAnswer(Search search, Candidate candidate, in Message message, Id160? id, Endpoint source, Instant now)
    {
        if (id is not { } known || known == Id)
        {
            candidate.Become(CandidateState.Failed);
            return;
        }
        search.Identify(candidate, known);
        candidate.Become(CandidateState.Answered);
        candidate.Eligible = !options.EnforceSecureIds || IsSecure(candidate.Node);
        if (message.Token.Length <= MaxToken)
            candidate.Token = message.Token.ToArray();
        search.Operation.Answers++;
        search.Add(V4 ? message.Nodes : message.Nodes6, V4, candidate);
        node.Suggest(V4 ? message.Nodes6 : message.Nodes, !V4, now);
        search.Operation.Answered(candidate, message, source, now);
    }

    static ErrorCode? ErrorOf(in Message message, Id160? id) =>
        message.Kind == MessageKind.Error ? (message.Error == 0 ? ErrorCode.Generic : (ErrorCode)message.Error)
        : id is null ? default(ErrorCode) : null;

    void Forget(Query query)
    {
        _queries.Remove(query.Transaction);
        _deadlines.Remove(query);
        if (_queries.Count == 0 && _queries.Capacity > 2 * QueriesOfIdle)
            _queries.TrimExcess(QueriesOfIdle);
    }
}
