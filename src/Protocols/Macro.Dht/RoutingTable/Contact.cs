using Macro.Core;

namespace Macro.Dht;

/// <summary>A node that has answered us, as the routing table holds it.</summary>
sealed class Contact(NodeInfo node, bool secure, Instant seen)
{
    /// <summary>Silent for so long, a node has to prove again that it lives (BEP 5).</summary>
    public static readonly TimeSpan GoodFor = TimeSpan.FromMinutes(15);

    /// <summary>Queries in a row without an answer after which a node goes even when nobody waits for its place.</summary>
    public const int MaxFailures = 3;

    public NodeInfo Node { get; } = node;

    /// <summary>The id belongs to the address (BEP 42).</summary>
    public bool Secure { get; } = secure;

    /// <summary>When it last answered, or after that last asked.</summary>
    public Instant Seen { get; set; } = seen;

    /// <summary>Queries in a row that it left unanswered.</summary>
    public int Failures { get; set; }

    public bool IsGood(Instant now) => Failures == 0 && now - Seen < GoodFor;
}
