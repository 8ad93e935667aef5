using Macro.Core;

namespace Macro.Dht;

/// <summary>Writes queries: {a: {id, ...}, q, [ro], t, y: "q"} with the keys in order.</summary>
static class Queries
{
    /// <summary>Bytes of our transaction ids.</summary>
    public const int TransactionSize = 4;

    public static int Ping(Span<byte> buffer, in QueryHead head)
    {
        var writer = Begin(buffer, head);
        return Finish(ref writer, "ping"u8, head);
    }

    public static int FindNode(Span<byte> buffer, in QueryHead head, Id160 target, Want want)
    {
        var writer = Begin(buffer, head);
        writer.Id("target"u8, target);
        WriteWant(ref writer, want);
        return Finish(ref writer, "find_node"u8, head);
    }

    public static int GetPeers(Span<byte> buffer, in QueryHead head, Id160 infoHash)
    {
        var writer = Begin(buffer, head);
        writer.Id("info_hash"u8, infoHash);
        return Finish(ref writer, "get_peers"u8, head);
    }

    public static int AnnouncePeer(Span<byte> buffer, in QueryHead head, Id160 infoHash, ushort port, bool implied, ReadOnlySpan<byte> token)
    {
        var writer = Begin(buffer, head);
        if (implied)
            writer.Integer("implied_port"u8, 1);
        writer.Id("info_hash"u8, infoHash);
        writer.Integer("port"u8, port);
        writer.String("token"u8, token);
        return Finish(ref writer, "announce_peer"u8, head);
    }

    /// <param name="newerThan">Send the value only when its seq is higher (BEP 44).</param>
    public static int Get(Span<byte> buffer, in QueryHead head, Id160 target, long? newerThan)
    {
        var writer = Begin(buffer, head);
        if (newerThan is { } sequence)
            writer.Integer("seq"u8, sequence);
        writer.Id("target"u8, target);
        return Finish(ref writer, "get"u8, head);
    }

    /// <summary>
    /// A get of one node: so long that an item of 480 bytes is at most three times as long, and a node gives it to whoever asks.
    /// </summary>
    public static int AskItem(Span<byte> buffer, in QueryHead head, Id160 target)
    {
        Span<byte> padding = stackalloc byte[160];
        padding.Clear();
        var writer = Begin(buffer, head);
        writer.Id("target"u8, target);
        writer.String("z"u8, padding);
        return Finish(ref writer, "get"u8, head);
    }

    public static int PutImmutable(Span<byte> buffer, in QueryHead head, ReadOnlySpan<byte> value, ReadOnlySpan<byte> token)
    {
        var writer = Begin(buffer, head);
        writer.String("token"u8, token);
        writer.String("v"u8);
        writer.Raw(value);
        return Finish(ref writer, "put"u8, head);
    }

    public static int PutMutable(Span<byte> buffer, in QueryHead head, MutableItem item, long? cas, ReadOnlySpan<byte> token)
    {
        Span<byte> key = stackalloc byte[Crypto.PublicKey.Size];
        item.Key.Write(key);
        var writer = new BencodeWriter(buffer);
        writer.BeginDictionary();
        writer.String("a"u8);
        writer.BeginDictionary();
        if (cas is { } expected)
            writer.Integer("cas"u8, expected);
        writer.Id("id"u8, head.Id);
        writer.String("k"u8, key);
        if (!item.Salt.IsEmpty)
            writer.String("salt"u8, item.Salt.Span);
        writer.Integer("seq"u8, item.Sequence);
        writer.String("sig"u8, item.Signature.Span);
        writer.String("token"u8, token);
        writer.String("v"u8);
        writer.Raw(item.Value.Span);
        return Finish(ref writer, "put"u8, head);
    }

    public static int SampleInfohashes(Span<byte> buffer, in QueryHead head, Id160 target)
    {
        var writer = Begin(buffer, head);
        writer.Id("target"u8, target);
        return Finish(ref writer, "sample_infohashes"u8, head);
    }

    static BencodeWriter Begin(Span<byte> buffer, in QueryHead head)
    {
        var writer = new BencodeWriter(buffer);
        writer.BeginDictionary();
        writer.String("a"u8);
        writer.BeginDictionary();
        // Sorts before every argument that the callers add.
        writer.Id("id"u8, head.Id);
        return writer;
    }

    static void WriteWant(ref BencodeWriter writer, Want want)
    {
        if (want == Want.None)
            return;
        writer.String("want"u8);
        writer.BeginList();
        if (want.HasFlag(Want.V4))
            writer.String("n4"u8);
        if (want.HasFlag(Want.V6))
            writer.String("n6"u8);
        writer.End();
    }

    static int Finish(ref BencodeWriter writer, ReadOnlySpan<byte> method, in QueryHead head)
    {
        Span<byte> transaction = stackalloc byte[TransactionSize];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(transaction, head.Transaction);
        writer.End();
        writer.String("q"u8, method);
        if (head.ReadOnly)
            writer.Integer("ro"u8, 1);
        writer.String("t"u8, transaction);
        writer.String("y"u8, "q"u8);
        writer.End();
        return writer.Overflowed ? 0 : writer.Length;
    }
}

/// <summary>What every query carries: the asker's id, the transaction, and whether he is read-only (BEP 43).</summary>
readonly record struct QueryHead(Id160 Id, uint Transaction, bool ReadOnly);
