using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Nat;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// One node: client, relay and exit round one set of tables. Routes each input to the part that it is for and nothing
/// else; the shell's owner thread calls it, sends what is in <see cref="Outbox"/>, and comes back at <see cref="NextTimeout"/>.
/// </summary>
public sealed class Node
{
    Discovery? _discovery;
    (Discovery?, long) _offered;
    long _seenIntroducers;
    TimeSpan? _seenKeepalive;

    public Node(IHopVerifier verifier, IRandom random)
    {
        Relay = new Relay(Indices, Switches, verifier, Outbox, random);
        Controller = new Controller(Indices, Outbox, random);
        Registrar = new Registrar(Indices, Outbox, random);
        Direct = new DirectPaths(Outbox, random);
        Bypasses = new Bypasses(Direct);
        Relay.Neighbours = Neighbours = new Neighbours(Indices, Outbox, random, Direct);
        Traversal = new Traversal(Outbox, random);
        Tcp = new TcpWays(Indices, Outbox, random);
        Offer = new OwnOffer(Traversal, random);
        SelfTest = new SelfTest(Indices, Outbox, random, Contacts);
    }

    public IndexTable Indices { get; } = new();

    public SwitchTable Switches { get; } = new();

    /// <summary>Datagrams to send now.</summary>
    public Outbox Outbox { get; } = new();

    public Relay Relay { get; }

    public Controller Controller { get; }

    /// <summary>How this node stands in the network.</summary>
    public Traversal Traversal { get; }

    /// <summary>How others reach this node when it stands behind a NAT.</summary>
    public Registrar Registrar { get; }

    /// <summary>Paths to nodes behind NATs, and from this one when it is.</summary>
    public DirectPaths Direct { get; }

    /// <summary>Of the client: direct paths to exits behind NATs.</summary>
    public Bypasses Bypasses { get; }

    /// <summary>Whom this node has sent to.</summary>
    public Contacts Contacts { get; } = new();

    /// <summary>Whether strangers get through to this node.</summary>
    public SelfTest SelfTest { get; }

    /// <summary>Ways to entries and introducers where UDP does not pass.</summary>
    public TcpWays Tcp { get; }

    /// <summary>Of the relay: next hops behind NATs.</summary>
    public Neighbours Neighbours { get; }

    /// <summary>How relays are found; null in a static network.</summary>
    public Discovery? Discovery
    {
        get => _discovery;
        set
        {
            _discovery = value;
            Controller.FindsRelays = value is not null;
        }
    }

    /// <summary>What this node says of itself to whoever is to meet it. Null: that is not known yet, ask again soon.</summary>
    public OwnOffer Offer { get; }

    /// <param name="own">Endpoints of its interfaces.</param>
    public PunchOffer? DescribeSelf(IReadOnlyList<Endpoint> own, Instant now) =>
        Offer.Describe(own, [.. Registrar.Links.Concat(Controller.InUse).Concat(Neighbours.Links).Select(link => link.Observed)], now);

    public Instant NextTimeout => Instant.Min(
        Instant.Min(Instant.Min(Relay.NextTimeout, Controller.NextTimeout), Instant.Min(Instant.Min(Traversal.NextTimeout, Instant.Min(Offer.NextTimeout, SelfTest.NextTimeout)), Discovery?.NextTimeout ?? Instant.Never)),
        Instant.Min(Instant.Min(Registrar.NextTimeout, Direct.NextTimeout), Instant.Min(Neighbours.NextTimeout, Instant.Min(Bypasses.NextTimeout, Tcp.NextTimeout))));

