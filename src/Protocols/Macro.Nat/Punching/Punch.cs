using Macro.Core;

namespace Macro.Nat;

/// <summary>
/// One attempt to reach a peer directly: authenticated pings to its candidates, from both sides at once. The first pong
/// settles it. A state machine of one owner thread; what it wants sent is taken with <see cref="TryTake"/>.
/// </summary>
/// <remarks>
/// Every 100 ms for three seconds, then five times a second apart (RFC 8445's pacing would be slower than a person waits).
/// IPv6 has a head start of 250 ms where both have it. Where a NAT counts its ports up, its owner's first flow goes to the
/// one endpoint that the peer expects it at. Where it draws them, a <see cref="Birthday"/> follows after a second.
/// At most 30 datagrams a second to each of at most 12 endpoints, but for the birthday's: 400 a second, 2048 in all.
/// </remarks>
public sealed class Punch
{
    const int MaxLearned = 4, FastRounds = 30, SlowRounds = 5;

    static readonly TimeSpan s_fast = TimeSpan.FromMilliseconds(100), s_slow = TimeSpan.FromSeconds(1);
    static readonly TimeSpan s_headStart = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a sequential NAT's owner keeps to one destination, and when a birthday begins.</summary>
    static readonly TimeSpan s_first = TimeSpan.FromMilliseconds(300), s_patience = TimeSpan.FromSeconds(1);

    enum Part
    {
        None,

        /// <summary>This side opens flows.</summary>
        OpensFlows,

        /// <summary>This side probes ports.</summary>
        ProbesPorts,
    }

    readonly record struct Target(Endpoint Remote, int Socket);

    readonly DiscoSession _disco;
    readonly Birthday? _birthday;
    readonly Part _part;
    readonly Endpoint _first;
    readonly TimeSpan _v4After;
    readonly Instant _start;
    readonly bool _countsUp;
    readonly List<Target> _targets = [];
    readonly Queue<PunchDatagram> _outgoing = new();
    Instant _next;
    int _round, _slowRounds, _learned;

    /// <param name="start">Both sides' common beginning, as well as each can tell.</param>
    public Punch(DiscoSession disco, PunchOffer own, PunchOffer peer, Instant start, IRandom random)
    {
        ArgumentNullException.ThrowIfNull(own);
        ArgumentNullException.ThrowIfNull(peer);
        (_disco, _start, _next) = (disco, start, start);
        _countsUp = own.Allocation == PortAllocation.Sequential;
        if (own.Allocation == PortAllocation.Blocked || peer.Allocation == PortAllocation.Blocked)
            Verdict = PunchVerdict.Blocked;
        foreach (var candidate in peer.Candidates)
            if (!_targets.Exists(t => t.Remote == candidate.Endpoint))
                _targets.Add(new Target(candidate.Endpoint, 0));
        _first = _targets.Find(t => t.Remote.Address.IsV4).Remote;
        _v4After = Offers6(own) && Offers6(peer) ? s_headStart : TimeSpan.Zero;
        _part = _first.IsNone ? Part.None
            : own.Allocation == PortAllocation.Random && IsKept(peer) ? Part.OpensFlows
            : peer.Allocation == PortAllocation.Random && IsKept(own) ? Part.ProbesPorts
            : Part.None;
        if (_part != Part.None)
            _birthday = new Birthday(random);
    }

    public PunchVerdict Verdict { get; private set; }

    /// <summary>The way that was found; none while there is none.</summary>
    public PunchedPath? Path { get; private set; }

    /// <summary>Sockets that the next step needs beside the node's own port, numbered from 1. They may be closed when it says 0 again, but for that of <see cref="Path"/>.</summary>
    public int Sockets => _part == Part.OpensFlows && Verdict == PunchVerdict.Pending && _next - _start >= s_patience ? Birthday.Flows - 1 : 0;

    public Instant NextTimeout => Verdict == PunchVerdict.Pending ? _next : Instant.Never;

    /// <summary>A datagram that is to be sent now.</summary>
    public bool TryTake(out PunchDatagram datagram) => _outgoing.TryDequeue(out datagram);

    public void HandleTimeout(Instant now)
    {
        if (Verdict != PunchVerdict.Pending || now < _next)
            return;
        if (_slowRounds > SlowRounds)
        {
            Verdict = PunchVerdict.NoAnswer;
            return;
        }
        var elapsed = now - _start;
        foreach (var target in _targets)
            if (IsTurnOf(target, elapsed))
                Ping(target.Socket, target.Remote, now);
        var isFast = _birthday is not null && elapsed >= s_patience && SendBirthday(now);
        isFast |= ++_round < FastRounds;
        _slowRounds += isFast ? 0 : 1;
        _next = now + (isFast ? s_fast : s_slow);
    }

    /// <summary>
    /// A message of the peer that <see cref="DiscoSession.TryRead"/> let through. Pings are answered whatever the verdict.
    /// </summary>
    /// <returns>The way that a pong proves; null for pings, and for pongs from where no ping went: a copy sent by somebody else must lead nowhere.</returns>
    public PunchedPath? Handle(in DiscoMessage message, Endpoint source, int socket, Instant now)
    {
        if (message.Type == DiscoType.Ping)
            HandlePing(message, source, socket, now);
        if (message.Type != DiscoType.Pong || !IsOurs(source))
            return null;
        var proven = new PunchedPath(source, socket, _disco.RoundTrip(message, now));
        if (Verdict == PunchVerdict.Pending)
            (Verdict, Path) = (PunchVerdict.Direct, proven);
        return proven;
    }

    void HandlePing(in DiscoMessage ping, Endpoint source, int socket, Instant now)
    {
        _outgoing.Enqueue(new PunchDatagram(socket, source, _disco.Pong(ping, source)));
        var target = new Target(source, socket);
        if (_targets.Contains(target) || _learned == MaxLearned)
            return;
        // It got through to us; very likely we get through to it.
        _learned++;
        _targets.Add(target);
        Ping(socket, source, now);
    }

    bool IsTurnOf(Target target, TimeSpan elapsed)
    {
        if (target.Remote.Address.IsV6)
            return true;
        if (elapsed < _v4After)
            return false;
        return !_countsUp || elapsed - _v4After >= s_first || target.Remote == _first || _targets.IndexOf(target) >= _targets.Count - _learned;
    }

    /// <summary>False when all is sent.</summary>
    bool SendBirthday(Instant now)
    {
        var taken = 0;
        if (_part == Part.OpensFlows)
        {
            while (_birthday!.TryTakeFlow(ref taken, out var socket))
                Ping(socket, _first, now);
            // The other side needs so long for all its probes.
            return now - _start < s_patience + s_fast * (Birthday.RoundsOfProbes + 10);
        }
        while (_birthday!.TryTakePort(ref taken, out var port))
            Ping(0, _first with { Port = port }, now);
        return !_birthday.IsSpent;
    }

    bool IsOurs(Endpoint source) => _targets.Exists(t => t.Remote == source) || (_part == Part.ProbesPorts && source.Address == _first.Address);

    void Ping(int socket, Endpoint to, Instant now) => _outgoing.Enqueue(new PunchDatagram(socket, to, _disco.Ping(now)));

    static bool Offers6(PunchOffer offer) => offer.Candidates.Any(c => c.Endpoint.Address.IsV6);

    /// <summary>One port for all destinations, as far as is known.</summary>
    static bool IsKept(PunchOffer offer) => offer.Allocation is PortAllocation.None or PortAllocation.Kept or PortAllocation.Unknown;
}
