using System.Buffers.Binary;
using Macro.Core;
using Macro.Peers;

namespace Macro.Daemon.Storage;

/// <summary>
/// Relays of the network for the next start, the file "relays", and a relay's neighbours in the DHT, the file "dht": sealed, so that the disk tells
/// neither who they are nor which network this node is in. Of relays at most 200, drawn at random from all that are known: nothing
/// tells which of them were used. Layout of their plaintext: count u16, then for each its length u16 and its bytes, little-endian,
/// padded with zeros to a multiple of 16 KiB.
/// </summary>
public sealed class RelayCache(DataFolder folder, SealedFolder vault)
{
    public const string FileName = "relays", DhtFileName = "dht";

    const int Block = 16 << 10;

    /// <summary>Those whose signature is good in this network, expired ones too. Empty when the file is not there, or of another network.</summary>
    public IReadOnlyList<SignedDescriptor> Load(DescriptorRules rules, Instant now) =>
        vault.TryRead(FileName) is { Length: > 2 } plain ? [.. Decode(plain, rules, now)] : [];

    public void Save(IReadOnlyList<SignedDescriptor> relays)
    {
        var size = 2 + relays.Sum(r => 2 + r.Encode().Length);
        var plain = new byte[(size + Block - 1) / Block * Block];
        BinaryPrimitives.WriteUInt16LittleEndian(plain, (ushort)relays.Count);
        var at = 2;
        foreach (var relay in relays)
        {
            var bytes = relay.Encode();
            BinaryPrimitives.WriteUInt16LittleEndian(plain.AsSpan(at), (ushort)bytes.Length);
            bytes.CopyTo(plain.AsSpan(at + 2));
            at += 2 + bytes.Length;
        }
        vault.Write(FileName, plain);
    }

    /// <summary>What a relay keeps of its place in the DHT; empty when there is nothing.</summary>
    public byte[] LoadDht() => vault.TryRead(DhtFileName) ?? [];

    public void SaveDht(ReadOnlySpan<byte> saved) => vault.Write(DhtFileName, saved);

    /// <summary>Another network is another network: nothing of the old one stays.</summary>
    public void Forget()
    {
        File.Delete(folder.PathOf(FileName));
        File.Delete(folder.PathOf(DhtFileName));
    }

    static IEnumerable<SignedDescriptor> Decode(byte[] plain, DescriptorRules rules, Instant now)
    {
        var count = BinaryPrimitives.ReadUInt16LittleEndian(plain);
        for (var (i, at) = (0, 2); i < count && at + 2 <= plain.Length; i++)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(plain.AsSpan(at));
            at += 2;
            if (at + length > plain.Length || length <= SignedDescriptor.HeaderSize)
                yield break;
            var bytes = plain.AsMemory(at, length);
            at += length;
            // Expired is fine: whether its relay is still there will show. So it is judged as of when it was signed.
            var signedAt = Instant.FromUnixSeconds(Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[NodeId.Size..]), 0, uint.MaxValue));
            if (SignedDescriptor.TryDecode(bytes.Span, rules, Instant.Min(now, signedAt), out var signed) == DescriptorVerdict.Valid)
                yield return signed!;
        }
    }
}
