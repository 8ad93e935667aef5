using Macro.Core;

namespace Macro.Nat;

/// <summary>A datagram that a punch wants sent.</summary>
/// <param name="Socket">0: the node's UDP port. 1 and on: sockets that the punch asked for (<see cref="Punch.Sockets"/>).</param>
/// <param name="Bytes">64 bytes; the taker's own.</param>
public readonly record struct PunchDatagram(int Socket, Endpoint To, byte[] Bytes);

/// <summary>A way that works both ways.</summary>
/// <param name="Socket">As in <see cref="PunchDatagram"/>.</param>
public readonly record struct PunchedPath(Endpoint Remote, int Socket, TimeSpan RoundTrip);

public enum PunchVerdict
{
    /// <summary>Under way.</summary>
    Pending,

    /// <summary>The peer answers at <see cref="Punch.Path"/>.</summary>
    Direct,

    /// <summary>Nothing came in time: the relayed path stays.</summary>
    NoAnswer,

    /// <summary>One of the two has no UDP: not tried.</summary>
    Blocked,
}
