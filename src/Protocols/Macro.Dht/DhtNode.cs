using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>
/// A node of the BitTorrent Mainline DHT (BEP 5, 32, 42, 43, 44, 51) as a pure state machine: datagrams, time and chance come
/// in; datagrams go to the outbox, and events wait to be taken. One thread owns it. It keeps no reference to what it is given.
/// </summary>
public sealed class DhtNode
{
    /// <summary>Most bytes of a datagram that it sends; an IPv6 one that is not a put stays within 1232.</summary>
    public const int MaxDatagram = 1472;

    readonly DhtOptions _options;
    readonly FamilyNode? _v4, _v6;
    readonly Responder _responder;
    readonly Queue<DhtEvent> _events = new(0);
    int _lastOperation;

    /// <param name="options">See there.</param>
    /// <param name="random">Ids, transaction ids and tokens come from it: the operating system's generator in earnest.</param>
    /// <param name="outbox">Where datagrams are put for the owner to send. May be shared by nodes of one thread.</param>
    /// <param name="now">It begins to look for the network at the first <see cref="HandleTimeout"/>.</param>
    public DhtNode(DhtOptions options, IRandom random, Outbox outbox, Instant now)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(random);
        ArgumentNullException.ThrowIfNull(outbox);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.DisjointPaths, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.DisjointPaths, 8);
        _options = options;
        ReadOnly = options.ReadOnly;
        _v4 = options.V4 ? new FamilyNode(this, v4: true, options, random, outbox, now) : null;
        _v6 = options.V6 ? new FamilyNode(this, v4: false, options, random, outbox, now) : null;
        _responder = new Responder(this, options, random, outbox, now);
    }

    /// <summary>Asks, but does not answer (BEP 43): for a node that cannot be reached.</summary>
    public bool ReadOnly { get; set; }

    /// <summary>When <see cref="HandleTimeout"/> is due.</summary>
    public Instant NextTimeout => Instant.Min(_v4?.NextTimeout ?? Instant.Never, _v6?.NextTimeout ?? Instant.Never);

    internal bool WantBoth => _v4 is not null && _v6 is not null;

    internal PeerStore Peers => _responder.Peers;

    internal ItemStore Items => _responder.Items;

    /// <summary>The state in one family's network; null when the node takes no part in it.</summary>
    public NetworkState? State(bool v4) => Family(v4) is { } family
        ? new NetworkState(family.Id, family.Seen, family.Table.Count, family.Table.Depth, family.Density.Nodes)
        : null;

    /// <summary>Takes a datagram that begins with 'd'. Never throws, whatever it holds.</summary>
    public DatagramVerdict Receive(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (Family(source.Address.IsV4) is not { } family || !family.MayAsk(source))
            return DatagramVerdict.Refused;
        if (!Message.TryParse(datagram, out var message))
            return DatagramVerdict.Malformed;
        if (message.Kind != MessageKind.Query)
            return family.Receive(message, source, now);
        return ReadOnly ? DatagramVerdict.Query : _responder.Answer(message, family, source, datagram.Length, now);
    }

    /// <summary>Repeats and gives up queries, and keeps the routing tables; to be called at <see cref="NextTimeout"/>.</summary>
    public void HandleTimeout(Instant now)
    {
        _v4?.HandleTimeout(now);
        _v6?.HandleTimeout(now);
    }

    public bool TryTakeEvent(out DhtEvent happened) => _events.TryDequeue(out happened!);

    /// <summary>Nodes that somebody vouches for: asked whether they live when the network is looked for.</summary>
    public void AddNodes(IReadOnlyCollection<NodeInfo> nodes, Instant now)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        _v4?.AddSeeds(nodes, now);
        _v6?.AddSeeds(nodes, now);
    }

    /// <summary>Ids and good contacts, for <see cref="TryLoad"/> in the next run. Holds addresses of nodes that we met.</summary>
    public byte[] Save(Instant now) => SavedNodes.Save(_v4, _v6, now);

    /// <summary>Before the first <see cref="HandleTimeout"/>. False when these bytes are not from <see cref="Save"/>.</summary>
    public bool TryLoad(ReadOnlySpan<byte> saved, Instant now) => SavedNodes.TryLoad(saved, _v4, _v6, now);

    /// <summary>Asks one node whether it lives: <see cref="Pinged"/>.</summary>
    public int Ping(Endpoint endpoint, Instant now)
    {
        var number = NextOperation();
        if (Family(endpoint.Address.IsV4) is { } family && family.MayAsk(endpoint))
            family.Ping(endpoint, null, number, now);
        else
            Emit(new Pinged(number, endpoint, null, TimeSpan.Zero));
        return number;
    }

    /// <summary>
    /// Asks one node for a mutable item, whatever its key: <see cref="ItemAnswered"/>. What comes back is not verified, and need
    /// not belong to the target: who announced himself under a topic answers with his own item (<see cref="Serve"/>).
    /// </summary>
    public int AskItem(Endpoint endpoint, Id160 target, Instant now)
    {
        var number = NextOperation();
        if (Family(endpoint.Address.IsV4) is { } family && family.MayAsk(endpoint))
            family.AskItem(endpoint, target, number, now);
        else
            Emit(new ItemAnswered(number, endpoint, null, null, TimeSpan.Zero));
        return number;
    }

    /// <summary>
    /// Answers who asks for this target with an item of ours, until it is replaced or <see cref="StopServing"/> ends it. The
    /// target may be any key, as a topic that we announce ourselves under. At most 64 targets.
    /// </summary>
    public void Serve(Id160 target, MutableItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        Items.Serve(target, item);
    }

    public void StopServing(Id160 target) => Items.StopServing(target);

    /// <summary>Looks for the nodes closest to a target: <see cref="NodesFound"/>.</summary>
    public int FindNodes(Id160 target, Instant now) =>
        Start(new FindNodes(this, NextOperation(), target, 1, Want.None, now), now);

    /// <summary>Looks for peers: <see cref="PeersFound"/> as they come, then <see cref="PeersEnded"/>.</summary>
    public int GetPeers(Id160 infoHash, Instant now) =>
        Start(new FindPeers(this, NextOperation(), infoHash, 1, 0, implied: false, now), now);

    /// <summary>Looks for peers and announces ourselves as one; to be repeated every 15 minutes.</summary>
    /// <param name="port">1..65535; where our datagrams come from another port, the one that peers should use.</param>
    /// <param name="implied">The nodes take the port that our datagrams come from, as behind a NAT.</param>
    public int Announce(Id160 infoHash, ushort port, bool implied, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfZero(port);
        return Start(new FindPeers(this, NextOperation(), infoHash, _options.DisjointPaths, port, implied, now), now);
    }

    /// <summary>Gets an immutable item: <see cref="GetEnded"/>.</summary>
    public int GetImmutable(Id160 target, Instant now) =>
        Start(new GetImmutable(this, NextOperation(), target, 1, now), now);

    /// <summary>Gets a mutable item: <see cref="ItemFound"/> for each that is newer, then <see cref="GetEnded"/>.</summary>
    /// <param name="salt">At most 64 bytes.</param>
    /// <param name="disjoint">It matters: over disjoint paths, for about twice the queries.</param>
    public int GetMutable(PublicKey key, ReadOnlySpan<byte> salt, bool disjoint, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(salt.Length, MutableItem.MaxSalt);
        return Start(new GetMutable(this, NextOperation(), key, salt.ToArray(), disjoint ? _options.DisjointPaths : 1, now), now);
    }

    /// <summary>Stores an immutable item: <see cref="PutEnded"/>. To be repeated every hour.</summary>
    /// <param name="value">Bencode, 1..1000 bytes.</param>
    /// <exception cref="ArgumentException">The value is too long or not bencode.</exception>
    public int PutImmutable(ReadOnlySpan<byte> value, Instant now)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, MutableItem.MaxValue);
        if (!BencodeValue.TryParse(value, out _))
            throw new ArgumentException("The value is not bencode.", nameof(value));
        return Start(new PutItem(this, NextOperation(), value.ToArray(), null, null, _options.DisjointPaths, now), now);
    }

    /// <summary>Stores a mutable item: <see cref="PutEnded"/>. To be repeated every hour; who repeats it needs no key.</summary>
    /// <param name="cas">Only over an item with this seq.</param>
    public int PutMutable(MutableItem item, long? cas, Instant now)
    {
        ArgumentNullException.ThrowIfNull(item);
        return Start(new PutItem(this, NextOperation(), [], item, cas, _options.DisjointPaths, now), now);
    }

    internal FamilyNode? Family(bool v4) => v4 ? _v4 : _v6;

    internal void Emit(DhtEvent happened) => _events.Enqueue(happened);

    /// <summary>A peer that an info-hash leads to may be anything with a port at an address of this network.</summary>
    internal bool MayBePeer(Endpoint peer) => Family(peer.Address.IsV4) is not null && peer.Port != 0
        && (_options.Local ? !peer.Address.IsAny : AddressScope.IsPublic(peer.Address));

    /// <summary>Nodes of the other family that came with an answer.</summary>
    internal void Suggest(ReadOnlySpan<byte> compactNodes, bool v4, Instant now)
    {
        if (compactNodes.IsEmpty || Family(v4) is not { } family)
            return;
        for (var i = 0; i < Bucket.Size && Compact.TryReadNode(compactNodes, v4, i, out var found); i++)
            family.Suggest(found, now);
    }

    int NextOperation() => _lastOperation = _lastOperation == int.MaxValue ? 1 : _lastOperation + 1;

    int Start(Operation operation, Instant now)
    {
        operation.Start(Families(), now);
        return operation.Number;
    }

    IEnumerable<FamilyNode> Families()
    {
        if (_v4 is not null)
            yield return _v4;
        if (_v6 is not null)
            yield return _v6;
    }
}

/// <summary>How a node stands in the network of one address family.</summary>
/// <param name="Id">Ours.</param>
/// <param name="Seen">Our endpoint as most others see it; none before they agree.</param>
/// <param name="Contacts">Nodes in the routing table.</param>
/// <param name="Depth">Buckets of the routing table.</param>
/// <param name="Nodes">Estimated size of the network; null before enough look-ups were made.</param>
public sealed record NetworkState(Id160 Id, Endpoint Seen, int Contacts, int Depth, double? Nodes);
