using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// The client's part of a node: from what the user wants to a circuit that carries packets, and back to one whenever it is
/// lost. Desired state in, actions out; a state machine of one owner thread.
/// </summary>
public sealed class Controller(IndexTable indices, Outbox outbox, IRandom random)
{
    /// <summary>Circuits tried before a first connection is given up; a lost one is rebuilt for ever.</summary>
    const int ConnectAttempts = 6;
    static readonly TimeSpan s_avoidFor = TimeSpan.FromMinutes(2);
    static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(5);

    readonly Dictionary<string, Instant> _avoided = [];
    Circuit? _building;
    Instant _retryAt = Instant.Never;
    int _failures;

    public Connection Connection { get; private set; } = Connection.Off;

    /// <summary>Goes up with every change of <see cref="Connection"/>.</summary>
    public long Changes { get; private set; }

    /// <summary>The circuit that packets take, or null: the shell hands it to the client's plane after every step.</summary>
    public Circuit? Carrying { get; private set; }

    /// <summary>The circuit being built or in use, to be shown.</summary>
    public Circuit? Shown => _building ?? Carrying;

    /// <summary>Relays to choose from; the owner keeps it up to date and leaves itself out.</summary>
    public IReadOnlyList<Candidate> Candidates { get; set; } = [];

    /// <summary>The device must be up: the shell sets it up and calls <see cref="DeviceReady"/> or <see cref="DeviceFailed"/>.</summary>
    public bool NeedsDevice => Connection.Phase == ConnectPhase.ConfiguringDevice;

    public Instant NextTimeout =>
        Instant.Min(_retryAt, Instant.Min(_building?.NextTimeout ?? Instant.Never, Carrying?.NextTimeout ?? Instant.Never));

    /// <summary>
    /// Why no circuit could be chosen for this request now, and what helps; null when one could. Asked before
    /// <see cref="Up"/>, so that a request that cannot be met does not cost the connection that stands.
    /// </summary>
    public (string Problem, string Remedy)? WhyNot(ConnectRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var verdict = Choose(request, avoid: false, out _);
        return verdict == PathVerdict.Ok ? null : Explain(verdict, request);
    }

    /// <summary>Gives up what stands and connects anew.</summary>
    public void Up(ConnectRequest request, Instant now)
    {
        ArgumentNullException.ThrowIfNull(request);
        Drop(now);
        _failures = 0;
        _avoided.Clear();
        Become(new Connection { State = ConnectionState.Connecting, Phase = ConnectPhase.ChoosingRelays, Request = request });
        Build(now);
    }

    public void Down(Instant now)
    {
        Drop(now);
        Become(Connection.Off);
    }

    /// <summary>The device stands: packets may flow.</summary>
    public void DeviceReady()
    {
        if (Connection.Phase == ConnectPhase.ConfiguringDevice)
            Become(Connection with { State = ConnectionState.Active, Phase = ConnectPhase.Active, Problem = null, Remedy = null });
    }

    public void DeviceFailed(string problem, string remedy, Instant now)
    {
        Drop(now);
        GiveUp(problem, remedy);
    }

    public void HandleTimeout(Instant now)
    {
        _building?.HandleTimeout(now);
        Carrying?.HandleTimeout(now);
        if (now >= _retryAt)
            Build(now);
        Observe(now);
    }

    /// <summary>Looks at what the last step did to the circuits; the node calls it after every input.</summary>
    public void Observe(Instant now)
    {
        if (Carrying is { State: CircuitState.Closed } lost)
        {
            Carrying = null;
            Become(Connection with
            {
                State = ConnectionState.Reconnecting,
                Phase = ConnectPhase.ChoosingRelays,
                HopsReached = 0,
                Problem = Describe(lost),
            });
            Avoid(lost, now);
            _failures = 0;
            Build(now);
        }
        if (_building is not { } circuit)
            return;
        switch (circuit.State)
        {
            case CircuitState.Building:
                var phase = circuit.HopsReached == 0 ? ConnectPhase.ConnectingEntry
                    : circuit.HopsReached < circuit.Hops.Length ? ConnectPhase.ExtendingCircuit
                    : ConnectPhase.OpeningExit;
                if (phase != Connection.Phase || circuit.HopsReached != Connection.HopsReached)
                    Become(Connection with { Phase = phase, HopsReached = circuit.HopsReached });
                break;
            case CircuitState.Ready:
                _building = null;
                Carrying = circuit;
                _failures = 0;
                Become(Connection with { Phase = ConnectPhase.ConfiguringDevice, HopsReached = circuit.HopsReached });
                break;
            case CircuitState.Closed:
                _building = null;
                Avoid(circuit, now);
                Retry(Describe(circuit), now);
                break;
        }
    }

