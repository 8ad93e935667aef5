using Macro.Circuits;
using Macro.Core;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// The client's part of a node: from what the user wants to circuits that carry packets, and back to them whenever one is
/// lost. <see cref="Up"/> keeps one circuit standing, of which <see cref="Connection"/> speaks, and <see cref="TryUse"/>
/// one more for every further isolation key. Desired state in, actions out; a state machine of one owner thread.
/// </summary>
public sealed class Controller(IndexTable indices, Outbox outbox, IRandom random)
{
    /// <summary>Isolation keys that have a circuit at the same time, beside the main one.</summary>
    public const int MostIsolated = 32;

    /// <summary>A circuit of an isolation key that nothing used so long is closed.</summary>
    public static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(10);

    /// <summary>Cover traffic of `paranoid` unless a person wants it otherwise: bytes an hour, both directions together.</summary>
    public const long DefaultCoverBudget = 20_000_000;

    static readonly TimeSpan s_deviceRetry = TimeSpan.FromSeconds(15);

    readonly CircuitSource _source = new(indices, outbox, random);
    readonly Dictionary<IsolationKey, KeptCircuit> _isolated = [];
    Instant _deviceRetryAt = Instant.Never;
    bool _deviceReady;
    Circuit? _covered;

    public Connection Connection { get; private set; } = Connection.Off;

    /// <summary>Goes up with every change of <see cref="Connection"/>.</summary>
    public long Changes { get; private set; }

    /// <summary>The isolation key and the end of the main circuit; set before the first <see cref="Up"/>.</summary>
    public (IsolationKey Key, ICircuitEnd? End) MainEnd { get; set; }

    /// <summary>What `up` keeps standing; null when nothing is wanted.</summary>
    public KeptCircuit? Main { get; private set; }

    /// <summary>The circuits of further isolation keys.</summary>
    public IReadOnlyCollection<KeptCircuit> Isolated => _isolated.Values;

    /// <summary>The main circuit that packets take, or null.</summary>
    public Circuit? Carrying => Main?.Carrying;

    /// <summary>All circuits that packets take.</summary>
    public IEnumerable<Circuit> InUse
    {
        get
        {
            if (Carrying is { } main)
                yield return main;
            foreach (var kept in _isolated.Values)
                if (kept.Carrying is { } isolated)
                    yield return isolated;
        }
    }

    /// <summary>All circuits, those being built and those that are second paths included.</summary>
    internal IEnumerable<Circuit> Circuits => _isolated.Values.Append(Main).OfType<KeptCircuit>()
        .SelectMany(kept => kept.Circuits).Concat(_source.Spares.Circuits);

    /// <summary>Only entries that take TCP, if they make a path: UDP does not pass.</summary>
    public bool EntriesByTcp { get => _source.Paths.EntriesByTcp; set => _source.Paths.EntriesByTcp = value; }

    /// <summary>The main circuit being built or in use, to be shown.</summary>
    public Circuit? Shown => Main?.Shown;

    /// <summary>Relays to choose from; the owner keeps it up to date and leaves itself out.</summary>
    public IReadOnlyList<Candidate> Candidates { get => _source.Paths.Candidates; set => _source.Paths.Candidates = value; }

    /// <summary>The relays that may be entries. The shell keeps it over restarts, before the first <see cref="Up"/>.</summary>
    public GuardSet Guards => _source.Paths.Guards;

    /// <summary>Relays that take no part in circuits. The shell keeps it over restarts.</summary>
    public Blocklist Blocklist => _source.Paths.Blocklist;

    /// <summary>What was seen of relays.</summary>
    public ReputationBook Reputation => _source.Paths.Book;

    /// <summary>Where this node stands among the relays; whoever measures a round-trip time may tell it.</summary>
    public Vivaldi Position => _source.Paths.Position;

    /// <summary>At most so many circuits are built ahead of time, 0..4.</summary>
    public int MostSpares { get => _source.Spares.Limit; set => _source.Spares.Limit = Math.Clamp(value, 0, SpareCircuits.Most); }

    /// <summary>Circuits in use have a second path to their exit that is ready; true unless a person wants it otherwise.</summary>
    public bool KeepsStandby { get => _source.KeepsStandby; set => _source.KeepsStandby = value; }

    /// <summary>Packets go by so many paths to their exit at the same time, 1..4; in `paranoid` and in `speed` always by one. Counts from the next circuit on.</summary>
    public int MostPaths
    {
        get => _source.PathsWanted;
        set
        {
            _source.PathsWanted = Math.Clamp(value, 1, PathScheduler<Hop[]>.Most);
            // Each path has a guard of its own.
            Guards.MostPrimaries = Math.Max(GuardSet.Primaries, _source.PathsWanted);
        }
    }

