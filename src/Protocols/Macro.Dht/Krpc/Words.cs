namespace Macro.Dht;

/// <summary>What a KRPC message is (BEP 5, "y").</summary>
enum MessageKind
{
    Query,
    Response,
    Error,
}

/// <summary>The queries that a node answers (BEP 5, 44, 51).</summary>
enum Method
{
    /// <summary>One that we do not know: answered like find_node when it has a target, else with error 204.</summary>
    Unknown,
    Ping,
    FindNode,
    GetPeers,
    AnnouncePeer,
    Get,
    Put,
    SampleInfohashes,
}

/// <summary>Error codes of BEP 5 and BEP 44.</summary>
public enum ErrorCode
{
    Generic = 201,
    Server = 202,
    Protocol = 203,
    MethodUnknown = 204,
    ValueTooBig = 205,
    InvalidSignature = 206,
    SaltTooBig = 207,

    /// <summary>Another seq is stored than the put expected: read again, then try again.</summary>
    CasMismatch = 301,

    /// <summary>A newer item is stored.</summary>
    SequenceTooOld = 302,
}

/// <summary>Which nodes a query asks for (BEP 32, "want").</summary>
[Flags]
enum Want
{
    None = 0,
    V4 = 1,
    V6 = 2,
}

/// <summary>What became of a datagram that was given to the node.</summary>
public enum DatagramVerdict
{
    /// <summary>A query, answered or deliberately left alone.</summary>
    Query,

    /// <summary>The response or error to a query of ours.</summary>
    Answer,

    /// <summary>Not canonical bencode, or not KRPC.</summary>
    Malformed,

    /// <summary>An answer that nobody waits for: late, doubled, or forged.</summary>
    Unexpected,

    /// <summary>Its source asks too much, or cannot be a node.</summary>
    Refused,
}
