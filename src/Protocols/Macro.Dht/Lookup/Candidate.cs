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
sealed class Candidate(NodeInfo node, bool hasId, byte path)
{
    public NodeInfo Node { get; set; } = node;

    /// <summary>False for an endpoint of the bootstrap list until it has answered.</summary>
    public bool HasId { get; set; } = hasId;

    /// <summary>Which of the disjoint paths it belongs to: the first that heard of it.</summary>
    public byte Path { get; } = path;

    public CandidateState State { get; set; }

    /// <summary>May hold what is stored: its id belongs to its address, or nobody asks that.</summary>
    public bool Eligible { get; set; }

    /// <summary>Lets us store at this node; empty when it gave none.</summary>
    public byte[] Token { get; set; } = [];

    /// <summary>Of the item that it holds.</summary>
    public long? Sequence { get; set; }

    /// <summary>It holds the very item that is being put.</summary>
    public bool HoldsOurs { get; set; }
}
