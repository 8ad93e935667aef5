using Macro.Core;
using Macro.Nat.Classification;
using Macro.Nat.PortMapping;
using Macro.Nat.Reachability;
using Macro.Nat.Stun;

namespace Macro.Engine;

/// <summary>
/// How the node stands in the network: answers STUN for others, examines what is between itself and them, and decides what
/// it may be. Each address family has its own class.
/// </summary>
public sealed class Traversal(Outbox outbox, IRandom random)
{
    const int MostTold = 256;

    readonly BindingServer _server = new();
    readonly BindingClient _look = new(random, outbox);
    readonly List<BindingResult> _looks = [];
    readonly Dictionary<Endpoint, Endpoint> _told = [];
    readonly byte[] _answer = new byte[BindingServer.MaxAnswer];
    NatClassifier _v4 = new(VoteRules.Internet), _v6 = new(VoteRules.Internet);
    readonly List<NatExamination> _examinations = [];
    ReachabilityDecision _reachability = new(0);
    IReadOnlyList<Endpoint> _configured = [];
    int _seenV4, _seenV6;

    public NatClass V4 => _v4.Class;

    public NatClass V6 => _v6.Class;

    /// <summary>Our endpoint as the last relay saw it; none while none has told.</summary>
    public Endpoint NewestV4 => _v4.Newest;

    /// <summary>A port of the gateway that leads to us, or what is proven otherwise; none while there is none.</summary>
    public Endpoint OpenedV4 => Standing.Endpoints.FirstOrDefault(endpoint => endpoint.Address.IsV4);

    /// <summary>Our endpoint between the home's gateway and the provider's; none where there is no second one.</summary>
    public Endpoint OuterV4 { get; private set; }

    /// <summary>Relays have been asked where they see us, and not all have answered.</summary>
    public bool IsLooking => _look.Pending > 0;

    public Standing Standing => _reachability.Standing;

    public BindingServer Server => _server;

    public Instant NextTimeout => Instant.Min(
        Instant.Min(_look.NextTimeout, _reachability.NextTimeout), _examinations.Aggregate(Instant.Never, (next, examination) => Instant.Min(next, examination.NextTimeout)));

    /// <summary>How often to send something so that the IPv4 NAT forgets no flow; null while nothing is measured.</summary>
    public TimeSpan? KeepaliveV4 => _v4.Lifetime is { Survived: null, Lost: null } ? null : _v4.Lifetime.Keepalive;

    /// <summary>There is a NAT or a firewall, and it is not known how long it remembers.</summary>
    public bool MayLearnLifetime => _v4.Class.Kind is not (NatKind.Unknown or NatKind.UdpBlocked or NatKind.Public) && _v4.Lifetime.Next is not null;

    /// <param name="rules">Whom to believe.</param>
    /// <param name="port">Our UDP port.</param>
    /// <param name="endpoints">Where the operator says that others reach us.</param>
    public void Configure(VoteRules rules, ushort port, IReadOnlyList<Endpoint> endpoints, Instant now)
    {
        (_v4, _v6, _configured) = (new NatClassifier(rules), new NatClassifier(rules), endpoints);
        _reachability = new ReachabilityDecision(port);
        _reachability.Configure(_configured, now);
    }

    /// <summary>Our own endpoints of the node's socket; others than before mean another network.</summary>
    public void SetOwn(IReadOnlyCollection<Endpoint> own)
    {
        _v4.SetOwn([.. own.Where(endpoint => endpoint.Address.IsV4)]);
        _v6.SetOwn([.. own.Where(endpoint => endpoint.Address.IsV6)]);
    }

    /// <summary>Somebody says, unasked, where our datagrams come from: a relay in its answer to Hello.</summary>
    /// <param name="voter">Where we reach him.</param>
    public void ObserveTold(Endpoint voter, Endpoint seen, Instant now)
    {
        if (voter.Address.IsV4 != seen.Address.IsV4)
            return;
        (seen.Address.IsV4 ? _v4 : _v6).Observe(new Observation(voter, seen, now));
        Proceed(now);
    }

    /// <summary>Begins to examine one address family. The owner sends what is in the outboxes of the two further sockets, and passes on what they get.</summary>
    /// <param name="own">Our own endpoints of the node's socket; others than before mean another network.</param>
    public NatExamination Examine(bool v4, IEnumerable<Endpoint> servers, IReadOnlyCollection<Endpoint> own, bool learnLifetime, Instant now)
    {
        var classifier = v4 ? _v4 : _v6;
        classifier.SetOwn([.. own.Where(endpoint => endpoint.Address.IsV4 == v4)]);
        var examination = new NatExamination(servers.Where(server => server.Address.IsV4 == v4), classifier, learnLifetime, random, now);
        _examinations.Add(examination);
        Proceed(now);
        return examination;
    }

    /// <summary>Its owner needs it no more.</summary>
    public void End(NatExamination examination) => _examinations.Remove(examination);

    /// <summary>Asks where others see us, in brief: no more than an offer needs.</summary>
    public void Look(IEnumerable<Endpoint> servers, IReadOnlyCollection<Endpoint> own, Instant now)
    {
        _v4.SetOwn([.. own.Where(endpoint => endpoint.Address.IsV4)]);
        foreach (var server in servers)
            _look.Ask(server, Retransmission.Brief, now);
    }