    /// <summary>Circuits are built in one round trip where the mode and the relays allow it; true unless a person wants it otherwise.</summary>
    public bool GoesEarly { get => _source.GoesEarly; set => _source.GoesEarly = value; }

    /// <summary>Cover traffic with the guard in `paranoid`, bytes an hour in both directions together; 0: none.</summary>
    public long CoverBudget { get; set; } = DefaultCoverBudget;

    /// <summary>What the circuits cost since the last <see cref="Up"/>.</summary>
    public WireCost Cost => Circuits.Aggregate(_source.Spent, (sum, circuit) => sum + WireCost.Of(circuit));

    /// <summary>Circuits that are built ahead of time, those being built included.</summary>
    public int Spares => _source.Spares.Count;

    /// <summary>Relays are found by the node itself and not told by a file: so its words for the user are others.</summary>
    public bool FindsRelays { get => _source.Paths.FindsRelays; set => _source.Paths.FindsRelays = value; }

    /// <summary>They were looked for everywhere, and too few found: until then, that there are none yet is no reason to despair.</summary>
    public bool SearchFailed { get; set; }

    /// <summary>What is wanted and cannot be chosen of the relays that are known; null: nothing is lacking.</summary>
    public ConnectRequest? Lacking => _isolated.Values.Prepend(Main).FirstOrDefault(kept => kept is { HasNoPath: true })?.Request;

