using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Devices;
using Macro.Daemon.Pump;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;
using Macro.Daemon.Tcp;
using Macro.Daemon.Traversal;
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
    NodeSettings settings, KeyRing keys, NetworkDirectory directory, CurrentNetwork network, NetworkEntrance entrance, RelayCache cache,
    OwnDescriptor own, PeerMemory memory, RelayAllowance allowance, ILogger<EngineControl> log) : INodeControl, IDisposable
{
    /// <summary>Mark of the node's own datagrams, by which they pass beside the client's routes.</summary>
    const uint Mark = Linux.ClientRouteOptions.DefaultMark;

    // Of a second each.
    const int TicksBetweenRefreshes = 60, TicksBeforeFirstSave = 20, TicksBetweenSaves = 600;

    readonly DeviceChanges _devices = new();
    readonly CancellationTokenSource _stopping = new();
    readonly HashSet<string> _logged = [];
    NodeThreads? _threads;
    HopVerifier? _verifier;
    DiscoveryOptions? _discovery;
    CircuitEnds? _ends;
    ClientSide? _client;
    ExitSide? _exit;
    NetworkSide? _network;
    TcpSide? _tcp;
    Task _tending = Task.CompletedTask;
    bool _hasStarted;
    int _tick, _refreshAt = TicksBetweenRefreshes, _saveAt = TicksBeforeFirstSave;
    Nat.Reachability.Standing? _seenStanding;
    long _seenChanges;
    long _sentBefore, _receivedBefore, _coverBefore;
    bool _deviceAsked;

    // Of the last attempt to open it; the owner thread's.
    Problem? _deviceProblem;
    IReadOnlyList<Endpoint> _localEndpoints = [];

    public StatusFeed Status { get; } = new(new Status { State = Api.ConnectionState.Off, Relay = new RelayStatus(), Exit = new ExitStatus() });

    NodeThreads Threads => _threads ?? throw new NodeException(ProblemCodes.WrongState, "The node is stopping.", null);

    Node Node => Threads.Node;

    bool UsesTun { get; } = ClientSide.UsesTun(settings);

    bool UsesKernel { get; } = ExitSide.UsesKernel(settings);

    public async Task StartAsync(DesiredState wanted, CancellationToken cancel)
    {
        Sweep(keepClosed: wanted.Up && UsesTun && settings.Client.KillSwitch);
        var sockets = Bind(settings.Node);
        var endpoints = OwnEndpoints(sockets[0].Port);
        _verifier = new HopVerifier(
            directory.Rules, keys.Identity.Id, endpoint => endpoints.Contains(endpoint) || Node.Traversal.Possible.Contains(endpoint), sockets[0].HasV6);
        _threads = new NodeThreads(sockets, OptionsOf(settings.Node) with { Offload = false, SocketBuffer = 1 << 18 }, _verifier, Stepped, Ticked,
            limits: (allowance.LargestRate, settings.Client.UploadLimit * 1_000_000L));
        _ends = new CircuitEnds(Threads, settings.Network.Static || settings.Network.Local);
        _client = new ClientSide(settings, Threads, _ends, Mark);
        _exit = new ExitSide(settings, Threads, Mark);
        _network = new NetworkSide(settings, Threads, keys.Identity, own.SignFor, Mark);
        _tcp = new TcpSide(Threads, settings.Node.Bind, Mark);
        LogWarnings(Doctor.Crypto().Concat(Doctor.Udp(sockets)));
        await Threads.RunAsync(() =>
        {
            Node.Relay.SetKeys(keys.CopyRelayKeys());
            _network.Configure();
            Node.Controller.MainEnd = UsesTun ? (IsolationKey.Device, Threads.Device) : (IsolationKey.Shared, _ends.Shared);
            Node.Controller.MostPaths = settings.Client.Paths;
            Node.Controller.GoesEarly = settings.Client.EarlyData;
            Node.Controller.CoverBudget = settings.Client.Metered ? 0 : settings.Client.CoverBudget * 1_000_000L;
            memory.Load(Node.Controller, Threads.Clock.Now);
            Node.Direct.Offer = now => Node.DescribeSelf(_localEndpoints, now);
        });
        await FindNetworkAsync();
        keys.RelayKeysChanged += () => _ = _threads?.RunAsync(() =>
        {
            Node.Relay.SetKeys(keys.CopyRelayKeys());
            Announce();
        });
        directory.Changed += () => _ = _threads?.RunAsync(RefreshCandidates);
        allowance.Decide(0, Threads.Clock.Now);
        _pause = allowance.Pause;
        await Threads.RunAsync(() => _hasStarted = true);

        // First of all: from here on, what the device takes in waits for a circuit instead of going out in clear. No relay
        // need be known yet; the controller goes on trying.
        if (wanted.Up)
            await ConnectAsync(new ConnectRequest { Mode = Words.ToEngine(wanted.Mode), ExitRegion = wanted.ExitRegion });
        if (wanted.Relay)
            await SetRelayAsync(true, cancel);
        // What was wanted and cannot be had now must not keep the node from starting: the API says why.
        if (wanted.Exit)
            await TryAsync(() => SetExitAsync(true, cancel));
    }

    public async Task StopAsync(CancellationToken cancel)
    {
        if (_threads is null)
            return;
        await SaveAsync();
        allowance.Save();
        await DownAsync(cancel);
        await SetExitAsync(false, cancel);
        if (_network is not null)
            await _network.DisposeAsync();
        await Threads.RunAsync(() => Node.Relay.CloseAll(Threads.Clock.Now));
        if (_tcp is not null)
            await _tcp.DisposeAsync();
        await SavePeersAsync(cancel);
        await _stopping.CancelAsync();
        await await Threads.RunAsync(() => _tending);
        _ends?.Dispose();
        _threads.Dispose();
        _threads = null;
    }

    public void Dispose()
    {
        _client?.Dispose();
        _exit?.Dispose();
        _ends?.Dispose();
        _threads?.Dispose();
        _devices.Dispose();
        _stopping.Dispose();
        _saving.Dispose();
        _roles.Dispose();
    }

    public async Task<Status> UpAsync(Mode mode, string? exitRegion, CancellationToken cancel)
    {
        var request = new ConnectRequest { Mode = Words.ToEngine(mode), ExitRegion = exitRegion };
        var refusal = await Threads.RunAsync(() =>
        {
            RefreshCandidates();
            // Where relays are found by the node itself, they are looked for when they are wanted, and not before.
            return Node.Discovery is null ? Node.Controller.WhyNot(request, Threads.Clock.Now) : null;
        });
        if (refusal is { } no)
            throw new NodeException(Words.CodeOf(no.Verdict), no.Problem, no.Remedy);
        await ConnectAsync(request);
        return Status.Current;
    }

    public async Task<Status> DownAsync(CancellationToken cancel)
    {
        await Threads.RunAsync(() => Node.Controller.Down(Threads.Clock.Now));
        await _devices.RunAsync(_client!.Close, cancel);
        await Threads.RunAsync(Publish);
        return Status.Current;
    }

    public Task<CircuitAnswer> CircuitAsync(CancellationToken cancel) => Threads.RunAsync(() => Words.DescribeCircuits(Node.Controller, Threads.Clock.Now) with { Wire = Status.Current.Wire });

    public Task<WhyAnswer> CircuitWhyAsync(CancellationToken cancel) => Threads.RunAsync(() => PathWords.Describe(Node.Controller));

    /// <summary>On the owner thread, after each of its steps.</summary>
    void Stepped()
    {
        _tcp?.Follow();
        if (!Node.Registrar.Introducers.SequenceEqual(own.Introducers))
        {
            own.Introducers = Node.Registrar.Introducers;
            Announce();
        }
        if (!ReferenceEquals(Node.Traversal.Standing, _seenStanding))
        {
            _seenStanding = Node.Traversal.Standing;
            own.Proven = _seenStanding.Endpoints;
            Announce();
        }
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

    async Task ConnectAsync(ConnectRequest request)
    {
        // While no device stands: later, the machine's questions would wait for a circuit, too.
        if (_discovery is { Cached.Count: 0, Invited.Count: 0 })
            await FindRoutersAsync();
        await Threads.RunAsync(() =>
        {
            (_sentBefore, _receivedBefore, _coverBefore) = (ClientBytesSent, Threads.Received.ClientBytes, Threads.Received.CoverBytes);
            Node.Controller.Up(request, Threads.Clock.Now);
            Node.Observe(Threads.Clock.Now);
            Publish();
        });
    }

    /// <summary>Whatever goes wrong here is told the controller: else it would wait for the device for ever.</summary>
    async Task ProvideDeviceAsync()
    {
        try
        {
            var problem = await TryOpenClientAsync();
            await Threads.RunAsync(() =>
            {
                _deviceProblem = problem;
                if (problem is null)
                    Node.Controller.DeviceReady(Threads.Clock.Now);
                else
                    Node.Controller.DeviceFailed(problem.Message, problem.Remedy ?? "", Threads.Clock.Now);
            });
            // Down may have come while the device was being made.
            if (await Threads.RunAsync(() => Node.Controller.Connection.State == Engine.ConnectionState.Off))
                await _devices.RunAsync(_client!.Close, CancellationToken.None);
        }
        catch (Exception e) when (e is NodeException or OperationCanceledException)
        {
            // The node stops, and takes down what there is.
        }
    }

    async Task<Problem?> TryOpenClientAsync()
    {
        try
        {
            await _devices.RunAsync(OpenClient, _stopping.Token);
            return null;
        }
        catch (NodeException e)
        {
            return e.Problem;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogDeviceFault(e.GetType().Name);
            return new Problem
            {
                Code = ProblemCodes.Internal,
                Message = $"The device could not be set up ({e.Message.TrimEnd('.')}).",
                Remedy = Problem.ReportRemedy,
            };
        }
    }

    void OpenClient()
    {
        _client!.Open(_exit!.Tun is null ? null : settings.Exit.Device);
        if (_client.Tun is { } tun)
            LogWarnings(Doctor.Tun(tun.Offloads));
        if (_client.Missing is { } missing)
            LogMissing("proxy", missing.Message, missing.Remedy);
    }

    /// <summary>Relays that came in files: in a static network they are all there are, elsewhere a beginning.</summary>
    void RefreshCandidates()
    {
        _localEndpoints = [.. Local.OutsideAddresses(settings).Select(address => new Endpoint(address, Threads.Sockets[0].Port))];
        var known = directory.Current();
        if (Node.Discovery is { } discovery)
            foreach (var signed in known)
                discovery.Offer(signed, Verification.File, Threads.Clock.Now);
        else
            Node.SetCandidates(HopTargets.ToCandidates(known, keys.Identity.Id, Threads.HasV6, presharedKey: null));
    }

    /// <summary>On the owner thread, once a second. What takes its time is done beside it.</summary>
    void Ticked()
    {
        if (!_hasStarted || _stopping.IsCancellationRequested)
            return;
        _tick++;
        FollowAllowance();
        Publish();
        var (refreshes, saves) = (_tick >= _refreshAt, _tick >= _saveAt);
        if (!_tending.IsCompleted || !(refreshes || saves || allowance.Pause != _pause || memory.IsStale(Node.Controller)))
            return;
        if (refreshes)
            _refreshAt = _tick + TicksBetweenRefreshes;
        if (saves)
            _saveAt = _tick + TicksBetweenSaves;
        _tending = Task.Run(() => TendAsync(refreshes, saves, _stopping.Token));
    }

    async Task TendAsync(bool refreshes, bool saves, CancellationToken cancel)
    {
        try
        {
            // First: what cannot be written must not keep the node at work.
            if (allowance.Pause != _pause)
                await PauseAsync(cancel);
            // Descriptors expire by themselves; what is imported is taken in at once.
            if (refreshes)
            {
                await Threads.RunAsync(RefreshCandidates);
                allowance.Save();
            }
            if (saves)
                await SaveAsync();
            await SavePeersAsync(cancel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotSaved(e.GetType().Name);
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    long ClientBytesSent => Threads.Device.Plane.Counters.ClientBytes + _ends!.Counters.ClientBytes;

    void Publish() => Status.Publish(WithAllowance(Words.Describe(
        Threads, _client!, _exit!, _deviceProblem, ClientBytesSent - _sentBefore, Threads.Received.ClientBytes - _receivedBefore, Threads.Received.CoverBytes - _coverBefore)));

    /// <param name="keepClosed">The kill switch of an earlier run stays until that of this one takes its place.</param>
    void Sweep(bool keepClosed)
    {
        if (!Machine.MayConfigureNetworks)
            return;
        try
        {
            foreach (var what in StateSweep.Run(keepClosed ? settings.Client.Device : null).Removed)
                LogSwept(what);
        }
        catch (LinuxException e)
        {
            LogSweepFailed(e.Message);
        }
    }

    HashSet<Endpoint> OwnEndpoints(ushort port) => (settings.Node.Bind is { } only ? [only] : Local.Addresses())
        .Select(address => new Endpoint(address, port))
        .Concat(settings.Relay.Endpoints)
        .ToHashSet();

    static IReadOnlyList<UdpPort> Bind(NodeSection node)
    {
        try
        {
            var pumps = node.Pumps > 0 ? node.Pumps : PumpThread.PumpsFor(Environment.ProcessorCount);
            return UdpPort.BindGroup(node.UdpPort, pumps, OptionsOf(node));
        }
        catch (LinuxException e)
        {
            throw new NodeException(ProblemCodes.NotPermitted, e.Message,
                e.Errno == 99 ? "Set node.bind to an address of this machine." : "Choose another port with node.udp_port in the settings; 0 takes any.", e);
        }
    }

    static UdpOptions OptionsOf(NodeSection node) => new() { EcnCapable = true, Address = node.Bind, Mark = Machine.MayConfigureNetworks ? Mark : 0 };

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
                .. (_client?.Tun ?? _exit?.Tun) is { } tun ? Doctor.Tun(tun.Offloads) : UsesTun || UsesKernel ? Doctor.TryTun() : [],
                .. UsesTun || UsesKernel ? Doctor.Network(isExit && UsesKernel) : Doctor.Rootless(isExit),
                .. _exit?.Device is { } device ? Doctor.Exit(device) : [],
                Doctor.KeyStore(keys.SealedBy),
            ],
        }, cancel);
    }

    public Task<NetcheckAnswer> NetcheckAsync(CancellationToken cancel) => _network!.CheckAsync(cancel);

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

    [LoggerMessage(Level = LogLevel.Error, Message = "the device could not be set up: {kind}")]
    partial void LogDeviceFault(string kind);

    [LoggerMessage(Level = LogLevel.Error, Message = "could not go back to the wanted state: {why}")]
    partial void LogNotRestored(string why);
}
