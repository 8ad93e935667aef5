using System.Runtime.CompilerServices;

namespace Macro.Crypto.Batch;

/// <summary>A ChaCha20 that computes <see cref="Lanes"/> independent blocks at once.</summary>
interface IChaCha20Lanes
{
    /// <summary>Blocks at once: at most <see cref="ChaCha20Lanes.MostLanes"/>.</summary>
    static abstract int Lanes { get; }

    /// <summary>Writes a key's rows from a lane to the last one; the lanes before it keep theirs.</summary>
    /// <param name="rows">See <see cref="ChaCha20Lanes"/>.</param>
    /// <param name="key">Eight words.</param>
    static abstract void WriteKey(ref uint rows, int lane, ref uint key);

    /// <summary>Writes the other rows of a run of one text's blocks, from a lane to the last one.</summary>
    /// <param name="counter">The text's, in the nonce.</param>
    /// <param name="block">Of the first lane; it counts up from there.</param>
    /// <param name="target">Of the first lane; it goes up by a block a lane.</param>
    static abstract void WriteBlocks(ref uint rows, int lane, ulong counter, uint block, int target);

    /// <summary>XORs each lane's block of key stream (64 bytes) to where it belongs, see <see cref="ChaCha20Lanes.Place"/>.</summary>
    /// <param name="rows">See <see cref="ChaCha20Lanes"/>.</param>
    /// <param name="lanes">The first so many at least; the others' blocks go to their places as well, if they are computed.</param>
    static abstract void Xor(ref uint rows, int lanes, uint staged, ref byte buffer, ref byte slots);
}

/// <summary>
/// The layout that the ChaCha20 kernels share. A row holds one word of the state for every lane, at
/// <see cref="MostLanes"/> words from the next row; the constants and the nonce's first word (zero) need none.
/// </summary>
static class ChaCha20Lanes
{
    public const int MostLanes = 32, BlockBits = 6, BlockSize = 1 << BlockBits;

    /// <summary>The rows: eight words of key, the block counter, two words of nonce; and where in the buffer the block goes.</summary>
    public const int Key = 0, BlockCounter = 8, NonceLow = 9, NonceHigh = 10, Target = 11, Rows = 12;

    /// <summary>"expand 32-byte k", RFC 8439 2.3.</summary>
    public const uint Sigma0 = 0x61707865, Sigma1 = 0x3320646e, Sigma2 = 0x79622d32, Sigma3 = 0x6b206574;

    /// <summary>
    /// Where a lane's block goes: to its target in the buffer, or, when its bit in <paramref name="staged"/> is set, to
    /// its slot of 64 bytes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref byte Place(int lane, ref uint rows, uint staged, ref byte buffer, ref byte slots) =>
        ref (staged & (1u << lane)) == 0
            ? ref Unsafe.Add(ref buffer, (int)Unsafe.Add(ref rows, Target * MostLanes + lane))
            : ref Unsafe.Add(ref slots, lane * BlockSize);
}
