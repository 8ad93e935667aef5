using Macro.Core;

namespace Macro.Circuits;

/// <summary>Verifies the descriptor of a next hop: signature, validity, relay capability, an endpoint that is reachable from here.</summary>
public interface IHopVerifier
{
    /// <summary><see cref="ControlStatus.Ok"/> and the endpoint to forward to, or why not.</summary>
    ControlStatus Verify(ReadOnlySpan<byte> descriptor, Instant now, out Endpoint nextHop);
}

/// <summary>What an exit session has outside: its own addresses in the exit's pool.</summary>
public sealed record ExitLease(Inbound Inbound, IpAddress V4, IpAddress V6);

/// <summary>Hands out exit leases; pump threads find the session of an address by it.</summary>
public interface IExitLeases
{
    /// <summary>Null when none is left.</summary>
    ExitLease? TryRent(Inbound inbound);

    void Return(ExitLease lease);

    /// <summary>From any thread: the lease that owns a pool address.</summary>
    bool TryFind(IpAddress address, out ExitLease? lease);
}