    /// <summary>
    /// The device must be up, from the moment that a connection is wanted: while there is no circuit, what it takes in goes
    /// nowhere. The shell sets it up and calls <see cref="DeviceReady"/> or <see cref="DeviceFailed"/>.
    /// </summary>
    public bool NeedsDevice => Main is not null && !_deviceReady;

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Min(_deviceRetryAt, Instant.Min(Main?.NextTimeout ?? Instant.Never, _source.Spares.NextTimeout));
            foreach (var kept in _isolated.Values)
                next = Instant.Min(next, Instant.Min(kept.NextTimeout, kept.UsedAt + IdleTime));
            return next;
        }
    }

    /// <summary>
    /// Why no circuit could be chosen for this request now, and what helps; null when one could. Asked before
    /// <see cref="Up"/>, so that a request that cannot be met does not cost the connection that stands.
    /// </summary>
    public Trouble? WhyNot(ConnectRequest request, Instant now)
    {
        ArgumentNullException.ThrowIfNull(request);
        var answer = _source.Paths.ChooseAmongAll(request, now);
        return answer.Path is null ? _source.Paths.Explain(answer, request) : null;
    }

    /// <summary>Gives up what stands, connects anew, and goes on trying until <see cref="Down"/>.</summary>
    public void Up(ConnectRequest request, Instant now)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (MainEnd.End is not { } end)
            throw new InvalidOperationException("The main circuit has no end.");
        Drop(now);
        _source.Spent = default;
        _source.Paths.ForgetFailures();
        _source.Spares.Serve(request, now);
        Become(new Connection { State = ConnectionState.Connecting, Phase = ConnectPhase.ChoosingRelays, Request = request });
        Main = Keep(MainEnd.Key, end, now);
        Observe(now);
    }

    public void Down(Instant now)
    {
        Drop(now);
        _deviceReady = false;
        Become(Connection.Off);
    }

    /// <summary>
    /// The circuit of an isolation key, built if it is not there; its exit is where the key says, or else where the connection's is. False
    /// when nothing is wanted to be connected, or when as many keys as may be are in use.
    /// </summary>
    /// <param name="makeEnd">Makes the end of a new circuit.</param>
    public bool TryUse(IsolationKey key, Func<ICircuitEnd> makeEnd, Instant now, out KeptCircuit? kept)
    {
        ArgumentNullException.ThrowIfNull(makeEnd);
        kept = null;
        if (Main is null)
            return false;
        kept = key == Main.Key ? Main : _isolated.GetValueOrDefault(key);
        if (kept is null && (_isolated.Count < MostIsolated || TryDropIdlest(now)))
            _isolated[key] = kept = Keep(key, makeEnd(), now);
        kept?.Use(now);
        return kept is not null;
    }

    /// <summary>The device stands: packets may flow.</summary>
    public void DeviceReady(Instant now)
    {
        if (!NeedsDevice)
            return;
        _deviceReady = true;
        Observe(now);
    }

    /// <summary>The device cannot be had: nothing can, and the attempt is repeated after a while.</summary>
    public void DeviceFailed(string problem, string remedy, Instant now)
    {
        if (Main is null)
            return;
        Drop(now);
        _deviceReady = false;
        _deviceRetryAt = now + s_deviceRetry;
        Become(Connection with { State = ConnectionState.Failed, Phase = ConnectPhase.None, HopsReached = 0, Problem = problem, Remedy = remedy, Verdict = PathVerdict.Ok });
    }

    public void HandleTimeout(Instant now)
    {
        _source.Record.Network.Returned(NextTimeout, now);
        if (now >= _deviceRetryAt)
            Up(Connection.Request, now);
        Main?.HandleTimeout(now);
        foreach (var kept in _isolated.Values)
            kept.HandleTimeout(now);
        CloseIdle(now);
        _source.Spares.HandleTimeout(now);
        Observe(now);
    }

    /// <summary>Other relays are known now: what could not be chosen is tried at once.</summary>
    public void Retry(Instant now)
    {
        foreach (var kept in _isolated.Values.Append(Main))
            if (kept is { HasNoPath: true })
                kept.Build(now);
        Observe(now);
    }

    /// <summary>Looks at what the last step did to the circuits; the node calls it after every input.</summary>
    public void Observe(Instant now)
    {
        _source.Spares.Observe(now);
        foreach (var kept in _isolated.Values)
            kept.Observe(now);
        if (Main is null)
            return;
        Main.Observe(now);
        _source.Spares.MayBuild = Main.Carrying is not null;
        CoverMain(now);
        Become(Describe(Main));
    }

    Connection Describe(KeptCircuit main)
    {
        var active = main.Carrying is { IsPassing: true } && _deviceReady;
        return Connection with
        {
            State = active ? ConnectionState.Active
                : Connection.State is ConnectionState.Active || main.WasLost || main.IsStranded ? ConnectionState.Reconnecting
                : (main.LooksHopeless && !(main.HasNoPath && FindsRelays && !SearchFailed)) || Connection.State == ConnectionState.Waiting ? ConnectionState.Waiting
                : ConnectionState.Connecting,
            Phase = active ? ConnectPhase.Active
                : main.IsStranded ? ConnectPhase.ExtendingCircuit
                : main.Carrying is not null ? ConnectPhase.ConfiguringDevice
                : main.Building is not { } building ? main.HasNoPath && FindsRelays ? ConnectPhase.FindingRelays : ConnectPhase.ChoosingRelays
                : building.HopsReached == 0 ? ConnectPhase.ConnectingEntry
                : building.HopsReached < building.Hops.Length ? ConnectPhase.ExtendingCircuit
                : ConnectPhase.OpeningExit,
            HopsReached = main.Shown?.HopsReached ?? 0,
            Problem = main.Trouble?.Problem,
            Remedy = main.Trouble?.Remedy,
            Verdict = main.Trouble?.Verdict ?? PathVerdict.Ok,
        };
    }

    /// <summary>One session with the guard is covered: whoever watches the line cannot tell sessions apart.</summary>
    void CoverMain(Instant now)
    {
        var main = Connection.Request.Mode == ConnectionMode.Paranoid ? Main?.Carrying : null;
        if (_covered != main)
            _covered?.Cover(0, now);
        _covered = main;
        main?.Cover(CoverBudget, now);
    }

    KeptCircuit Keep(IsolationKey key, ICircuitEnd end, Instant now)
    {
        var request = Connection.Request;
        var kept = new KeptCircuit(key, end, request with { ExitRegion = key.ExitRegion ?? request.ExitRegion }, _source);
        kept.Use(now);
        kept.Build(now);
        return kept;
    }

    void CloseIdle(Instant now)
    {
        foreach (var kept in _isolated.Values)
        {
            if (kept.UsedAt + IdleTime > now)
                continue;
            if (kept.End.IsInUse)
                kept.Use(now);
            else
                Close(kept, now);
        }
    }

    bool TryDropIdlest(Instant now)
    {
        if (_isolated.Values.Where(kept => !kept.End.IsInUse).MinBy(kept => kept.UsedAt) is not { } idlest)
            return false;
        Close(idlest, now);
        return true;
    }

    void Close(KeptCircuit kept, Instant now)
    {
        _isolated.Remove(kept.Key);
        kept.Close(now);
        kept.End.Close();
    }

    void Drop(Instant now)
    {
        foreach (var kept in _isolated.Values)
            Close(kept, now);
        Main?.Close(now);
        Main = null;
        _source.Spares.Serve(null, now);
        _deviceRetryAt = Instant.Never;
    }

    void Become(Connection connection)
    {
        if (connection == Connection)
            return;
        Connection = connection;
        Changes++;
    }
}
