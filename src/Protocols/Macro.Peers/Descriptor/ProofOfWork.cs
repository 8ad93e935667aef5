using System.Buffers.Binary;
using System.Numerics;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// The price of one node name for one epoch: a nonce such that BLAKE2s("macro work 1" || NodeId || epoch u32 LE || nonce
/// u64 LE) begins with enough zero bits. Bound to the epoch, so that it cannot be hoarded.
/// </summary>
public static class ProofOfWork
{
    const int InputSize = 12 + NodeId.Size + 4 + 8;

    /// <summary>Leading zero bits that this nonce yields.</summary>
    public static int Bits(NodeId id, uint epoch, ulong nonce)
    {
        Span<byte> input = stackalloc byte[InputSize];
        Prepare(input, id, epoch);
        return Bits(input, nonce);
    }

    /// <summary>The smallest nonce that yields at least <paramref name="bits"/>; about 2^bits hashes.</summary>
    public static ulong Solve(NodeId id, uint epoch, int bits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bits, 40);
        ulong nonce = 0;
        while (!TrySolve(id, epoch, bits, ref nonce, int.MaxValue))
        {
        }
        return nonce;
    }

    /// <summary>
    /// Goes on from <paramref name="nonce"/> for at most <paramref name="tries"/> hashes. True: it is the answer. False: it is where
    /// to go on.
    /// </summary>
    public static bool TrySolve(NodeId id, uint epoch, int bits, ref ulong nonce, int tries)
    {
        Span<byte> input = stackalloc byte[InputSize];
        Prepare(input, id, epoch);
        for (; tries > 0; tries--, nonce++)
            if (Bits(input, nonce) >= bits)
                return true;
        return false;
    }

    static void Prepare(Span<byte> input, NodeId id, uint epoch)
    {
        "macro work 1"u8.CopyTo(input);
        id.Write(input[12..]);
        BinaryPrimitives.WriteUInt32LittleEndian(input[44..], epoch);
    }

    static int Bits(Span<byte> input, ulong nonce)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(input[48..], nonce);
        Span<byte> hash = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(hash, input);
        var head = BinaryPrimitives.ReadUInt64BigEndian(hash);
        return BitOperations.LeadingZeroCount(head);
    }
}
