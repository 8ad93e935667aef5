using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>Looks for the nodes closest to a target; also the node's own upkeep.</summary>
sealed class FindNodes(DhtNode node, int number, Id160 target, int paths, Want want, Instant started)
    : Operation(node, number, target, paths, started)
{
    /// <summary>Called at the end of the node's own upkeep.</summary>
    public Action<Instant>? Done { get; init; }

    public override int WriteQuery(Span<byte> buffer, in QueryHead head) => Dht.Queries.FindNode(buffer, head, Target, want);

    protected override DhtEvent? Finish(Instant now)
    {
        Done?.Invoke(now);
        return Number == 0
            ? null
            : new NodesFound(Number, [.. Searches.SelectMany(search => search.Closest()).Select(candidate => candidate.Node)], Report(now));
    }

}

/// <summary>Looks for the peers of an info-hash, and announces ourselves as one if asked to (BEP 5).</summary>
/// <param name="port">0: do not announce.</param>
/// <param name="implied">The port is the one that our datagrams come from.</param>
sealed class FindPeers(DhtNode node, int number, Id160 infoHash, int paths, ushort port, bool implied, Instant started)
    : Operation(node, number, infoHash, paths, started)
{
    // Clients give up to 100; one liar must not fill the list alone.
    const int MaxPeers = 4096, MaxOfAnswer = 100;

    readonly HashSet<Endpoint> _peers = [];
    int _announced;

    protected override bool Stores => port != 0;

    public override int WriteQuery(Span<byte> buffer, in QueryHead head) => Dht.Queries.GetPeers(buffer, head, Target);

    public override int WriteStore(Span<byte> buffer, in QueryHead head, Candidate candidate) =>
        Dht.Queries.AnnouncePeer(buffer, head, Target, port, implied, candidate.Token);

    public override void Answered(Candidate candidate, in Message message, Endpoint from, Instant now)
    {
        List<Endpoint>? found = null;
        var told = 0;
        foreach (var member in message.Values)
        {
            if (++told > MaxOfAnswer)
                break;
            // Peers of one family come from nodes of that family (BEP 32).
            if (member.Value.TryGetString(out var compact) && Compact.TryReadEndpoint(compact, out var peer)
                && peer.Address.IsV4 == from.Address.IsV4 && Node.MayBePeer(peer) && _peers.Count < MaxPeers && _peers.Add(peer))
                (found ??= []).Add(peer);
        }
        if (found is not null)
            Node.Emit(new PeersFound(Number, found));
    }

    protected override void Stored(Candidate candidate, ErrorCode? error) => _announced += error is null ? 1 : 0;

    protected override DhtEvent Finish(Instant now) => new PeersEnded(Number, _peers.Count, _announced, Report(now));
}

/// <summary>Gets an immutable item: the first that has the right hash ends the search.</summary>
sealed class GetImmutable(DhtNode node, int number, Id160 target, int paths, Instant started)
    : Operation(node, number, target, paths, started)
{
    byte[] _value = [];

    public override int WriteQuery(Span<byte> buffer, in QueryHead head) => Dht.Queries.Get(buffer, head, Target, newerThan: null);

    public override void Answered(Candidate candidate, in Message message, Endpoint from, Instant now)
    {
        if (_value.Length > 0 || message.Value.Length is 0 or > MutableItem.MaxValue || Id160.HashOf(message.Value) != Target)
            return;
        _value = message.Value.ToArray();
        EndSearches(now);
    }

    protected override DhtEvent Finish(Instant now) => new GetEnded(Number, _value, null, Report(now));
}

/// <summary>Gets a mutable item: all the closest nodes are asked, and the highest seq counts.</summary>
sealed class GetMutable(DhtNode node, int number, PublicKey key, byte[] salt, int paths, Instant started)
    : Operation(node, number, MutableItem.TargetOf(key, salt), paths, started)
{
    MutableItem? _best;

    // Who has nothing newer than what we hold need not send it again.
    public override int WriteQuery(Span<byte> buffer, in QueryHead head) => Dht.Queries.Get(buffer, head, Target, _best?.Sequence);

    public override void Answered(Candidate candidate, in Message message, Endpoint from, Instant now)
    {
        if (message.Sequence is not { } sequence || sequence <= (_best?.Sequence ?? -1) || message.Value.IsEmpty || message.Key != key
            || !MutableItem.TryVerify(key, salt, sequence, message.Value, message.Signature, out var item))
            return;
        _best = item;
        Node.Emit(new ItemFound(Number, item));
    }

    protected override DhtEvent Finish(Instant now) => new GetEnded(Number, _best?.Value ?? default, _best, Report(now));
}

/// <summary>Stores an item at the nodes closest to its target (BEP 44).</summary>
/// <param name="value">Of an immutable item; a mutable one has its own.</param>
sealed class PutItem(DhtNode node, int number, byte[] value, MutableItem? item, long? cas, int paths, Instant started)
    : Operation(node, number, item?.Target ?? Id160.HashOf(value), paths, started)
{
    readonly Dictionary<ErrorCode, int> _refused = [];
    MutableItem? _newer;
    int _stored;

    protected override bool Stores => true;

    protected override bool OneByOne => cas is not null;

    // Tokens are what is wanted: of a mutable item only a newer one comes with its value, newer than ours or, with cas, than
    // the one that ours follows.
    public override int WriteQuery(Span<byte> buffer, in QueryHead head) => Dht.Queries.Get(buffer, head, Target, cas ?? item?.Sequence);

    public override void Answered(Candidate candidate, in Message message, Endpoint from, Instant now)
    {
        candidate.Sequence = message.Sequence;
        if (item is null || message.Sequence is not { } sequence || message.Value.IsEmpty || message.Key != item.Key)
            return;
        candidate.HoldsOurs = sequence == item.Sequence && message.Value.SequenceEqual(item.Value.Span);
        if (!candidate.HoldsOurs && sequence > (_newer?.Sequence ?? cas ?? item.Sequence)
            && MutableItem.TryVerify(item.Key, item.Salt.Span, sequence, message.Value, message.Signature, out var newer))
            _newer = newer;
    }

    // With cas: what lies there by way of the other family is stored; and when somebody else was first, the nodes that do not
    // know it yet must not learn ours.
    protected override bool Spares(Candidate candidate)
    {
        if (cas is null)
            return false;
        _stored += candidate.HoldsOurs ? 1 : 0;
        return candidate.HoldsOurs || (_newer is not null && !(candidate.Sequence > cas));
    }

    public override int WriteStore(Span<byte> buffer, in QueryHead head, Candidate candidate) => item is null
        ? Dht.Queries.PutImmutable(buffer, head, value, candidate.Token)
        // Who holds nothing has nothing to compare with.
        : Dht.Queries.PutMutable(buffer, head, item, candidate.Sequence is null ? null : cas, candidate.Token);

    protected override void Stored(Candidate candidate, ErrorCode? error)
    {
        if (error is null)
            _stored++;
        else if (error != default(ErrorCode))
            _refused[error.Value] = _refused.GetValueOrDefault(error.Value) + 1;
    }

    protected override DhtEvent Finish(Instant now) => new PutEnded(Number, Target, _stored, _refused, _newer, Report(now));
}
