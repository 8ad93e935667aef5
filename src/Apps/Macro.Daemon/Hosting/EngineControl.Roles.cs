using Macro.Api;
using Macro.Circuits;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>What the node does for others: relay and exit, switched on and off.</summary>
sealed partial class EngineControl
{
    public async Task<Status> SetRelayAsync(bool enabled, CancellationToken cancel)
    {
        if (enabled)
            _ = FindRoutersAsync();
        await ListenTcpAsync(enabled);
        await Threads.RunAsync(() => Configure(o => o with { IsRelay = enabled }, Node.Relay.Leases));
        await _network!.SetRelayAsync(enabled);
        return Status.Current;
    }

    public async Task<Status> SetExitAsync(bool enabled, CancellationToken cancel)
    {
        if (enabled)
            await _devices.RunAsync(OpenExit, cancel);
        await Threads.RunAsync(() => Configure(o => o with { IsExit = enabled }, enabled ? _exit!.Leases : null));
        if (!enabled)
            await _devices.RunAsync(_exit!.Close, cancel);
        return Status.Current;
    }

    /// <summary>A relay is of use without it: what cannot be had is told, and not announced.</summary>
    async Task ListenTcpAsync(bool wanted)
    {
        try
        {
            if (wanted && settings.Relay.TcpPort != 0)
                _tcp!.Listen(settings.Relay.TcpPort);
            else
                await _tcp!.StopListeningAsync();
        }
        catch (System.Net.Sockets.SocketException e)
        {
            LogMissing("tcp", $"TCP port {settings.Relay.TcpPort} cannot be had ({e.Message.TrimEnd('.')}).",
                "Give the port to this node, or lead TCP 443 to another one and name that with relay.tcp_port.");
        }
        own.TakesTcp = _tcp!.IsListening;
    }

    void OpenExit()
    {
        _exit!.Open();
        if (_exit.Tun is { } tun)
            LogWarnings(Doctor.Tun(tun.Offloads));
    }

    void Configure(Func<RelayOptions, RelayOptions> change, ExitLeases? leases)
    {
        var options = change(Node.Relay.Options) with
        {
            Region = settings.Relay.Region,
            PolicySummary = settings.Exit.Policy.Count == 0 ? "all but private addresses and mail" : $"{settings.Exit.Policy.Count} rules of the operator",
        };
        Node.Relay.Configure(options, leases, Threads.Clock.Now);
        // Who has no endpoint to announce is reached through others.
        var isHidden = (options.IsRelay || options.IsExit) && settings.Relay.Endpoints.Count == 0;
        Node.Registrar.Want(isHidden ? Descriptor.MaxEndpoints : 0, keys.Identity, Threads.Clock.Now);
        Announce();
        Publish();
    }
}
