using Macro.Core;

namespace Macro.Dht;

enum CandidateState : byte
{
    /// <summary>Not asked yet.</summary>
    New,
    Asked,

    /// <summary>Asked twice, and its place was given to another; its answer still counts.</summary>
    Late,
    Answered,
    Failed,
}

/// <summary>A node that a search knows of.</summary>
/// <param name="teller">Who told of it; null when we knew it ourselves.</param>
sealed class Candidate(NodeInfo node, bool hasId, byte path, Candidate? teller)
{
    /// <summary>Who tells of so many silent nodes, and of so many times more than answer, misleads.</summary>
    const int MostSilent = 4;

    /// <summary>What so many tell of is not doubtful.</summary>
    const int Enough = 3;

    Candidate? _other;
    int _tellers = teller is null ? Enough : 1;
    int _silent, _answering;

    public NodeInfo Node { get; set; } = node;

    public Site Site { get; } = Site.Of(node.Endpoint.Address);

    /// <summary>False for an endpoint of the bootstrap list until it has answered.</summary>
    public bool HasId { get; set; } = hasId;

    /// <summary>Which of the disjoint paths it belongs to: the first that heard of it.</summary>
    public byte Path { get; } = path;

    public CandidateState State { get; private set; }

    /// <summary>Told of by one or two whose other nodes are silent, and by nobody better.</summary>
    public bool IsDoubtful => _tellers < Enough && teller!.Misleads && _other is not { Misleads: false };

    bool Misleads => _silent >= MostSilent && _silent > MostSilent * _answering;

    /// <summary>May hold what is stored: its id belongs to its address, or nobody asks that.</summary>
    public bool Eligible { get; set; }

    /// <summary>Lets us store at this node; empty when it gave none.</summary>
    public byte[] Token { get; set; } = [];

    /// <summary>Of the item that it holds.</summary>
    public long? Sequence { get; set; }

    /// <summary>It holds the very item that is being put.</summary>
    public bool HoldsOurs { get; set; }

    public void Become(CandidateState state)
    {
        if (teller is not null)
        {
            teller._silent += IsSilent(state) - IsSilent(State);
            teller._answering += state == CandidateState.Answered ? 1 : 0;
        }
        State = state;

        static int IsSilent(CandidateState state) => state is CandidateState.Late or CandidateState.Failed ? 1 : 0;
    }

    /// <summary>Another tells of it too: the last one counts beside the first.</summary>
    public void ToldBy(Candidate? another)
    {
        if (another is null)
            _tellers = Enough;
        else if (another != teller && another != _other)
            (_other, _tellers) = (another, _tellers + 1);
    }

    /// <summary>Was this the first who told of it?</summary>
    public bool WasToldBy(Candidate? other) => teller == other;
}