    /// <summary>A handshake message (types 1 to 3): from the network, or (<paramref name="via"/> set) from inside that hop's session.</summary>
    public void HandleHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Hop? via, Instant now)
    {
        if (Message.TryReadType(datagram, out var type) && type != MessageType.Initiation
            && Message.TryReadReceiver(datagram, out var index)
            && Indices.TryFind(index, out var tunnel, out _)
            && tunnel?.Context is Hop hop && hop.IsReachedBy(via))
            hop.Circuit.HandleHandshake(hop, datagram, now);
        else if (via is null)
        {
            var handshakes = Relay.Counters.Handshakes;
            Relay.HandleDatagram(datagram, source, now);
            if (Relay.Counters.Handshakes != handshakes && !TcpEndpoint.Is(source) && Contacts.IsStranger(source.Address, now))
                Traversal.ObserveStranger(source, now);
        }
        Observe(now);
    }

    /// <summary>An opened payload that the fast path left to the owner thread.</summary>
    /// <param name="source">Where it came from; none when from inside a hop's session.</param>
    public void HandlePayload(Tunnel tunnel, ReadOnlySpan<byte> payload, Endpoint source, Instant now)
    {
        ArgumentNullException.ThrowIfNull(tunnel);
        if (tunnel.Context is Inbound inbound)
            Relay.HandlePayload(inbound, payload, now, source);
        else if (tunnel.Context is Hop hop)
            hop.Circuit.HandlePayload(hop, payload, now);
        Observe(now);
    }

    /// <summary>The fast path says that a timer of this tunnel may need setting.</summary>
    public void HandleActivity(Tunnel tunnel, Instant now)
    {
        ArgumentNullException.ThrowIfNull(tunnel);
        if (tunnel.Context is Inbound inbound)
            Relay.HandleActivity(inbound, now);
        else if (tunnel.Context is Hop hop)
            hop.Circuit.HandleActivity(hop, now);
        Observe(now);
    }

    /// <summary>A datagram of the port that is not WireGuard (<see cref="DatagramKind"/>).</summary>
    public void HandleOther(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        switch (DatagramKinds.Of(datagram))
        {
            case DatagramKind.Krpc:
                Discovery?.HandleDatagram(datagram, source, now);
                Observe(now);
                break;
            case DatagramKind.Disco:
                if (Direct.HandleDatagram(datagram, source, socket: 0, now) is { } path)
                    Traversal.Observe(source, path.Observed, now);
                Observe(now);
                break;
            case DatagramKind.Stun:
                Traversal.HandleDatagram(datagram, source, answers: Relay.Options.IsRelay, now);
                break;
            case var _:
                break;
        }
    }

    /// <summary>A datagram of a spare socket that is not WireGuard.</summary>
    public void HandleSpare(SpareSocket socket, ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (socket.Attempt == 0)
            Offer.Handle(socket, datagram, source, now);
        else if (DatagramKinds.Of(datagram) == DatagramKind.Disco)
            Direct.HandleDatagram(datagram, source, socket.Number, now);
        Observe(now);
    }

    /// <summary>A datagram that is to leave by a spare socket. Repeat until false.</summary>
    public bool TryTakeSpare(out SpareDatagram datagram) => Direct.TryTakeSpare(out datagram) || Offer.TryTake(out datagram);

    /// <summary>Whether an open spare socket is still needed, and for all datagrams to which endpoint, if any.</summary>
    public bool NeedsSpare(SpareSocket socket, out Endpoint carries)
    {
        var path = Direct.Puncher.Find(socket.Attempt);
        carries = path?.Path is { } way && way.Socket == socket.Number ? way.Remote : default;
        return path?.Needs(socket.Number) ?? Offer.Needs(socket);
    }

    public void HandleTimeout(Instant now)
    {
        Relay.HandleTimeout(now);
        if (Discovery is { } discovery && discovery.NextTimeout <= now)
            discovery.HandleTimeout(now);
        Traversal.HandleTimeout(now);
        Tcp.HandleTimeout(now);
        Offer.HandleTimeout(now);
        SelfTest.HandleTimeout(now);
        Controller.HandleTimeout(now);
        Registrar.HandleTimeout(now);
        Neighbours.HandleTimeout(Relay, now);
        while (Direct.HandleTimeout(now) is not null)
        {
        }
        Observe(now);
    }

    /// <summary>An endpoint of this node that a stranger should try now, and could; none when there is none.</summary>
    public Endpoint NextToTry(Instant now)
    {
        var endpoint = Traversal.NextToTry(now);
        return SelfTest.IsPossible(endpoint, Controller.Candidates, now) ? endpoint : default;
    }

    /// <param name="self">See <see cref="SelfTest.TryBegin"/>.</param>
    public void Try(HopTarget self, Instant now)
    {
        ArgumentNullException.ThrowIfNull(self);
        SelfTest.TryBegin(self, Controller.Candidates, from => Traversal.ProvenAt(self.Endpoint, from), now);
    }

    /// <summary>The shell sends now what is in <see cref="Outbox"/>.</summary>
    public void NoteSent(Instant now) => Contacts.Note(Outbox.Batch, now);

    /// <summary>The relays that are known, without this node itself: for circuits, and to register with behind a NAT.</summary>
    public void SetCandidates(IReadOnlyList<Candidate> candidates)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        Controller.Candidates = Registrar.Candidates = candidates;
        Offer.Servers = [.. candidates.SelectMany(candidate => candidate.Endpoints)];
    }

    /// <summary>Client and discovery follow each other: the one needs relays, the other asks by way of its circuit. The shell calls it after it told either something.</summary>
    public void Observe(Instant now)
    {
        Controller.Observe(now);
        Registrar.Observe(now);
        Neighbours.Observe(Relay, now);
        Bypasses.Observe(Controller.InUse, now);
        if (Controller.Main is not null || Registrar.Links.Count > 0 || Tcp.NextTimeout != Instant.Never)
        {
            Circuit[] circuits = [.. Controller.Circuits, .. Registrar.Links];
            foreach (var link in Registrar.Links)
                link.ProbeEvery(Relay.Sessions > 0 ? Registrar.BusyProbe : Direct.Puncher.Lifetime.Interval, now);
            foreach (var circuit in Controller.Circuits)
                circuit.ProbeEvery(Direct.Puncher.Lifetime.Interval, now);
            foreach (var circuit in circuits)
            {
                if (circuit.TryTakeObserved(out var seen))
                    Traversal.ObserveTold(circuit.Entry, seen, now);
            }
            Tcp.Observe(circuits, now);
            Controller.EntriesByTcp = Registrar.EntriesByTcp = Tcp.IsPreferred;
        }
        while (Registrar.TryTakeIntroduced(out var link, out var request, out var message))
            if (Direct.Meet(message, link.Exit.Health.RoundTrip ?? default, Relay.FindKey(new PublicKey(message.RelayKey.Span)), now) is { } answer)
                link.Reply(request, answer, now);
        if (_seenKeepalive != Traversal.KeepaliveV4)
        {
            _seenKeepalive = Traversal.KeepaliveV4;
            Direct.Puncher.Lifetime.Measured(_seenKeepalive ?? KeepaliveInterval.Longest);
        }
        if (SelfTest.TryTakeResult(now, out var tested))
            Traversal.Observe(tested, now);
        if (_seenIntroducers != Registrar.Changes)
        {
            _seenIntroducers = Registrar.Changes;
            Traversal.ObserveIntroducers(Registrar.Introducers.Count > 0, now);
        }
        if (Discovery is not { } discovery)
            return;
        discovery.Observe(now);
        discovery.Follow(Controller.Main is not null, Controller.Lacking, Controller.Carrying?.Hops[0].Target, now);
        Controller.SearchFailed = discovery.SearchFailed;
        if (_offered == (discovery, discovery.Version))
            return;
        _offered = (discovery, discovery.Version);
        SetCandidates(discovery.Candidates(now));
        Controller.Retry(now);
    }
}
