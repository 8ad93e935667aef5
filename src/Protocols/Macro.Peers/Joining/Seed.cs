using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// A relay to begin with: its name and where it answers. Its relay key changes every day; whoever begins asks the endpoint for the
/// current descriptor (BEP 44 get of the node's item), which must be signed by this name.
/// </summary>
/// <param name="Endpoints">1..6.</param>
public sealed record Seed(NodeId Id, IReadOnlyList<Endpoint> Endpoints)
{
    public const int MostEndpoints = 6;
}
