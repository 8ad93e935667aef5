using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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

    /// <summary>
    /// Makes the one-time keys and decrypts in one pass, but beside the texts, in the slots: for an opener of few blocks. What has the right tag is then
    /// to be copied to its place, see <see cref="BatchScratch.CopyTextFromSlots"/>.
    /// </summary>
    /// <param name="count">Texts whose blocks, with the ones for their keys, are no more than the lanes.</param>
    public static void XorBeside(BatchScratch scratch, int count, ref byte buffer)
    {
        var lane = 0;
        for (var i = 0; i < count; i++)
        {
            ref readonly var text = ref scratch.Texts[i];
            TLanes.WriteKey(ref scratch.ChaChaRows, lane, ref Unsafe.As<byte, uint>(ref Unsafe.Add(ref scratch.Keys, i * AeadKey.Size)));
            TLanes.WriteBlocks(ref scratch.ChaChaRows, lane, text.Counter, 0, 0);
            scratch.Slot(lane, AeadKey.Size).Clear();
            scratch.CopyTextToSlots(text, lane + 1, ref buffer);
            lane += text.Lanes;
        }
        TLanes.Xor(ref scratch.ChaChaRows, lane, uint.MaxValue, ref buffer, ref scratch.Slots);
        lane = 0;
        for (var i = 0; i < count; lane += scratch.Texts[i].Lanes, i++)
            scratch.Slot(lane, AeadKey.Size).CopyTo(scratch.PolyKey(i));
    }

    static void Deal(BatchScratch scratch, int count, ref byte buffer, int firstBlock, bool texts)
    {
        var lane = 0;
        var staged = 0u;
        // The key that the lanes have from one of them on: mostly that of all texts, and then it is written once.
        var (held, from) = (-1, TLanes.Lanes);
        for (var i = 0; i < count; i++)
        {
            ref readonly var text = ref scratch.Texts[i];
            ref var key = ref Unsafe.As<byte, uint>(ref Unsafe.Add(ref scratch.Keys, i * AeadKey.Size));
            var wholeBlocks = texts ? text.Length / ChaCha20Lanes.BlockSize : 0;
            var lastBlock = texts ? (text.Length + ChaCha20Lanes.BlockSize - 1) / ChaCha20Lanes.BlockSize : 0;
            for (var block = firstBlock; block <= lastBlock;)
            {
                if (lane < from || (held != i && !SameKey(scratch, held, i)))
                {
                    TLanes.WriteKey(ref scratch.ChaChaRows, lane, ref key);
                    from = lane;
                }
                held = i;
                TLanes.WriteBlocks(ref scratch.ChaChaRows, lane, text.Counter, (uint)block, text.Offset + (block - 1) * ChaCha20Lanes.BlockSize);
                if (block == 0)
                    StageKey(scratch, lane, i, ref staged);
                var run = Math.Min(lastBlock + 1 - block, TLanes.Lanes - lane);
                block += run;
                lane += run;
                if (block > wholeBlocks + 1)
                    StageEnd(scratch, lane - 1, text, ref buffer, ref staged);
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

    static bool SameKey(BatchScratch scratch, int a, int b) =>
        Vector256.LoadUnsafe(ref Unsafe.Add(ref scratch.Keys, a * AeadKey.Size)) == Vector256.LoadUnsafe(ref Unsafe.Add(ref scratch.Keys, b * AeadKey.Size));

    static void StageKey(BatchScratch scratch, int lane, int text, ref uint staged)
    {
        staged |= 1u << lane;
        scratch.Staged[lane] = (text, BatchScratch.KeyBlock);
        scratch.Slot(lane, AeadKey.Size).Clear();
    }

    static void StageEnd(BatchScratch scratch, int lane, in Text text, ref byte buffer, ref uint staged)
    {
        var length = text.Length % ChaCha20Lanes.BlockSize;
        var target = text.Offset + text.Length - length;
        staged |= 1u << lane;
        scratch.Staged[lane] = (target, length);
        MemoryMarshal.CreateSpan(ref Unsafe.Add(ref buffer, target), length).CopyTo(scratch.Slot(lane, length));
    }

    /// <summary>Runs the kernel for the first <paramref name="lanes"/> lanes; the others' blocks end in their slots, unused.</summary>
    static void Pass(BatchScratch scratch, int lanes, uint staged, ref byte buffer)
    {
        var unused = uint.MaxValue << (lanes - 1) << 1;
        TLanes.Xor(ref scratch.ChaChaRows, lanes, staged | unused, ref buffer, ref scratch.Slots);
        for (; staged != 0; staged &= staged - 1)
        {
            var lane = BitOperations.TrailingZeroCount(staged);
            var (target, length) = scratch.Staged[lane];
            if (length == BatchScratch.KeyBlock)
                scratch.Slot(lane, AeadKey.Size).CopyTo(scratch.PolyKey(target));
            else
                scratch.Slot(lane, length).CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.Add(ref buffer, target), length));
        }
    }
}
