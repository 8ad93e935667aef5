using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// Where UDP does not pass: the sessions to entries and introducers over TCP port 443. It is tried last, when nothing came by
/// UDP for a while in which something should have; a circuit that stands so is moved to UDP, with its sessions, as soon as a handshake by
/// UDP is answered. The shell makes the connections: <see cref="TryTakeDial"/>, <see cref="TryTakeHangUp"/>. A state machine of
/// one owner thread.
/// </summary>
public sealed class TcpWays(IndexTable indices, Outbox outbox, IRandom random)
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2.5), s_fresh = TimeSpan.FromSeconds(30);
    static readonly TimeSpan s_redial = TimeSpan.FromSeconds(10), s_unused = TimeSpan.FromSeconds(5), s_probePatience = TimeSpan.FromSeconds(4);

    readonly Dictionary<Endpoint, Way> _ways = [];
    readonly Queue<Endpoint> _dials = new(), _hangUps = new();
    Instant _silentSince = Instant.Never, _lookAt = Instant.Never, _probeAt = Instant.Never, _heard, _triedAt;
    Circuit? _probe;

    /// <summary>To one relay.</summary>
    sealed class Way
    {
        /// <summary>None until the connection stands.</summary>
        public Endpoint Link;
        public bool IsDialing;
        public Instant RedialAt;
        public bool IsUsed;
        public Instant UsedAt;
    }

    /// <summary>Entries are reached over TCP, and UDP is silent.</summary>
    public bool UdpIsBlocked { get; private set; }

    /// <summary>Connections that stand.</summary>
    public int Connections => _ways.Values.Count(way => !way.Link.IsNone);

    /// <summary>Entries that take TCP are to be preferred: UDP is blocked, or it looks like it.</summary>
    public bool IsPreferred { get; private set; }

    public Instant NextTimeout => Instant.Min(Instant.Min(_lookAt, _probeAt), _probe?.NextTimeout ?? Instant.Never);

    /// <summary>The shell is to connect there, and answer with <see cref="Connected"/> or <see cref="Failed"/>.</summary>
    public bool TryTakeDial(out Endpoint far) => _dials.TryDequeue(out far);

    /// <summary>The connection is needed no more.</summary>
    public bool TryTakeHangUp(out Endpoint link) => _hangUps.TryDequeue(out link);

    /// <param name="far">As it was asked for.</param>
    /// <param name="link">The <see cref="TcpEndpoint"/> that the connection has from now on.</param>
    public void Connected(Endpoint far, Endpoint link, Instant now)
    {
        if (_ways.TryGetValue(far, out var way))
            (way.Link, way.IsDialing, way.UsedAt) = (link, false, now);
        else
            _hangUps.Enqueue(link);
    }

    public void Failed(Endpoint far, Instant now)
    {
        if (_ways.TryGetValue(far, out var way))
            (way.IsDialing, way.RedialAt) = (false, now + s_redial);
    }

    /// <summary>A connection ended. Whoever needs it has it made anew.</summary>
    public void Lost(Endpoint link, Instant now)
    {
        foreach (var way in _ways.Values)
            if (way.Link == link)
                (way.Link, way.RedialAt) = (default, now);
    }

    public void HandleTimeout(Instant now) => _probe?.HandleTimeout(now);

    /// <summary>Looks at what the last step did to the sessions of entries and introducers; the node calls it after every input.</summary>
    public void Observe(IEnumerable<Circuit> circuits, Instant now)
    {
        ArgumentNullException.ThrowIfNull(circuits);
        Circuit[] open = [.. circuits.Where(circuit => circuit.State != CircuitState.Closed)];
        ObserveProbe(open, now);
        Judge(open, now);
        _lookAt = _silentSince != Instant.Never && !IsPreferred ? _silentSince + s_patience : Instant.Never;
        foreach (var way in _ways.Values)
            (way.UsedAt, way.IsUsed) = (way.IsUsed ? now : way.UsedAt, false);
        foreach (var circuit in open)
            Lead(circuit, now);
        HangUp(now);
        Probe(open, now);
    }

    /// <summary>Whether UDP passes: what came by it, and since when something should have.</summary>
    void Judge(Circuit[] open, Instant now)
    {
        foreach (var circuit in open)
        {
            var isTcp = TcpEndpoint.Is(circuit.Entry);
            if (circuit.HopsReached == 0 && !isTcp)
            {
                // From one attempt to the next the silence goes on; after a pause it begins anew.
                if (_silentSince == Instant.Never || now - _triedAt > s_fresh)
                    _silentSince = now;
                _triedAt = now;
            }
            if (circuit.HopsReached > 0 && !isTcp && HeardAt(circuit, now) is var heard && heard > _heard)
                (_heard, _silentSince, UdpIsBlocked) = (heard, Instant.Never, false);
            if (circuit.HopsReached > 0 && isTcp && now - _heard > s_fresh)
                UdpIsBlocked = true;
        }
        IsPreferred = UdpIsBlocked || (_silentSince != Instant.Never && now - _silentSince >= s_patience);
    }

    static Instant HeardAt(Circuit circuit, Instant now) => circuit.Hops[0].Tunnel.Activity.LastReceived is var heard && heard == default ? now : heard;

    /// <summary>Onto a connection that stands, or to be made.</summary>
    void Lead(Circuit circuit, Instant now)
    {
        var far = circuit.Hops[0].Target.TcpEndpoint;
        if (far.IsNone)
            return;
        var isTcp = TcpEndpoint.Is(circuit.Entry);
        var way = _ways.GetValueOrDefault(far);
        if (isTcp && way is not null && way.Link == circuit.Entry)
        {
            way.IsUsed = true;
            return;
        }
        if (!isTcp && !(circuit.HopsReached == 0 && IsPreferred))
            return;
        if (way is null)
            _ways[far] = way = new Way();
        way.IsUsed = true;
        if (!way.Link.IsNone)
            circuit.MoveEntry(way.Link, now);
        else if (!way.IsDialing && now >= way.RedialAt)
        {
            way.IsDialing = true;
            _dials.Enqueue(far);
        }
        else if (!way.IsDialing)
            _lookAt = Instant.Min(_lookAt, way.RedialAt);
    }

    void HangUp(Instant now)
    {
        foreach (var (far, way) in _ways)
        {
            var end = way.UsedAt + s_unused;
            if (way.IsDialing || way.IsUsed)
                continue;
            if (now < end)
            {
                _lookAt = Instant.Min(_lookAt, end);
                continue;
            }
            if (!way.Link.IsNone)
                _hangUps.Enqueue(way.Link);
            _ways.Remove(far);
        }
    }

    /// <summary>While something goes over TCP, a handshake by UDP is tried from time to time.</summary>
    void Probe(Circuit[] open, Instant now)
    {
        var tried = _probe is null ? open.FirstOrDefault(circuit => circuit.HopsReached > 0 && TcpEndpoint.Is(circuit.Entry)) : null;
        if (tried is null)
            _probeAt = Instant.Never;
        else if (_probeAt == Instant.Never)
            _probeAt = now + TimeSpan.FromSeconds(20) + random.NextTime(TimeSpan.FromSeconds(20));
        else if (now >= _probeAt)
        {
            _probe = new Circuit([tried.Hops[0].Target], indices, outbox, random, now, s_probePatience) { Goal = CircuitGoal.Directory };
            _probe.Start(now);
            _probeAt = Instant.Never;
        }
    }

    void ObserveProbe(Circuit[] open, Instant now)
    {
        if (_probe is null or { State: CircuitState.Building })
            return;
        if (_probe.State == CircuitState.Ready)
        {
            (_heard, _silentSince, UdpIsBlocked) = (now, Instant.Never, false);
            foreach (var circuit in open)
                if (TcpEndpoint.Is(circuit.Entry))
                    circuit.MoveEntry(circuit.Hops[0].Target.Endpoint, now);
            _probe.Close(now);
        }
        _probe = null;
    }
}
