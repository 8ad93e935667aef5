using Macro.Core;

namespace Macro.Engine;

/// <summary>
/// A socket beside the node's port, for a flow that no NAT knows yet. The shell opens one with the first datagram that is to
/// leave by it, and closes it when the node no longer needs it.
/// </summary>
/// <param name="Attempt">Of the direct path that it is for; 0: of <see cref="OwnOffer"/>.</param>
/// <param name="Number">From 1 on.</param>
public readonly record struct SpareSocket(ulong Attempt, int Number);

/// <summary>A datagram that is to leave by a spare socket.</summary>
public readonly record struct SpareDatagram(SpareSocket Socket, Endpoint To, byte[] Bytes);
