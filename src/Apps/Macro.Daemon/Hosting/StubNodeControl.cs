using Macro.Api;

namespace Macro.Daemon.Hosting;

/// <summary>A node without an engine: it remembers what is wanted and refuses to connect. Stands in until the engine is there.</summary>
sealed class StubNodeControl : INodeControl
{
    public StatusFeed Status { get; } = new(new Status { State = ConnectionState.Off, Relay = new RelayStatus(), Exit = new ExitStatus() });

    public Task StartAsync(DesiredState wanted, CancellationToken cancel)
    {
        Status.Change(s => s with { Relay = s.Relay with { Enabled = wanted.Relay }, Exit = s.Exit with { Enabled = wanted.Exit } });
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task<Status> UpAsync(Mode mode, string? exitRegion, CancellationToken cancel) =>
        throw new NodeException(ProblemCodes.NoRelays, "The directory holds no relays.", "Import a directory file: macrovpn network import FILE.");

    public Task<Status> DownAsync(CancellationToken cancel) =>
        Task.FromResult(Status.Change(s => s with { State = ConnectionState.Off, Phase = ConnectPhase.None, Problem = null }));

    public Task<CircuitAnswer> CircuitAsync(CancellationToken cancel) => Task.FromResult(new CircuitAnswer { Hops = [] });

    public Task<Status> SetRelayAsync(bool enabled, CancellationToken cancel) =>
        Task.FromResult(Status.Change(s => s with { Relay = s.Relay with { Enabled = enabled } }));

    public Task<Status> SetExitAsync(bool enabled, CancellationToken cancel) =>
        Task.FromResult(Status.Change(s => s with { Exit = s.Exit with { Enabled = enabled } }));
}
