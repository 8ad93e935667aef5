using System.Runtime.CompilerServices;

namespace Macro.Crypto.Batch;

/// <summary>A ChaCha20 that computes <see cref="Lanes"/> independent blocks at once.</summary>
interface IChaCha20Lanes
{
    /// <summary>Blocks at once: at most <see cref="ChaCha20Lanes.MostLanes"/>.</summary>
    static abstract int Lanes { get; }

    /// <summary>Writes one word to all lanes of a row; writing may go on for <see cref="Lanes"/> words from any lane.</summary>
    static abstract void Broadcast(ref uint row, uint word);

    /// <summary>As <see cref="Broadcast"/>, but counting up from <paramref name="first"/>.</summary>
    static abstract void CountUp(ref uint row, uint first);

    /// <summary>XORs each lane's block of key stream (64 bytes) to its target, see <see cref="ChaCha20Lanes.Target"/>.</summary>
    /// <param name="rows">The states' words that differ between blocks, see <see cref="ChaCha20Lanes"/>.</param>
    static abstract void Xor(ref uint rows, ref int targets, uint staged, ref byte buffer, ref byte slots);
}

/// <summary>
/// The layout that the ChaCha20 kernels share. A row holds one word of the state for every lane, at
/// <see cref="Stride"/> words from the next row; the constants and the nonce's first word (zero) need none.
/// </summary>
static class ChaCha20Lanes
{
    public const int MostLanes = 16, BlockSize = 64;

    /// <summary>Twice the lanes, since a write that starts at the last lane still writes a whole vector.</summary>
    public const int Stride = 2 * MostLanes;

    /// <summary>The rows: eight words of key, the block counter, two words of nonce.</summary>
    public const int Key = 0, BlockCounter = 8, NonceLow = 9, NonceHigh = 10, Rows = 11;

    /// <summary>"expand 32-byte k", RFC 8439 2.3.</summary>
    public const uint Sigma0 = 0x61707865, Sigma1 = 0x3320646e, Sigma2 = 0x79622d32, Sigma3 = 0x6b206574;

    /// <summary>
    /// Where a lane's block goes: to its offset in the buffer, or, when its bit in <paramref name="staged"/> is set, to
    /// its slot of 64 bytes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref byte Target(int lane, ref int targets, uint staged, ref byte buffer, ref byte slots) =>
        ref (staged & (1u << lane)) == 0
            ? ref Unsafe.Add(ref buffer, Unsafe.Add(ref targets, lane))
            : ref Unsafe.Add(ref slots, lane * BlockSize);
}
