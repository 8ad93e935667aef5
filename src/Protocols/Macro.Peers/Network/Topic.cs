using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Macro.Peers;

/// <summary>
/// The DHT keys under which relays announce their endpoints and clients look for them: SHA-1("macro/1" || network key ||
/// epoch u32 || facet u8 || bits u8 || shard u32), integers little-endian, 20 bytes.
/// </summary>
public static class Topic
{
    public const int Size = 20;

    /// <param name="hash">20 bytes.</param>
    public static void Write(Span<byte> hash, NetworkKey network, uint epoch, Facet facet, Shard shard)
    {
        ArgumentNullException.ThrowIfNull(network);
        const int LabelSize = 7;
        Span<byte> input = stackalloc byte[LabelSize + NetworkKey.Size + 10];
        "macro/1"u8.CopyTo(input);
        network.Bytes.CopyTo(input[LabelSize..]);
        var rest = input[(LabelSize + NetworkKey.Size)..];
        BinaryPrimitives.WriteUInt32LittleEndian(rest, epoch);
        rest[4] = facet.Code;
        rest[5] = (byte)shard.Bits;
        BinaryPrimitives.WriteUInt32LittleEndian(rest[6..], shard.Number);
        // BEP 5 fixes the function; nothing of ours rests on its resistance to collisions.
#pragma warning disable CA5350
        SHA1.HashData(input, hash);
#pragma warning restore CA5350
    }

    /// <summary>
    /// Where a relay announces itself in an epoch: each of its facets, in its shard of <paramref name="bits"/> bits and in
    /// the one of a bit less, because not everybody estimates the same size. At most 8 topics of 20 bytes.
    /// </summary>
    public static IReadOnlyList<byte[]> Of(Descriptor descriptor, NodeId id, NetworkKey network, uint epoch, int bits)
    {
        ArgumentNullException.ThrowIfNull(network);
        var topics = new List<byte[]>();
        var position = Position.Of(id, network, epoch);
        foreach (var facet in Facet.Of(descriptor))
            for (var b = bits; b >= Math.Max(0, bits - 1); b--)
            {
                var topic = new byte[Size];
                Write(topic, network, epoch, facet, position.ShardOf(b));
                topics.Add(topic);
            }
        return topics;
    }
}
