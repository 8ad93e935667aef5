namespace Macro.Circuits;

public enum CircuitState
{
    Building,

    /// <summary>Every hop has answered, and the last one does what the circuit is for.</summary>
    Ready,

    /// <summary>Over; <see cref="Circuit.Failure"/> says why, if it was not closed by its owner.</summary>
    Closed,
}

/// <summary>What the last hop of a circuit is for.</summary>
public enum CircuitGoal
{
    /// <summary>Sends packets to the internet and is watched by probes, for as long as the circuit stands.</summary>
    Exit,

    /// <summary>Answers questions about the directory; that it answers the handshake shows that it is there. A short-lived link.</summary>
    Directory,

    /// <summary>Introduces this node, which stands behind a NAT, to others. Kept, and watched by probes.</summary>
    Registration,

    /// <summary>Introduces others to this node. A short-lived link.</summary>
    Introduction,

    /// <summary>Leads to the exit of another circuit (<see cref="Circuit.PathOf"/>), which can go on by it. Watched by probes.</summary>
    Path,
}

/// <summary>How a hop failed its circuit.</summary>
public enum CircuitFailureKind
{
    /// <summary>No answer from it: it or the one before it broke the way.</summary>
    Silent,

    /// <summary>It said no.</summary>
    Refused,

    /// <summary>It was on its way when the patience for the whole circuit ended, and hops had answered just before: slow, and nobody's fault.</summary>
    Late,

    /// <summary>An exit that answers, and by which nothing came back from the internet.</summary>
    Mute,
}

/// <summary>Why a circuit ended, and at which hop.</summary>
/// <param name="IsHearsay">The hop before says that it cannot be reached.</param>
public sealed record CircuitFailure(int HopIndex, string Reason, CircuitFailureKind Kind = CircuitFailureKind.Silent, bool IsHearsay = false);
