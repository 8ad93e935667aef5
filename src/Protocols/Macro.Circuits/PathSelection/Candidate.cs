using Macro.Core;

namespace Macro.Circuits;

/// <summary>A relay that may become a hop: its target, what it does, and what it must not share with another hop.</summary>
public sealed record Candidate
{
    public required HopTarget Target { get; init; }
    public bool IsExit { get; init; }

    /// <summary>Operator family; 0 = none told.</summary>
    public ulong Family { get; init; }

    /// <summary>All endpoints that the descriptor lists.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; init; } = [];
}
