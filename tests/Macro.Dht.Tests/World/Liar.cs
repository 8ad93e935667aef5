using Macro.Core;

namespace Macro.Dht.Tests;

/// <summary>A node with an id of its choice that answers everything, tells of its accomplices only, and stores nothing.</summary>
sealed class Liar(Endpoint endpoint, Id160 id, List<Liar> gang)
{
    readonly byte[] _buffer = new byte[1500];

    public Endpoint Endpoint { get; } = endpoint;

    public Id160 Id { get; } = id;

    public int Queries { get; private set; }

    public int Puts { get; private set; }

    /// <summary>What it answers; empty for what is no query.</summary>
    public ReadOnlySpan<byte> Answer(ReadOnlySpan<byte> datagram, Endpoint source)
    {
        if (!Message.TryParse(datagram, out var message) || message.Kind != MessageKind.Query)
            return default;
        Queries++;
        Puts += message.Method is Method.Put or Method.AnnouncePeer ? 1 : 0;
        var writer = Replies.Begin(_buffer, source, Id);
        Span<byte> nodes = stackalloc byte[8 * Compact.NodeV4];
        var target = message.Target ?? Id;
        var length = 0;
        foreach (var other in gang.OrderBy(other => other.Id ^ target).Take(8))
            length += Compact.Write(new NodeInfo(other.Id, other.Endpoint), nodes[length..]);
        writer.String("nodes"u8, nodes[..length]);
        writer.String("token"u8, "lie"u8);
        return _buffer.AsSpan(0, Replies.Finish(ref writer, message.Transaction));
    }

    /// <summary>A ping that makes it known.</summary>
    public ReadOnlySpan<byte> Hello() => _buffer.AsSpan(0, Dht.Queries.Ping(_buffer, new QueryHead(Id, 7, false)));
}
