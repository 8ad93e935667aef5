using Macro.Core;

namespace Macro.Circuits;

/// <summary>A way to a hop that spares the hop before it. The session is the same by either way.</summary>
/// <param name="Alone">False: everything goes by both ways, and the replay window at the other end drops what comes twice.</param>
public sealed record DirectWay(Endpoint Remote, bool Alone);
