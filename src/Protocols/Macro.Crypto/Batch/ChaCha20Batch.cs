using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Macro.Crypto.Batch;

/// <summary>
/// Deals the blocks of a slice of texts out to the lanes of a kernel, one block a lane, text after text, so that the
/// lanes stay full whatever the texts' sizes and keys. A text's block 0 is the one-time key of its tag (RFC 8439 2.6);
/// that, and the last block of a text unless it is whole, is staged: it goes through a slot of its lane.
/// <code>
///   lane     0    1    2    3    4    5    6    7    8    9  ...
///   text     A    A    A    A    B    B    B    C    C    C  ...
///   block    0    1    2    3    0    1    2    0    1    2  ...
///   staged  key             end key       end key       end
/// </code>
/// </summary>
static class ChaCha20Batch<TLanes> where TLanes : struct, IChaCha20Lanes
{
    /// <summary>XORs blocks 1 and on to the texts; with <paramref name="keys"/>, makes the one-time keys in the same passes.</summary>
    public static void XorTexts(BatchScratch scratch, int count, ref byte buffer, bool keys) =>
        Deal(scratch, count, ref buffer, keys ? 0 : 1, texts: true);

    /// <summary>Makes the one-time keys alone: an opener checks tags before it decrypts.</summary>
    public static void MakeKeys(BatchScratch scratch, int count, ref byte buffer) =>
        Deal(scratch, count, ref buffer, 0, texts: false);

    static void Deal(BatchScratch scratch, int count, ref byte buffer, int firstBlock, bool texts)
    {
        ref var targets = ref MemoryMarshal.GetArrayDataReference(scratch.Targets);
        var lane = 0;
        var staged = 0u;
        for (var i = 0; i < count; i++)
        {
            ref readonly var text = ref scratch.Texts[i];
            var wholeBlocks = texts ? text.Length / ChaCha20Lanes.BlockSize : 0;
            var lastBlock = texts ? (text.Length + ChaCha20Lanes.BlockSize - 1) / ChaCha20Lanes.BlockSize : 0;
            for (var block = firstBlock; block <= lastBlock;)
            {
                WriteStates(scratch, lane, i, text.Counter, (uint)block);
                for (; block <= lastBlock && lane < TLanes.Lanes; block++, lane++)
                {
                    if (block > wholeBlocks)
                    {
                        StageEnd(scratch, lane, text, ref buffer);
                        staged |= 1u << lane;
                    }
                    else if (block > 0)
                    {
                        Unsafe.Add(ref targets, lane) = text.Offset + (block - 1) * ChaCha20Lanes.BlockSize;
                    }
                    else
                    {
                        StageKey(scratch, lane, i);
                        staged |= 1u << lane;
                    }
                }
                if (lane == TLanes.Lanes)
                {
                    Pass(scratch, lane, staged, ref buffer);
                    lane = 0;
                    staged = 0;
                }
            }
        }
        if (lane > 0)
            Pass(scratch, lane, staged, ref buffer);
    }

    /// <summary>
    /// Writes the states of a run of one text's blocks from a lane on. It writes as if the run went on to the last lane
    /// and beyond; the next run writes over that.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void WriteStates(BatchScratch scratch, int lane, int text, ulong counter, uint block)
    {
        ref var column = ref Unsafe.Add(ref scratch.ChaChaRows, lane);
        ref var key = ref Unsafe.As<byte, uint>(ref Unsafe.Add(ref scratch.Keys, text * AeadKey.Size));
        for (var word = 0; word < 8; word++)
            TLanes.Broadcast(ref Unsafe.Add(ref column, (ChaCha20Lanes.Key + word) * ChaCha20Lanes.Stride), Unsafe.Add(ref key, word));
        TLanes.CountUp(ref Unsafe.Add(ref column, ChaCha20Lanes.BlockCounter * ChaCha20Lanes.Stride), block);
        TLanes.Broadcast(ref Unsafe.Add(ref column, ChaCha20Lanes.NonceLow * ChaCha20Lanes.Stride), (uint)counter);
        TLanes.Broadcast(ref Unsafe.Add(ref column, ChaCha20Lanes.NonceHigh * ChaCha20Lanes.Stride), (uint)(counter >> 32));
    }

    static void StageKey(BatchScratch scratch, int lane, int text)
    {
        scratch.Slot(lane, AeadKey.Size).Clear();
        scratch.Targets[lane] = text;
        scratch.StagedLengths[lane] = BatchScratch.KeyBlock;
    }

    static void StageEnd(BatchScratch scratch, int lane, in Text text, ref byte buffer)
    {
        var length = text.Length % ChaCha20Lanes.BlockSize;
        var target = text.Offset + text.Length - length;
        MemoryMarshal.CreateSpan(ref Unsafe.Add(ref buffer, target), length).CopyTo(scratch.Slot(lane, length));
        scratch.Targets[lane] = target;
        scratch.StagedLengths[lane] = length;
    }

    /// <summary>Runs the kernel for the first <paramref name="lanes"/> lanes; the others' blocks end in their slots, unused.</summary>
    static void Pass(BatchScratch scratch, int lanes, uint staged, ref byte buffer)
    {
        var unused = uint.MaxValue << (lanes - 1) << 1;
        TLanes.Xor(ref scratch.ChaChaRows, ref MemoryMarshal.GetArrayDataReference(scratch.Targets), staged | unused, ref buffer, ref scratch.Slots);
        for (; staged != 0; staged &= staged - 1)
        {
            var lane = BitOperations.TrailingZeroCount(staged);
            var length = scratch.StagedLengths[lane];
            if (length == BatchScratch.KeyBlock)
                scratch.Slot(lane, AeadKey.Size).CopyTo(scratch.PolyKey(scratch.Targets[lane]));
            else
                scratch.Slot(lane, length).CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.Add(ref buffer, scratch.Targets[lane]), length));
        }
    }
}
