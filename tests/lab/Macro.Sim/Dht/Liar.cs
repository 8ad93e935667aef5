using Macro.Core;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>
/// Who plays by rules of his own, under an id of his choice: answers everything, tells of accomplices only, stores nothing.
/// Other liars differ in what they tell.
/// </summary>
class Liar(Endpoint endpoint, Id160 id, Gang gang)
{
    readonly byte[] _buffer = new byte[DhtNode.MaxDatagram];

    public Endpoint Endpoint { get; } = endpoint;

    public Id160 Id { get; } = id;

    public int Queries { get; private set; }

    public int Puts { get; private set; }

    protected Gang Gang { get; } = gang;

    /// <summary>What it sends back; nothing when empty.</summary>
    public virtual ReadOnlySpan<byte> Answer(ReadOnlySpan<byte> datagram, Endpoint source)
    {
        if (!Message.TryParse(datagram, out var message) || message.Kind != MessageKind.Query)
            return default;
        Queries++;
        Puts += message.Method is Method.Put or Method.AnnouncePeer ? 1 : 0;
        var writer = Replies.Begin(_buffer, source, Id);
        var target = message.Target ?? Id;
        var item = message.Method == Method.Get ? ItemFor(target) : null;
        if (item is not null)
            writer.String("k"u8, item.Key.ToArray());
        Span<NodeInfo> nodes = stackalloc NodeInfo[2 * Bucket.Size];
        Span<byte> compact = stackalloc byte[2 * Bucket.Size * Compact.NodeV4];
        var length = 0;
        foreach (var node in nodes[..NodesFor(target, nodes)])
            length += Compact.Write(node, compact[length..]);
        writer.String("nodes"u8, compact[..length]);
        if (item is not null)
        {
            writer.Integer("seq"u8, item.Sequence);
            writer.String("sig"u8, item.Signature.Span);
        }
        writer.String("token"u8, "lie"u8);
        if (item is not null)
        {
            writer.String("v"u8);
            writer.Raw(item.Value.Span);
        }
        return _buffer.AsSpan(0, Replies.Finish(ref writer, message.Transaction));
    }

    /// <summary>A ping that makes it known.</summary>
    public virtual ReadOnlySpan<byte> Hello() => _buffer.AsSpan(0, Macro.Dht.Queries.Ping(_buffer, new QueryHead(Id, 7, false)));

    /// <summary>Up to 16 nodes that it tells of.</summary>
    protected virtual int NodesFor(Id160 target, Span<NodeInfo> nodes) => Gang.Closest(target, nodes[..Bucket.Size]);

    protected virtual MutableItem? ItemFor(Id160 target) => null;
}

/// <summary>Liars that know each other.</summary>
sealed class Gang(World world)
{
    readonly List<Liar> _members = [];
    readonly HashSet<Endpoint> _endpoints = [];

    public IReadOnlyList<Liar> Members => _members;

    public World World { get; } = world;

    /// <summary>One with an id of its choice, known to some nodes.</summary>
    public Liar Add(Id160 id, IEnumerable<Endpoint> known) => Add(new Liar(World.NewEndpoint(), id, this), known);

    public Liar Add(Liar liar, IEnumerable<Endpoint> known)
    {
        _members.Add(liar);
        _endpoints.Add(liar.Endpoint);
        World.Add(liar, known);
        return liar;
    }

    public bool Has(Endpoint endpoint) => _endpoints.Contains(endpoint);

    public int Closest(Id160 target, Span<NodeInfo> nodes)
    {
        var count = 0;
        foreach (var member in _members)
        {
            var at = count;
            while (at > 0 && target.CompareDistance(member.Id, nodes[at - 1].Id) < 0)
                at--;
            if (at == nodes.Length)
                continue;
            if (count < nodes.Length)
                count++;
            nodes[at..(count - 1)].CopyTo(nodes[(at + 1)..count]);
            nodes[at] = new NodeInfo(member.Id, member.Endpoint);
        }
        return count;
    }
}
