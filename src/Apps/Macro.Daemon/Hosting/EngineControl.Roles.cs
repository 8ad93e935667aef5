using Macro.Api;
using Macro.Circuits;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>What the node does for others: relay and exit, switched on and off.</summary>
sealed partial class EngineControl
{
    readonly SemaphoreSlim _roles = new(1);
    bool _wantsRelay, _wantsExit;
    int _rate = -1;
    string? _pause;

    public Task<Status> SetRelayAsync(bool enabled, CancellationToken cancel) => ChangeRolesAsync(
        async () =>
        {
            _wantsRelay = enabled;
            await ServeRelayAsync(enabled && _pause is null);
        }, cancel);

    public Task<Status> SetExitAsync(bool enabled, CancellationToken cancel) => ChangeRolesAsync(
        async () =>
        {
            await ServeExitAsync(enabled && _pause is null, cancel);
            _wantsExit = enabled;
        }, cancel);

    async Task<Status> ChangeRolesAsync(Func<Task> change, CancellationToken cancel)
    {
        await _roles.WaitAsync(cancel);
        try
        {
            await change();
            return Status.Current;
        }
        finally
        {
            _roles.Release();
        }
    }

    async Task ServeRelayAsync(bool enabled)
    {
        if (enabled)
            _ = FindRoutersAsync();
        await ListenTcpAsync(enabled);
        await Threads.RunAsync(() => Configure(o => o with { IsRelay = enabled }, Node.Relay.Leases));
        await _network!.SetRelayAsync(enabled);
    }

    async Task ServeExitAsync(bool enabled, CancellationToken cancel)
    {
        if (enabled)
            await _devices.RunAsync(OpenExit, cancel);
        await Threads.RunAsync(() => Configure(o => o with { IsExit = enabled }, enabled ? _exit!.Leases : null));
        if (!enabled)
            await _devices.RunAsync(_exit!.Close, cancel);
    }

    void FollowAllowance()
    {
        allowance.Decide(Threads.ForOthers, Threads.Clock.Now);
        if (allowance.Pause is null && allowance.Rate != _rate)
            Threads.LimitOthers(RelayAllowance.BitsPerSecond(_rate = allowance.Rate));
    }

    /// <summary>Relay and exit rest while the allowance says so; those who are served are told to go elsewhere.</summary>
    Task PauseAsync(CancellationToken cancel) => TryAsync(() => ChangeRolesAsync(
        async () =>
        {
            _pause = allowance.Pause;
            if (_pause is not null)
            {
                LogPaused(_pause);
                allowance.Save();
                await Threads.RunAsync(() => Node.Relay.CloseAll(Threads.Clock.Now));
            }
            if (_wantsRelay)
                await ServeRelayAsync(_pause is null);
            if (_wantsExit)
                await ServeExitAsync(_pause is null, cancel);
        }, cancel));

    Status WithAllowance(Status status) => status with
    {
        Relay = status.Relay with
        {
            Enabled = _wantsRelay,
            Paused = _wantsRelay || _wantsExit ? _pause : null,
            MonthBytes = allowance.Account.Limit > 0 ? allowance.Account.Used : 0,
            MonthLimit = allowance.Account.Limit,
        },
        Exit = status.Exit with { Enabled = _wantsExit },
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "nothing is passed on for others now: {why}")]
    partial void LogPaused(string why);

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
        if (_exit.Device is { } device)
            LogWarnings(Doctor.Tun(device.Tun.Offloads).Concat(Doctor.Exit(device)));
    }

    void Configure(Func<RelayOptions, RelayOptions> change, ExitLeases? leases)
    {
        var options = change(Node.Relay.Options) with
        {
            Region = settings.Relay.Region,
            PolicySummary = settings.Exit.IsOpen ? "all but private addresses and mail" : $"{settings.Exit.Policy.Count} rules of the operator",
            // Where bytes are counted, they are for packets.
            CoverLimit = allowance.IsLimited ? 0 : new RelayOptions().CoverLimit,
        };
        Node.Relay.Configure(options, leases, Threads.Clock.Now);
        // Who has no endpoint to announce is reached through others.
        var isHidden = (options.IsRelay || options.IsExit) && settings.Relay.Endpoints.Count == 0;
        Node.Registrar.Want(isHidden ? Descriptor.MaxEndpoints : 0, keys.Identity, Threads.Clock.Now);
        Announce();
        Publish();
    }
}
