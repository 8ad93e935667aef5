using Macro.Core;

namespace Macro.Circuits;

/// <summary>Verifies the descriptor of a next hop: signature, validity, relay capability, an endpoint that is reachable from here.</summary>
public interface IHopVerifier
{
    /// <summary><see cref="ControlStatus.Ok"/> and the endpoint to forward to, or why not.</summary>
    ControlStatus Verify(ReadOnlySpan<byte> descriptor, Instant now, out Endpoint nextHop);
}
