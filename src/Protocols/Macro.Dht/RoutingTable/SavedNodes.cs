using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// What a node keeps between runs, as bytes: "macro-dht 1\n", then bencode {id4, id6, nodes, nodes6} with the ids and the
/// good contacts in compact form. The owner writes the file.
/// </summary>
static class SavedNodes
{
    const int MostOfFamily = 200;

    static ReadOnlySpan<byte> Magic => "macro-dht 1\n"u8;

    public static byte[] Save(FamilyNode? v4, FamilyNode? v6, Instant now)
    {
        var buffer = new byte[Magic.Length + 256 + MostOfFamily * (Compact.NodeV4 + Compact.NodeV6)];
        Magic.CopyTo(buffer);
        var writer = new BencodeWriter(buffer.AsSpan(Magic.Length));
        writer.BeginDictionary();
        if (v4 is not null)
            writer.Id("id4"u8, v4.Id);
        if (v6 is not null)
            writer.Id("id6"u8, v6.Id);
        WriteNodes(ref writer, "nodes"u8, v4, now);
        WriteNodes(ref writer, "nodes6"u8, v6, now);
        writer.End();
        return buffer[..(Magic.Length + writer.Length)];
    }

    /// <summary>Takes up what was saved; false when the bytes are not what <see cref="Save"/> writes.</summary>
    public static bool TryLoad(ReadOnlySpan<byte> saved, FamilyNode? v4, FamilyNode? v6, Instant now)
    {
        if (!saved.StartsWith(Magic) || !BencodeValue.TryParse(saved[Magic.Length..], out var root))
            return false;
        Load(root, v4, "id4"u8, "nodes"u8, now);
        Load(root, v6, "id6"u8, "nodes6"u8, now);
        return true;
    }

    static void WriteNodes(ref BencodeWriter writer, ReadOnlySpan<byte> key, FamilyNode? family, Instant now)
    {
        if (family is null)
            return;
        var nodes = family.Table.Contacts.Where(contact => contact.IsGood(now)).Take(MostOfFamily).ToArray();
        var bytes = new byte[nodes.Length * Compact.NodeV6];
        var length = 0;
        foreach (var contact in nodes)
            length += Compact.Write(contact.Node, bytes.AsSpan(length));
        writer.String(key, bytes.AsSpan(0, length));
    }

    static void Load(BencodeValue root, FamilyNode? family, ReadOnlySpan<byte> idKey, ReadOnlySpan<byte> nodesKey, Instant now)
    {
        if (family is null)
            return;
        if (root.TryFind(idKey, out var value) && value.TryGetString(out var id) && id.Length == Id160.Size)
            family.Resume(Id160.Read(id), now);
        if (!root.TryFind(nodesKey, out value) || !value.TryGetString(out var compact))
            return;
        var seeds = new List<NodeInfo>();
        for (var i = 0; i < MostOfFamily && Compact.TryReadNode(compact, family.V4, i, out var node); i++)
            seeds.Add(node);
        family.AddSeeds(seeds, now);
    }
}
