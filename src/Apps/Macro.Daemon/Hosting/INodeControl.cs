using Macro.Api;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>
/// The node as the API sees it: desired state in, status out. An operation that cannot be done throws
/// <see cref="NodeException"/> with a problem that the user is shown as it is. All methods may be called from any thread.
/// </summary>
public interface INodeControl
{
    /// <summary>Brings the node to the state that was wanted last, before the API opens.</summary>
    Task StartAsync(DesiredState wanted, CancellationToken cancel);

    /// <summary>Takes down device, routes, rules and sockets, after the API closed.</summary>
    Task StopAsync(CancellationToken cancel);

    /// <summary>The state now and at every change.</summary>
    StatusFeed Status { get; }

    /// <summary>Begins to connect and returns without waiting for the circuit.</summary>
    Task<Status> UpAsync(Mode mode, string? exitRegion, CancellationToken cancel);

    /// <summary>Returns when device, routes and rules are gone.</summary>
    Task<Status> DownAsync(CancellationToken cancel);

    Task<CircuitAnswer> CircuitAsync(CancellationToken cancel);

    Task<WhyAnswer> CircuitWhyAsync(CancellationToken cancel);

    /// <summary>Blocks relays, or takes that back.</summary>
    Task<BlockedAnswer> BlockAsync(string rule, bool blocked, CancellationToken cancel);

    Task<BlockedAnswer> BlockedAsync(CancellationToken cancel);

    /// <summary>Looks at the machine: what it gives the node, and what it could.</summary>
    Task<DoctorAnswer> ExamineAsync(CancellationToken cancel);

    /// <summary>The network is another one (<see cref="Storage.CurrentNetwork"/>): what stood in the old one ends, and the node looks for the new one.</summary>
    Task EnterNetworkAsync(CancellationToken cancel);

    /// <summary>The relays that are known, this node among them when it is one.</summary>
    Task<IReadOnlyList<PeerEntry>> PeersAsync(CancellationToken cancel);

    Task<NetworkStatusAnswer> NetworkStatusAsync(CancellationToken cancel);

    /// <summary>Relays to name in an invite, this node first when it is one.</summary>
    Task<IReadOnlyList<Seed>> SeedsAsync(CancellationToken cancel);

    /// <summary>Examines the network on the node's own sockets; one at a time.</summary>
    Task<NetcheckAnswer> NetcheckAsync(CancellationToken cancel);

    Task<Status> SetRelayAsync(bool enabled, CancellationToken cancel);

    Task<Status> SetExitAsync(bool enabled, CancellationToken cancel);
}
