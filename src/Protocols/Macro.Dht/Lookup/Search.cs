using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// One iterative look-up in one address family (Kademlia 2.3): asks ever closer nodes until the eight closest that live
/// have answered. Five queries are under way at the closest unasked nodes at any time; one that is late does not count.
/// With several paths (S/Kademlia 4.2) a node belongs to the path that heard of it first, and every path has to get four
/// answers of its own, so that a liar spoils one path only.
/// </summary>
sealed class Search(Operation operation, FamilyNode family, Id160 target, int paths, bool limits)
{
    public const int Width = 8;

    const int Parallel = 5, ParallelInPath = 3, WidthOfPath = 4, WidthInCrowd = 3 * Width;
    const int MostCandidates = 128, MostNodesOfAnswer = 2 * Width;

    /// <summary>Nodes of one /24 or /48: those that one answer tells of or that live, those that are asked, those that are known.</summary>
    const int MostOfSite = 2, MostAskedOfSite = 4, MostKnownOfSite = 8;

    /// <summary>Nodes asked, after which a search ends with what it has: liars that make up ever closer ones get no further.</summary>
    const int MostAsked = 256;

    readonly List<Candidate> _candidates = new(2 * Width);
    bool _densityChecked;
    int _asked, _doubtfulAsked;

    public Operation Operation { get; } = operation;

    public FamilyNode Family { get; } = family;

    public Id160 Target { get; } = target;

    public bool Ended { get; private set; }

    public bool Crowded { get; private set; }

    /// <summary>Answers that may count: after a crowd was found, three times as many.</summary>
    int Wanted => Crowded ? WidthInCrowd : Width;

    /// <summary>Takes a node in, unless it is known already or its network has its share.</summary>
    /// <param name="teller">Null when we know it ourselves.</param>
    public void Add(NodeInfo node, bool hasId, int path, Candidate? teller = null)
    {
        var site = Site.Of(node.Endpoint.Address);
        int ofSite = 0, ofTeller = 0;
        foreach (var known in _candidates)
        {
            if (known.Node.Endpoint == node.Endpoint)
            {
                Hear(known, node.Id, hasId, teller);
                return;
            }
            if (known.Site != site)
                continue;
            ofSite++;
            ofTeller += known.WasToldBy(teller) ? 1 : 0;
        }
        if (limits && hasId && (ofTeller >= MostOfSite || ofSite >= MostKnownOfSite))
            return;
        if (_candidates.Count < MostCandidates || MakeRoom(node.Id))
            Insert(new Candidate(node, hasId, (byte)(path % paths), teller));
    }

    /// <summary>Takes in the nodes of an answer.</summary>
    public void Add(ReadOnlySpan<byte> compactNodes, bool v4, Candidate from)
    {
        for (var i = 0; i < MostNodesOfAnswer && Compact.TryReadNode(compactNodes, v4, i, out var node); i++)
            if (Family.MayAsk(node))
                Add(node, hasId: true, from.Path, from);
    }

    /// <summary>The node's id became known, or was another than we had been told.</summary>
    public void Identify(Candidate candidate, Id160 id)
    {
        if (!candidate.HasId || candidate.Node.Id != id)
            Move(candidate, id);
    }

    /// <summary>
    /// Somebody tells of a node that we know of. Under another id the nearer one counts until it has answered: else a liar's
    /// word that it is far away would keep it from being asked.
    /// </summary>
    void Hear(Candidate known, Id160 id, bool hasId, Candidate? teller)
    {
        known.ToldBy(teller);
        if (hasId && known is { HasId: true, State: CandidateState.New } && Target.CompareDistance(id, known.Node.Id) < 0)
            Move(known, id);
    }

    void Move(Candidate candidate, Id160 id)
    {
        _candidates.Remove(candidate);
        candidate.Node = candidate.Node with { Id = id };
        candidate.HasId = true;
        Insert(candidate);
    }

    /// <summary>Sends what is due and looks whether the search is over.</summary>
    public void Step(Instant now)
    {
        if (Ended)
            return;
        var done = Advance(path: -1, Wanted, HasArrived ? Width : Parallel, now);
        for (var path = 0; path < paths && paths > 1; path++)
            done &= Advance(path, WidthOfPath, ParallelInPath, now);
        if (!done)
            return;
        if (!_densityChecked)
        {
            _densityChecked = true;
            Crowded = Family.IsCrowded(Distances(stackalloc double[Width]));
            if (Crowded)
            {
                Step(now);
                return;
            }
        }
        End(now);
    }