    /// <summary>A peer says where it sees our port. What it has said before is no news.</summary>
    /// <param name="voter">Its endpoint.</param>
    public void Observe(Endpoint voter, Endpoint seen, Instant now)
    {
        if (seen.IsNone || _told.GetValueOrDefault(voter) == seen)
            return;
        if (_told.Count == MostTold)
            _told.Clear();
        _told[voter] = seen;
        (seen.Address.IsV4 ? _v4 : _v6).Observe(new Observation(voter, seen, now));
        Proceed(now);
    }

    /// <summary>A STUN message at the node's port.</summary>
    /// <param name="answers">Requests are answered: we are a relay.</param>
    public void HandleDatagram(ReadOnlySpan<byte> datagram, Endpoint source, bool answers, Instant now)
    {
        foreach (var examination in _examinations)
            if (examination.TryHandle(ProbeSocket.Node, datagram, source, now))
            {
                Proceed(now);
                return;
            }
        if (_look.TryHandle(datagram, source, now))
            TakeLooks(now);
        else if (answers && _server.Answer(datagram, source, _answer, out var to, now) is > 0 and var length)
            outbox.Send(_answer.AsSpan(0, length), to);
    }

    /// <summary>A datagram at one of an examination's further sockets.</summary>
    public void HandleProbe(NatExamination examination, ProbeSocket socket, ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        ArgumentNullException.ThrowIfNull(examination);
        examination.TryHandle(socket, datagram, source, now);
        Proceed(now);
    }

    /// <summary>What the gateway says and grants.</summary>
    /// <param name="offers">It speaks a protocol for mappings.</param>
    public void ObserveGateway(Mapping? mapping, Mapping? pinhole, bool offers, Instant now)
    {
        if (mapping is not null)
            _v4.ObserveGateway(mapping.Outside.Address);
        OuterV4 = mapping is { Outside: var outer } && !AddressScope.IsPublic(outer.Address) ? outer : default;
        _reachability.Observe(mapping, pinhole, offers, now);
        Proceed(now);
    }

    /// <summary>A handshake came from somebody to whom we had sent nothing: strangers get through.</summary>
    public void ObserveStranger(Endpoint source, Instant now)
    {
        // Which of our endpoints he used does not show, so it proves something only where there is one.
        if (_reachability.ToTry.Where(endpoint => endpoint.Address.IsV4 == source.Address.IsV4).ToArray() is [var only])
            _reachability.ObserveTry(only, source.Address, arrived: true, now);
    }

    /// <summary>The endpoint of ours whose turn it is to be tried by a stranger; none when there is none now.</summary>
    public Endpoint NextToTry(Instant now) => _reachability.NextToTry(now);

    /// <summary>Our endpoints that might lead here, proven or not.</summary>
    public IEnumerable<Endpoint> Possible => _reachability.ToTry;

    /// <inheritdoc cref="ReachabilityDecision.ProvenAt"/>
    public Instant ProvenAt(Endpoint endpoint, IpAddress from) => _reachability.ProvenAt(endpoint, from);

    public void Observe(in SelfTestResult test, Instant now)
    {
        if (test.Arrived is { } arrived)
            _reachability.ObserveTry(test.Endpoint, test.From, arrived, now);
        else
            _reachability.Postpone(test.Endpoint, now);
    }

    /// <summary>Whether relays stand ready to introduce others to us.</summary>
    public void ObserveIntroducers(bool any, Instant now) => _reachability.ObserveIntroducers(any, now);

    public void HandleTimeout(Instant now)
    {
        _look.HandleTimeout(now);
        TakeLooks(now);
        foreach (var examination in _examinations)
            if (examination.NextTimeout <= now)
                examination.HandleTimeout(now);
        if (_reachability.NextTimeout <= now)
            _reachability.HandleTimeout(now);
        Proceed(now);
    }

    void Proceed(Instant now)
    {
        foreach (var examination in _examinations)
            Drain(examination);
        if ((_v4.Changes, _v6.Changes) == (_seenV4, _seenV6))
            return;
        (_seenV4, _seenV6) = (_v4.Changes, _v6.Changes);
        _reachability.Observe(_v4.Class, _v6.Class, now);
    }

    void TakeLooks(Instant now)
    {
        while (_look.TryTakeResult(out var result))
            if (result.Outcome == BindingOutcome.Answered)
                _looks.Add(result);
        if (IsLooking || _looks.Count == 0)
            return;
        // Answers come in any order; a sequential NAT shows only in that of the requests.
        foreach (var look in _looks.OrderBy(look => look.Number))
            (look.Mapped.Address.IsV4 ? _v4 : _v6).Observe(new Observation(look.Server, look.Mapped, now));
        _looks.Clear();
        Proceed(now);
    }

    void Drain(NatExamination examination)
    {
        var batch = examination.OutboxOf(ProbeSocket.Node).Batch;
        for (var i = 0; i < batch.Count; i++)
            outbox.Send(batch.Bytes(i), batch[i].Remote);
        batch.Clear();
    }
}
