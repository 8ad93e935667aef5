using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// Something that the owner asked for: one search in each address family, then perhaps storing at the closest nodes, then
/// an event.
/// </summary>
abstract class Operation(DhtNode node, int number, Id160 target, int paths, Instant started)
{
    readonly List<Search> _searches = new(1);
    readonly Queue<FamilyNode> _toCome = new(1);
    int _open, _storing;
    bool _starting, _finished;

    /// <summary>0 for the node's own upkeep, of which no event tells.</summary>
    public int Number { get; } = number;

    public Id160 Target { get; } = target;

    public int Paths { get; } = paths;

    public int Queries { get; set; }

    public int Answers { get; set; }

    protected DhtNode Node { get; } = node;

    protected IReadOnlyList<Search> Searches => _searches;

    protected LookupReport Report(Instant now) => new(now - started, Queries, Answers, _searches.Exists(search => search.Crowded));

    /// <summary>Writes the query of the searches.</summary>
    public abstract int WriteQuery(Span<byte> buffer, in QueryHead head);

    /// <summary>A node of a search answered; its nodes are taken in already.</summary>
    public virtual void Answered(Candidate candidate, in Message message, Endpoint from, Instant now)
    {
    }

    /// <summary>Writes what is stored at a node; 0 when nothing is.</summary>
    public virtual int WriteStore(Span<byte> buffer, in QueryHead head, Candidate candidate) => 0;

    protected virtual bool Stores => false;

    /// <summary>Nothing is to be stored at this node: it is there already, or must not be.</summary>
    protected virtual bool Spares(Candidate candidate) => false;

    protected virtual void Stored(Candidate candidate, ErrorCode? error)
    {
    }

    /// <summary>All is over: the event for the owner.</summary>
    protected abstract DhtEvent? Finish(Instant now);

    /// <summary>
    /// One family after the other. Nodes that are in both networks have one store, and what we put there by way of the one
    /// would look like another writer's by way of the other.
    /// </summary>
    protected virtual bool OneByOne => false;

    public void Start(IEnumerable<FamilyNode> families, Instant now)
    {
        foreach (var family in families)
            _toCome.Enqueue(family);
        StartNext(now);
        FinishIfOver(now);
    }

    void StartNext(Instant now)
    {
        _starting = true;
        var begun = _searches.Count;
        while (_toCome.TryDequeue(out var family))
        {
            _open++;
            _searches.Add(family.NewSearch(this));
            if (OneByOne)
                break;
        }
        for (var i = begun; i < _searches.Count; i++)
            _searches[i].Step(now);
        _starting = false;
    }

    /// <summary>What was looked for is there: the rest need not be asked.</summary>
    protected void EndSearches(Instant now)
    {
        _toCome.Clear();
        foreach (var search in _searches)
            search.End(now);
    }

    public void SearchEnded(Search search, Instant now)
    {
        search.Family.SearchEnded(search, now);
        if (Stores)
        {
            foreach (var candidate in search.Closest())
            {
                if (candidate.Token.Length == 0 || Spares(candidate))
                    continue;
                _storing++;
                search.Family.Store(search, candidate, now);
            }
        }
        _open--;
        FinishIfOver(now);
    }

    /// <param name="error">Null when it was taken, 0 when there was no answer.</param>
    public void StoreEnded(Candidate candidate, ErrorCode? error, Instant now)
    {
        _storing--;
        Stored(candidate, error);
        FinishIfOver(now);
    }

    void FinishIfOver(Instant now)
    {
        while (!_starting && !_finished && _open == 0 && _storing == 0 && _toCome.Count > 0)
            StartNext(now);
        if (_starting || _finished || _open > 0 || _storing > 0)
            return;
        _finished = true;
        if (Finish(now) is { } happened)
            Node.Emit(happened);
    }
}