    /// <summary>As near as the closest of this many nodes are on average: hardly a nearer one will turn up.</summary>
    bool HasArrived => _candidates.Count >= Width && _candidates[Width - 1] is { HasId: true } last
        && Family.Density.Nodes is { } nodes && (last.Node.Id ^ Target).Fraction * nodes < 1.2 * Width;

    /// <summary>Ends the search; what is still under way is no longer its business.</summary>
    public void End(Instant now)
    {
        if (Ended)
            return;
        Ended = true;
        Operation.SearchEnded(this, now);
    }

    /// <summary>The nodes that answered, closest first: the eight closest, and of several paths the four closest of each.</summary>
    public List<Candidate> Closest()
    {
        var closest = new List<Candidate>(Width);
        Span<int> ofPath = stackalloc int[paths];
        foreach (var candidate in _candidates)
        {
            if (candidate.State != CandidateState.Answered || !candidate.Eligible)
                continue;
            if (closest.Count < Wanted || (paths > 1 && ofPath[candidate.Path] < WidthOfPath))
                closest.Add(candidate);
            ofPath[candidate.Path]++;
        }
        return closest;
    }

    /// <summary>Distances of the closest nodes that answered, as fractions of the space, ascending.</summary>
    public ReadOnlySpan<double> Distances(Span<double> distances)
    {
        var count = 0;
        foreach (var candidate in _candidates)
            if (candidate is { State: CandidateState.Answered, HasId: true } && count < distances.Length)
                distances[count++] = (candidate.Node.Id ^ Target).Fraction;
        return distances[..count];
    }

    /// <summary>
    /// Keeps queries under way at the closest nodes of a path, -1 for all. True when enough of them have answered. The closest
    /// of the doubtful nodes are asked when the others are done: in a network of which half has just died many are true.
    /// </summary>
    bool Advance(int path, int wanted, int parallel, Instant now) =>
        Advance(path, wanted, parallel, doubtful: false, now) && Advance(path, wanted, parallel, doubtful: true, now);

    bool Advance(int path, int wanted, int parallel, bool doubtful, Instant now)
    {
        int answered = 0, underWay = 0, late = 0, silent = 0;
        // While all of them answer in time, no more are asked than are wanted; then others are asked in advance.
        for (var i = 0; i < _candidates.Count && answered + (silent == 0 ? underWay : 0) < wanted; i++)
        {
            var candidate = _candidates[i];
            if (path >= 0 && candidate.Path != path)
                continue;
            switch (candidate.State)
            {
                case CandidateState.Answered:
                    answered += candidate.Eligible ? 1 : 0;
                    break;
                case CandidateState.Late:
                    late++;
                    silent++;
                    break;
                case CandidateState.New when underWay >= parallel:
                    return false;
                case CandidateState.New when MayAsk(candidate, doubtful):
                    _asked++;
                    _doubtfulAsked += candidate.IsDoubtful ? 1 : 0;
                    candidate.Become(CandidateState.Asked);
                    Family.Ask(this, candidate, now);
                    underWay++;
                    break;
                case CandidateState.New:
                    break;
                case CandidateState.Asked:
                    underWay++;
                    break;
                case CandidateState.Failed:
                    silent++;
                    break;
            }
        }
        return underWay == 0 && late == 0;
    }

    bool MayAsk(Candidate candidate, bool doubtful)
    {
        if (_asked >= MostAsked || (candidate.IsDoubtful && (!doubtful || _doubtfulAsked >= Width)))
            return false;
        if (!limits || !candidate.HasId)
            return true;
        int asked = 0, living = 0;
        foreach (var known in _candidates)
        {
            if (known.State == CandidateState.New || known.Site != candidate.Site)
                continue;
            asked++;
            living += known.State == CandidateState.Failed ? 0 : 1;
        }
        return living < MostOfSite && asked < MostAskedOfSite;
    }

    void Insert(Candidate candidate)
    {
        // Those without an id go in front: they are the way in.
        var at = _candidates.FindIndex(known => known.HasId && (!candidate.HasId || Target.CompareDistance(candidate.Node.Id, known.Node.Id) < 0));
        _candidates.Insert(at < 0 ? _candidates.Count : at, candidate);
    }

    bool MakeRoom(Id160 id)
    {
        var last = _candidates.FindLastIndex(known => known.State is CandidateState.New or CandidateState.Failed);
        if (last < 0 || Target.CompareDistance(id, _candidates[last].Node.Id) >= 0)
            return false;
        _candidates.RemoveAt(last);
        return true;
    }
}
