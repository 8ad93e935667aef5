using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>What a relay must know of a node that a client wants as its next hop.</summary>
public readonly record struct NextHop
{
    public NodeId Id { get; init; }

    public PublicKey RelayKey { get; init; }

    /// <summary>Where everybody reaches it; none: it stands behind a NAT.</summary>
    public Endpoint Endpoint { get; init; }

    /// <summary>Behind a NAT: who brings it together with others. May be null.</summary>
    public IReadOnlyList<NodeId>? Introducers { get; init; }
}

/// <summary>Verifies the descriptor of a next hop: signature, validity, relay capability, a way to reach it.</summary>
public interface IHopVerifier
{
    /// <summary><see cref="ControlStatus.Ok"/> and the next hop, or why not.</summary>
    ControlStatus Verify(ReadOnlySpan<byte> descriptor, Instant now, out NextHop next);
}
