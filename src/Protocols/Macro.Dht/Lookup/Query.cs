using Macro.Core;

namespace Macro.Dht;

/// <summary>A query of ours on its way.</summary>
sealed class Query(uint transaction, Endpoint to, Id160? expected, Instant sent) : IDeadline
{
    public uint Transaction { get; } = transaction;

    public Endpoint To { get; } = to;

    /// <summary>The id under which we know the node; null for an endpoint of the bootstrap list.</summary>
    public Id160? Expected { get; } = expected;

    public Instant Sent { get; } = sent;

    public int Tries { get; set; } = 1;

    /// <summary>The search that it belongs to; null for one of a single node.</summary>
    public Search? Search { get; init; }

    public Candidate? Candidate { get; init; }

    /// <summary>It stores something.</summary>
    public bool Stores { get; init; }

    /// <summary>Of a query of a single node that the owner asked for; 0 for the table's own pings.</summary>
    public int Number { get; init; }

    /// <summary>Of a query of a single node for an item; null for a ping.</summary>
    public Id160? Target { get; init; }

    /// <summary>Nobody waits any more; kept so that a very late answer still tells that the node lives.</summary>
    public bool GivenUp { get; set; }

    int IDeadline.Place { get; set; }
}
