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
}

/// <summary>Why a circuit ended, and which hop is to blame.</summary>
public sealed record CircuitFailure(int HopIndex, string Reason);
