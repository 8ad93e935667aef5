using Macro.Core;

namespace Macro.Dht;

/// <summary>Finding into the network, staying in it, and learning who we are.</summary>
sealed partial class FamilyNode
{
    const int MostWaysIn = 8, MostSeeds = 64, MostCuriosity = 16;

    static readonly TimeSpan
        s_firstRetry = TimeSpan.FromSeconds(1),
        s_lastRetry = TimeSpan.FromMinutes(5),
        s_upkeep = TimeSpan.FromSeconds(10),
        s_joining = TimeSpan.FromSeconds(1),
        s_betweenIds = TimeSpan.FromMinutes(10);

    readonly AddressVotes _votes = new();
    List<NodeInfo>? _seeds;
    TimeSpan _retry = s_firstRetry;
    Instant _nextJoin = now, _lastNewId = new(0);
    bool _upkeepSearch, _joined, _visitSelf;
    int _bucketsToVisit;

    /// <summary>When something of the node's own is due.</summary>
    Instant NextUpkeep { get; set; } = now;

    /// <summary>Where others see us; none before most of them agree.</summary>
    public Endpoint Seen => _votes.Majority;

    /// <summary>Nodes of an earlier run, or told by somebody: not contacts before they have answered.</summary>
    public void AddSeeds(IEnumerable<NodeInfo> seeds, Instant now)
    {
        _seeds = [.. seeds.Where(seed => MayAsk(seed)).Concat(_seeds ?? []).Take(MostSeeds)];
        (_retry, _nextJoin, NextUpkeep) = (s_firstRetry, now, now);
    }

    /// <summary>The id of an earlier run is taken up before anything was sent under another.</summary>
    public void Resume(Id160 id, Instant now)
    {
        if (Table.Count == 0)
            Table = new RoutingTable(id, !options.Local, now);
    }

    /// <summary>Somebody told of a node, or it asked us: when it would find a place, it is asked whether it lives.</summary>
    public void Suggest(NodeInfo candidate, Instant now)
    {
        if (_queries.Count >= MostCuriosity || !MayAsk(candidate) || !Table.Wants(candidate))
            return;
        foreach (var query in _queries.Values)
            if (query.To == candidate.Endpoint)
                return;
        Ping(candidate.Endpoint, candidate.Id, 0, now);
    }

    void Upkeep(Instant now)
    {
        NextUpkeep = now + (_visitSelf || _bucketsToVisit > 0 || Table.Count < Bucket.Size ? s_joining : s_upkeep) + random.NextTime(s_joining);
        if (!_upkeepSearch && Table.Count < Bucket.Size && _nextJoin <= now)
        {
            _nextJoin = now + _retry + random.NextTime(_retry / 4);
            _retry = Table.Count == 0 ? Min(2 * _retry, s_lastRetry / 5) : Min(2 * _retry, s_lastRetry);
            LookUp(Id, now, HasJoined, node.WantBoth ? Want.V4 | Want.V6 : Want.None);
            return;
        }
        if (Table.Questionable(now) is { } contact)
            Ping(contact.Node.Endpoint, contact.Node.Id, 0, now);
        if (_upkeepSearch)
            return;
        if (_visitSelf)
        {
            _visitSelf = false;
            LookUp(Id, now, _ => _bucketsToVisit = Table.Depth);
        }
        else if (_bucketsToVisit > 0)
        {
            if (--_bucketsToVisit < Table.Depth)
                LookUp(Table.IdInBucket(_bucketsToVisit, random), now);
        }
        else if (Table.Stale(random, now) is { } target)
            LookUp(target, now);
    }

    void LookUp(Id160 target, Instant now, Action<Instant>? done = null, Want want = Want.None)
    {
        _upkeepSearch = true;
        new FindNodes(node, 0, target, 1, want, now)
        {
            Done = then =>
            {
                _upkeepSearch = false;
                done?.Invoke(then);
            },
        }.Start([this], now);
    }

    void HasJoined(Instant now)
    {
        if (Table.Count >= Bucket.Size)
            _retry = s_firstRetry;
        if (_joined && Table.Count > 0)
            return;
        _joined = Table.Count > 0;
        // Kademlia 2.3: a newcomer visits the buckets that are farther away than its closest neighbour.
        _bucketsToVisit = _joined ? Table.Depth : 0;
        node.Emit(new Joined(V4, Table.Count));
    }

    void AddWaysIn(Search search)
    {
        if (_seeds is { } seeds)
        {
            foreach (var seed in seeds.OrderBy(seed => seed.Id ^ search.Target).Take(2 * Bucket.Size))
                search.Add(seed, hasId: true, path: 0);
        }
        var ways = options.Bootstrap.Where(endpoint => MayAsk(endpoint)).ToArray();
        random.Shuffle(ways.AsSpan());
        for (var i = 0; i < Math.Min(ways.Length, MostWaysIn); i++)
            search.Add(new NodeInfo(default, ways[i]), hasId: false, path: i);
    }

    void Vote(Endpoint voter, Endpoint seen, Instant now)
    {
        if (seen.Address.IsV4 != V4 || !_votes.Vote(voter, seen, distinct: !options.Local))
            return;
        if (AddressScope.IsPublic(Seen.Address) && !SecureId.Verify(Id, Seen.Address) && now - _lastNewId > s_betweenIds)
        {
            _lastNewId = now;
            MoveTo(SecureId.Generate(Seen.Address, random), now);
        }
        node.Emit(new AddressLearned(Seen, Id));
    }

    /// <summary>A new id: the contacts are sorted anew, and the new neighbourhood is looked up.</summary>
    void MoveTo(Id160 id, Instant now)
    {
        var old = Table;
        Table = new RoutingTable(id, !options.Local, now);
        foreach (var contact in old.Contacts)
            Table.Answered(contact.Node, contact.Secure, contact.Seen);
        (_visitSelf, NextUpkeep) = (true, now);
    }

    static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
