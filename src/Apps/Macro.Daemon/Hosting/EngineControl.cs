using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Devices;
using Macro.Daemon.Pump;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;
using Macro.Engine;
using Macro.Linux;
using Macro.Peers;
using Macro.Pump;

namespace Macro.Daemon.Hosting;

/// <summary>
/// The API's operations on the engine: turns wishes into calls on the owner thread, and what the engine needs from the
/// machine (devices, routes, NAT) into work beside it.
/// </summary>
sealed partial class EngineControl(
    NodeSettings settings, KeyRing keys, NetworkDirectory directory, ILogger<EngineControl> log) : INodeControl, IDisposable
{
    /// <summary>Mark of the node's own datagrams, by which they pass beside the client's routes.</summary>
    const uint Mark = Linux.ClientRouteOptions.DefaultMark;

    static readonly TimeSpan s_publishEvery = TimeSpan.FromSeconds(1);
    const int TicksBetweenRefreshes = 60;

    // One change of devices at a time; the owner thread never waits for it.
    readonly SemaphoreSlim _devices = new(1, 1);
    readonly CancellationTokenSource _stopping = new();
    readonly HashSet<string> _logged = [];
    NodeThreads? _threads;
    ClientDevice? _client;
    ExitDevice? _exit;
    PumpThread? _clientPump, _exitPump;
    Task _publishing = Task.CompletedTask;
    long _seenChanges;
    long _sentBefore, _receivedBefore;
    bool _deviceAsked;

    public StatusFeed Status { get; } = new(new Status { State = Api.ConnectionState.Off, Relay = new RelayStatus(), Exit = new ExitStatus() });

    NodeThreads Threads => _threads ?? throw new NodeException(ProblemCodes.WrongState, "The node is stopping.", null);

    Node Node => Threads.Node;

    public async Task StartAsync(DesiredState wanted, CancellationToken cancel)
    {
        Sweep();
        var sockets = Bind(settings.Node);
        var verifier = new HopVerifier(directory.Rules, keys.Identity.Id, OwnEndpoints(sockets[0].Port), sockets[0].HasV6);
        _threads = new NodeThreads(sockets, verifier, Stepped);
        LogWarnings(Doctor.Crypto().Concat(Doctor.Udp(sockets)));
        await Threads.RunAsync(() =>
        {
            Node.Relay.SetKeys(keys.CopyRelayKeys());
            RefreshCandidates();
        });
        keys.RelayKeysChanged += () => _ = _threads?.RunAsync(() => Node.Relay.SetKeys(keys.CopyRelayKeys()));
        directory.Changed += () => _ = _threads?.RunAsync(RefreshCandidates);
        _publishing = PublishAsync(_stopping.Token);

        if (wanted.Relay)
            await SetRelayAsync(true, cancel);
        // What was wanted and cannot be had now must not keep the node from starting: the API says why.
        if (wanted.Exit)
            await TryAsync(() => SetExitAsync(true, cancel));
        if (wanted.Up)
            await TryAsync(() => UpAsync(wanted.Mode, wanted.ExitRegion, cancel));
    }

    public async Task StopAsync(CancellationToken cancel)
    {
        if (_threads is null)
            return;
        await DownAsync(cancel);
        await SetExitAsync(false, cancel);
        await Threads.RunAsync(() => Node.Relay.CloseAll(Threads.Clock.Now));
        await _stopping.CancelAsync();
        await _publishing;
        _threads.Dispose();
        _threads = null;
    }

    public void Dispose()
    {
        _threads?.Dispose();
        _client?.Dispose();
        _exit?.Dispose();
        _devices.Dispose();
        _stopping.Dispose();
    }

    public async Task<Status> UpAsync(Mode mode, string? exitRegion, CancellationToken cancel)
    {
        var request = new ConnectRequest { Mode = Words.ToEngine(mode), ExitRegion = exitRegion };
        var refusal = await Threads.RunAsync(() =>
        {
            RefreshCandidates();
            if (Node.Controller.WhyNot(request) is { } why)
                return why;
            (_sentBefore, _receivedBefore) = (Threads.Sent.ClientBytes, Threads.Received.ClientBytes);
            Node.Controller.Up(request, Threads.Clock.Now);
            Publish();
            return default((string Problem, string Remedy)?);
        });
        return refusal is { } no
            ? throw new NodeException(exitRegion is null ? ProblemCodes.NoRelays : ProblemCodes.NoExitInRegion, no.Problem, no.Remedy)
            : Status.Current;
    }

    public async Task<Status> DownAsync(CancellationToken cancel)
    {
        await Threads.RunAsync(() => Node.Controller.Down(Threads.Clock.Now));
        await ChangeDevicesAsync(CloseClient, cancel);
        await Threads.RunAsync(Publish);
        return Status.Current;
    }

    public Task<CircuitAnswer> CircuitAsync(CancellationToken cancel) => Threads.RunAsync(() => Words.Describe(Node.Controller.Shown));

    public async Task<Status> SetRelayAsync(bool enabled, CancellationToken cancel)
    {
        await Threads.RunAsync(() => Configure(o => o with { IsRelay = enabled }, Node.Relay.Leases));
        return Status.Current;
    }

    public async Task<Status> SetExitAsync(bool enabled, CancellationToken cancel)
    {
        if (enabled)
            await ChangeDevicesAsync(OpenExit, cancel);
        await Threads.RunAsync(() => Configure(o => o with { IsExit = enabled }, enabled ? _exit?.Leases : null));
        if (!enabled)
            await ChangeDevicesAsync(CloseExit, cancel);
        return Status.Current;
    }

    /// <summary>On the owner thread, after each of its steps.</summary>
    void Stepped()
    {
        var controller = Node.Controller;
        if (controller.Changes == Interlocked.Exchange(ref _seenChanges, controller.Changes))
            return;
        Publish();
        if (!controller.NeedsDevice)
            _deviceAsked = false;
        else if (!_deviceAsked)
        {
            _deviceAsked = true;
            _ = ProvideDeviceAsync();
        }
    }

    async Task ProvideDeviceAsync()
    {
        try
        {
            await ChangeDevicesAsync(OpenClient, _stopping.Token);
            await Threads.RunAsync(() => Node.Controller.DeviceReady());
        }
        catch (Exception e) when (e is NodeException or OperationCanceledException)
        {
            var (message, remedy) = e is NodeException { Problem: var problem } ? (problem.Message, problem.Remedy) : ("The node is stopping.", null);
            await Threads.RunAsync(() => Node.Controller.DeviceFailed(message, remedy ?? "", Threads.Clock.Now));
        }
        // Down may have come while the device was being made.
        if (await Threads.RunAsync(() => Node.Controller.Connection.State is Engine.ConnectionState.Off or Engine.ConnectionState.Failed))
            await ChangeDevicesAsync(CloseClient, CancellationToken.None);
    }

    async Task ChangeDevicesAsync(Action change, CancellationToken cancel)
    {
        await _devices.WaitAsync(cancel);
        try
        {
            await Task.Run(change, cancel);
        }
        catch (LinuxException e)
        {
            var forbidden = e.Errno is 1 or 13;
            throw new NodeException(
                forbidden ? ProblemCodes.NotPermitted : ProblemCodes.Internal, e.Message,
                forbidden ? "Run macrovpnd as root, or give it the capability CAP_NET_ADMIN." : "Look whether another program owns the device or its routes.", e);
        }
        finally
        {
            _devices.Release();
        }
    }

    void OpenClient()
    {
        if (_client is not null)
            return;
        _client = ClientDevice.Open(settings.Client, Mark, _exit is null ? null : settings.Exit.Device);
        _clientPump = Threads.Attach(_client.Tun);
        LogWarnings(Doctor.Tun(_client.Tun.Offloads));
    }

    void CloseClient()
    {
        _client?.Dispose();
        _clientPump?.Join();
        (_client, _clientPump) = (null, null);
    }

    void OpenExit()
    {
        if (_exit is not null)
            return;
        _exit = ExitDevice.Open(settings.Exit, settings.Relay.Endpoints, Mark);
        _exitPump = Threads.Attach(_exit.Tun, _exit.Leases, _exit.Policy);
        LogWarnings(Doctor.Tun(_exit.Tun.Offloads));
    }

    void CloseExit()
    {
        _exit?.Dispose();
        _exitPump?.Join();
        (_exit, _exitPump) = (null, null);
    }

    void Configure(Func<RelayOptions, RelayOptions> change, ExitLeases? leases)
    {
        var options = change(Node.Relay.Options) with
        {
            Region = settings.Relay.Region,
            PolicySummary = settings.Exit.Policy.Count == 0 ? "all but private addresses and mail" : $"{settings.Exit.Policy.Count} rules of the operator",
        };
        Node.Relay.Configure(options, leases, Threads.Clock.Now);
        Publish();
    }

    void RefreshCandidates() => Node.Controller.Candidates =
    [
        .. from signed in directory.Current()
           let about = signed.Descriptor
           let endpoint = HopVerifier.Pick(about.Endpoints, Threads.HasV6)
           where signed.Id != keys.Identity.Id && about.IsRelay && !endpoint.IsNone
           select new Candidate
           {
               IsExit = about.IsExit,
               Family = about.Family,
               Endpoints = about.Endpoints,
               Target = new HopTarget
               {
                   Name = signed.Id.ToString(),
                   RelayKey = about.RelayKey,
                   Endpoint = endpoint,
                   Descriptor = signed.Encode().ToArray(),
                   Region = about.Region,
               },
           },
    ];

    async Task PublishAsync(CancellationToken cancel)
    {
        try
        {
            using var timer = new PeriodicTimer(s_publishEvery);
            for (var tick = 1; await timer.WaitForNextTickAsync(cancel); tick++)
            {
                // Descriptors expire by themselves; what is imported is taken in at once.
                if (tick % TicksBetweenRefreshes == 0)
                    await Threads.RunAsync(RefreshCandidates);
                await Threads.RunAsync(Publish);
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    void Publish() => Status.Publish(Words.Describe(
        Threads, _client?.Tun.Name, Threads.Sent.ClientBytes - _sentBefore, Threads.Received.ClientBytes - _receivedBefore));

    void Sweep()
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        try
        {
            foreach (var what in StateSweep.Run().Removed)
                LogSwept(what);
        }
        catch (LinuxException e)
        {
            LogSweepFailed(e.Message);
        }
    }

    HashSet<Endpoint> OwnEndpoints(ushort port) => Local.Addresses()
        .Select(address => new Endpoint(address, port))
        .Concat(settings.Relay.Endpoints)
        .ToHashSet();

    static IReadOnlyList<UdpPort> Bind(NodeSection node)
    {
        try
        {
            var pumps = node.Pumps > 0 ? node.Pumps : PumpThread.PumpsFor(Environment.ProcessorCount);
            return UdpPort.BindGroup(node.UdpPort, pumps, new UdpOptions { Mark = Environment.IsPrivilegedProcess ? Mark : 0 });
        }
        catch (LinuxException e)
        {
            throw new NodeException(ProblemCodes.NotPermitted, e.Message, "Choose another port with node.udp_port in the settings; 0 takes any.", e);
        }
    }

    async Task TryAsync(Func<Task> start)
    {
        try
        {
            await start();
        }
        catch (NodeException e)
        {
            LogNotRestored($"{e.Problem.Message} {e.Problem.Remedy}");
        }
    }

    public async Task<DoctorAnswer> ExamineAsync(CancellationToken cancel)
    {
        var isExit = await Threads.RunAsync(() => Node.Relay.Options.IsExit);
        return await Task.Run(() => new DoctorAnswer
        {
            Findings =
            [
                .. Doctor.Crypto(),
                .. Doctor.Udp(Threads.Sockets),
                .. (_client?.Tun ?? _exit?.Tun) is { } tun ? Doctor.Tun(tun.Offloads) : Doctor.TryTun(),
                .. Doctor.Network(isExit),
                Doctor.KeyStore(keys.SealedBy),
            ],
        }, cancel);
    }

    /// <summary>Each once: what is missing does not come back while the node runs.</summary>
    void LogWarnings(IEnumerable<Finding> findings)
    {
        foreach (var finding in findings)
            if (!finding.Ok && _logged.Add(finding.Name))
                LogMissing(finding.Name, finding.Message, finding.Remedy);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{name}: {what} {remedy}")]
    partial void LogMissing(string name, string what, string? remedy);

    [LoggerMessage(Level = LogLevel.Warning, Message = "removed what an earlier run left: {what}")]
    partial void LogSwept(string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "could not look for what an earlier run left: {why}")]
    partial void LogSweepFailed(string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "could not go back to the wanted state: {why}")]
    partial void LogNotRestored(string why);
}
