using System.Buffers.Binary;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// What a set of items comes to: how many, and the sum modulo 2^256 of their hashes, each BLAKE2s(R_e || descriptor). As in
/// Negentropy (Hoyte 2023; Meyer 2023, "Range-Based Set Reconciliation"), and keyed by the epoch.
/// </summary>
readonly record struct RangeSummary(int Count, Sum256 Sum)
{
    public static RangeSummary Of(SignedDescriptor signed, ReadOnlySpan<byte> epochValue)
    {
        Span<byte> hash = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(hash, epochValue, signed.Encode());
        return new RangeSummary(1, Sum256.Read(hash));
    }

    public static RangeSummary operator +(RangeSummary a, RangeSummary b) => new(a.Count + b.Count, a.Sum + b.Sum);

    public static RangeSummary operator -(RangeSummary a, RangeSummary b) => new(a.Count - b.Count, a.Sum - b.Sum);

    /// <summary>
    /// First 8 bytes, little-endian, of BLAKE2s(salt u64 || sum || count u32); 0 when there is nothing. So short because the
    /// salt is drawn for every message: who wants two sets to look alike must make the whole sums alike.
    /// </summary>
    public ulong Fingerprint(ulong salt)
    {
        if (Count == 0)
            return 0;
        Span<byte> input = stackalloc byte[8 + Sum256.Size + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(input, salt);
        Sum.Write(input[8..]);
        BinaryPrimitives.WriteInt32LittleEndian(input[(8 + Sum256.Size)..], Count);
        Span<byte> hash = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(hash, input);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