    void Build(Instant now)
    {
        _retryAt = Instant.Never;
        foreach (var (name, until) in _avoided)
            if (until <= now)
                _avoided.Remove(name);
        var request = Connection.Request;
        var verdict = Choose(request, avoid: true, out var path);
        // Better a relay that failed once than no connection: it may have been the network in between.
        if (verdict != PathVerdict.Ok && _avoided.Count > 0)
            verdict = Choose(request, avoid: false, out path);
        if (verdict != PathVerdict.Ok)
        {
            var (problem, remedy) = Explain(verdict, request);
            if (Connection.State == ConnectionState.Reconnecting)
                Retry(problem, now);
            else
                GiveUp(problem, remedy);
            return;
        }
        _building = new Circuit(path, indices, outbox, random, now);
        _building.Start(now);
        Become(Connection with { Phase = ConnectPhase.ConnectingEntry, HopsReached = 0 });
    }

    PathVerdict Choose(ConnectRequest request, bool avoid, out HopTarget[] path)
    {
        var candidates = avoid ? Candidates.Where(c => !_avoided.ContainsKey(c.Target.Name)).ToArray() : Candidates;
        return PathSelector.Choose(candidates, request.Mode.Hops(), request.ExitRegion, random, out path);
    }

    void Retry(string problem, Instant now)
    {
        _failures++;
        if (Connection.State == ConnectionState.Connecting && _failures >= ConnectAttempts)
        {
            GiveUp(problem, "Check that this machine is online and that its firewall lets UDP out; then try again.");
            return;
        }
        // At once after the first failure, then slower: 0, 250 ms, 500 ms, ... 5 s.
        var pause = _failures == 1 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(250) * (1 << Math.Min(_failures - 2, 5));
        _retryAt = now + (pause < s_longestPause ? pause : s_longestPause);
        Become(Connection with { Phase = ConnectPhase.ChoosingRelays, HopsReached = 0, Problem = problem });
    }

    void GiveUp(string problem, string remedy)
    {
        _retryAt = Instant.Never;
        Become(Connection with { State = ConnectionState.Failed, Phase = ConnectPhase.None, HopsReached = 0, Problem = problem, Remedy = remedy });
    }

    void Avoid(Circuit circuit, Instant now)
    {
        if (circuit.Failure is { } failure)
            _avoided[circuit.Hops[failure.HopIndex].Target.Name] = now + s_avoidFor;
    }

    void Drop(Instant now)
    {
        _building?.Close(now);
        Carrying?.Close(now);
        (_building, Carrying, _retryAt) = (null, null, Instant.Never);
    }

    void Become(Connection connection)
    {
        if (connection == Connection)
            return;
        Connection = connection;
        Changes++;
    }

    static string Describe(Circuit circuit) => circuit.Failure is { } failure
        ? $"Hop {failure.HopIndex + 1} of {circuit.Hops.Length}: {failure.Reason}."
        : "The circuit was closed.";

    static (string Problem, string Remedy) Explain(PathVerdict verdict, ConnectRequest request) => verdict switch
    {
        PathVerdict.NoRelays => ("No relay is known.", "Import a directory file: macrovpn network import FILE."),
        PathVerdict.NoExit => ("No relay in the directory is an exit.", "Import a directory file that lists an exit: macrovpn network import FILE."),
        PathVerdict.NoExitInRegion => ($"No exit is known in region {request.ExitRegion}.", "Choose another region with --exit, or leave it out."),
        PathVerdict.TooFewRelays => ($"A circuit of {request.Mode.Hops()} hops needs as many relays of different operators and addresses; the directory has too few.",
            "Import more relays, or choose a mode with fewer hops."),
        PathVerdict.Ok => ("", ""),
    };
}
