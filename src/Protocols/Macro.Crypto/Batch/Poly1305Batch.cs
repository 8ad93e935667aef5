using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Macro.Crypto.Batch;

/// <summary>
/// The tags of a slice of texts, one text a lane. The lanes step on together in chunks of 64 bytes; a lane whose text has
/// no whole chunk left is done, and its last bytes are taken in alone. When too few lanes are left to be worth a
/// vector, so is all the rest.
/// </summary>
static class Poly1305Batch<TLanes> where TLanes : struct, IPoly1305Lanes
{
    /// <summary>With fewer texts than this, one by one is faster.</summary>
    const int FewestLanes = 3;

    /// <summary>The tags of the ciphertexts in the buffer.</summary>
    public static void MakeTags(BatchScratch scratch, int count, ref byte buffer, Span<Vector128<byte>> tags)
    {
        ref var rows = ref scratch.PolyRows;
        var live = (1u << count) - 1;
        var done = 0;
        if (count >= FewestLanes)
        {
            Start(scratch, count);
            while (BitOperations.PopCount(live) >= FewestLanes)
            {
                var next = NextEnd(scratch, live, out var longest);
                if (next > done)
                {
                    PlaceLanes(scratch, live, done, longest);
                    TLanes.Absorb(
                        ref rows, ref buffer, ref MemoryMarshal.GetArrayDataReference(scratch.LaneTexts), next - done,
                        ref scratch.PolyWords, BitOperations.Log2(live) + 1);
                    done = next;
                }
                for (var lanes = live; lanes != 0; lanes &= lanes - 1)
                {
                    var lane = BitOperations.TrailingZeroCount(lanes);
                    if (scratch.Texts[lane].Length / Poly1305Lanes.ChunkSize > done)
                        continue;
                    tags[lane] = FinishAlone(scratch, lane, done, ref buffer);
                    live &= ~(1u << lane);
                }
            }
        }
        for (; live != 0; live &= live - 1)
        {
            var lane = BitOperations.TrailingZeroCount(live);
            tags[lane] = FinishAlone(scratch, lane, done, ref buffer);
        }
    }

    static void Start(BatchScratch scratch, int count)
    {
        for (var lane = 0; lane < count; lane++)
        {
            var key = scratch.PolyKey(lane);
            Poly1305Lanes.Start(ref scratch.PolyRows, lane, BitConverter.ToUInt64(key), BitConverter.ToUInt64(key[8..]));
        }
    }

    /// <summary>The chunk at which the next lane ends, and the lane with the longest text.</summary>
    static int NextEnd(BatchScratch scratch, uint live, out int longest)
    {
        var shortest = longest = BitOperations.TrailingZeroCount(live);
        for (live &= live - 1; live != 0; live &= live - 1)
        {
            var lane = BitOperations.TrailingZeroCount(live);
            if (scratch.Texts[lane].Length < scratch.Texts[shortest].Length)
                shortest = lane;
            if (scratch.Texts[lane].Length > scratch.Texts[longest].Length)
                longest = lane;
        }
        return scratch.Texts[shortest].Length / Poly1305Lanes.ChunkSize;
    }

    /// <summary>Says where the lanes read on. Those that are done or never had a text read along with the longest one.</summary>
    static void PlaceLanes(BatchScratch scratch, uint live, int done, int longest)
    {
        for (var lane = 0; lane < TLanes.Lanes; lane++)
        {
            var text = (live >> lane & 1) != 0 ? lane : longest;
            scratch.LaneTexts[lane] = scratch.Texts[text].Offset + done * Poly1305Lanes.ChunkSize;
        }
    }

    /// <summary>Takes in what follows the first <paramref name="done"/> chunks, and the lengths (RFC 8439 2.8).</summary>
    static Vector128<byte> FinishAlone(BatchScratch scratch, int lane, int done, ref byte buffer)
    {
        ref readonly var text = ref scratch.Texts[lane];
        var key = scratch.PolyKey(lane);
        var sum = new Poly1305(BitConverter.ToUInt64(key), BitConverter.ToUInt64(key[8..]));
        if (done > 0)
            sum.Resume(ref scratch.PolyRows, lane);
        var taken = done * Poly1305Lanes.ChunkSize;
        sum.Absorb(MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref buffer, text.Offset + taken), text.Length - taken));
        sum.AbsorbLengths(text.Length);
        var (low, high) = sum.Finish(BitConverter.ToUInt64(key[16..]), BitConverter.ToUInt64(key[24..]));
        return Vector128.Create(low, high).AsByte();
    }
}
