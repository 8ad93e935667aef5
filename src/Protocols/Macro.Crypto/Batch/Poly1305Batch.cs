using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Macro.Crypto.Batch;

/// <summary>
/// The tags of a slice of texts, one text a lane. The lanes step on together in chunks of 64 bytes; a lane whose text has
/// no whole chunk left is done, and its last bytes are taken in alone. When too few lanes are left to be worth a
/// vector, so is all the rest. Where a batch has only a few texts, each is cut over several lanes instead.
/// </summary>
static class Poly1305Batch<TLanes> where TLanes : struct, IPoly1305Lanes
{
    /// <summary>With fewer texts than this, one by one is faster.</summary>
    const int FewestLanes = 4;

    /// <summary>A text that is alone is cut into so many segments at most, and not at all when it has few chunks.</summary>
    const int Segments = 8, FewestChunksToCut = 6;

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
                var next = NextEnd(scratch, live, out var shortest, out var longest);
                if (next > done)
                {
                    PlaceLanes(scratch, live, done, longest);
                    TLanes.Absorb(
                        ref rows, ref buffer, ref MemoryMarshal.GetArrayDataReference(scratch.LaneTexts), next - done,
                        ref scratch.PolyWords, BitOperations.Log2(live) + 1);
                    done = next;
                }
                if (scratch.Texts[shortest].Blocks == scratch.Texts[longest].Blocks)
                {
                    FinishTogether(scratch, live, done, ref buffer, tags);
                    return;
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

    /// <summary>The chunk at which the next lane ends, and the lanes with the shortest and the longest text.</summary>
    static int NextEnd(BatchScratch scratch, uint live, out int shortest, out int longest)
    {
        shortest = longest = BitOperations.TrailingZeroCount(live);
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

    /// <summary>As <see cref="FinishAlone"/>, of all lanes that are at work, with equally many blocks to go.</summary>
    static void FinishTogether(BatchScratch scratch, uint live, int done, ref byte buffer, Span<Vector128<byte>> tags)
    {
        var blocks = 0;
        for (var lanes = live; lanes != 0; lanes &= lanes - 1)
        {
            var lane = BitOperations.TrailingZeroCount(lanes);
            var rest = Rest(scratch.Texts[lane], done, ref buffer);
            for (blocks = 0; !rest.IsEmpty; blocks++)
                Place(scratch, lane, blocks, Poly1305.TakeBlock(ref rest));
            Place(scratch, lane, blocks++, (0, (ulong)scratch.Texts[lane].Length));
        }
        TLanes.AbsorbWords(ref scratch.PolyRows, blocks, ref scratch.PolyWords, BitOperations.Log2(live) + 1);
        for (var lanes = live; lanes != 0; lanes &= lanes - 1)
        {
            var lane = BitOperations.TrailingZeroCount(lanes);
            var key = scratch.PolyKey(lane);
            tags[lane] = Finish(new(BitConverter.ToUInt64(key), BitConverter.ToUInt64(key[8..]), Poly1305Lanes.Sum(ref scratch.PolyRows, lane)), key);
        }
    }

    static void Place(BatchScratch scratch, int lane, int block, (ulong Low, ulong High) words)
    {
        ref var low = ref Unsafe.Add(ref scratch.PolyWords, block * 2 * Poly1305Lanes.MostLanes + lane);
        low = words.Low;
        Unsafe.Add(ref low, Poly1305Lanes.MostLanes) = words.High;
    }

    static ReadOnlySpan<byte> Rest(in Text text, int done, ref byte buffer)
    {
        var taken = done * Poly1305Lanes.ChunkSize;
        return MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref buffer, text.Offset + taken), text.Length - taken);
    }

    static Vector128<byte> Finish(in Poly1305 sum, ReadOnlySpan<byte> key)
    {
        var (low, high) = sum.Finish(BitConverter.ToUInt64(key[16..]), BitConverter.ToUInt64(key[24..]));
        return Vector128.Create(low, high).AsByte();
    }

    /// <summary>Takes in what follows the first <paramref name="done"/> chunks, and the lengths (RFC 8439 2.8).</summary>
    static Vector128<byte> FinishAlone(BatchScratch scratch, int lane, int done, ref byte buffer)
    {
        ref readonly var text = ref scratch.Texts[lane];
        var key = scratch.PolyKey(lane);
        (ulong Low, ulong High, ulong Top) start = default;
        if (done > 0)
        {
            start = Poly1305Lanes.Sum(ref scratch.PolyRows, lane);
        }
        else if (text.Length / Poly1305Lanes.ChunkSize is >= FewestChunksToCut and var chunks)
        {
            start = AbsorbInSegments(scratch, lane, chunks, ref buffer);
            done = chunks;
        }
        var sum = new Poly1305(BitConverter.ToUInt64(key), BitConverter.ToUInt64(key[8..]), start);
        sum.Absorb(Rest(text, done, ref buffer));
        sum.AbsorbLengths(text.Length);
        return Finish(sum, key);
    }

    /// <summary>
    /// The sum of the chunks of one text, taken in over several lanes, a segment each. With n chunks, so
    /// 4n blocks, in every segment but the first, which may have fewer, the sum is h0 R^k + h1 R^(k-1) + ... + hk where
    /// R = r^4n. For when no lane is at work.
    /// </summary>
    static (ulong Low, ulong High, ulong Top) AbsorbInSegments(BatchScratch scratch, int textIndex, int chunks, ref byte buffer)
    {
        ref readonly var text = ref scratch.Texts[textIndex];
        ref var rows = ref scratch.PolyRows;
        ref var texts = ref MemoryMarshal.GetArrayDataReference(scratch.LaneTexts);
        var each = (chunks + Segments - 1) / Segments;
        var segments = (chunks + each - 1) / each;
        var first = chunks - (segments - 1) * each;
        var key = scratch.PolyKey(textIndex);
        var (low, high) = (BitConverter.ToUInt64(key), BitConverter.ToUInt64(key[8..]));
        for (var lane = 0; lane < Segments; lane++)
        {
            Poly1305Lanes.Start(ref rows, lane, low, high);
            var segment = Math.Min(lane, segments - 1);
            scratch.LaneTexts[lane] = text.Offset + (segment == 0 ? 0 : first + (segment - 1) * each) * Poly1305Lanes.ChunkSize;
        }
        for (var lane = Segments; lane < TLanes.Lanes; lane++)
            scratch.LaneTexts[lane] = text.Offset;

        TLanes.Absorb(ref rows, ref buffer, ref texts, first, ref scratch.PolyWords, Segments);
        var sum = SumNumber(ref rows, 0);
        if (first < each)
            TLanes.Absorb(ref rows, ref Unsafe.Add(ref buffer, first * Poly1305Lanes.ChunkSize), ref texts, each - first, ref scratch.PolyWords, Segments);

        var power = Poly1305Number.Power(new(low & Poly1305.ClampLow, high & Poly1305.ClampHigh), Poly1305Lanes.BlocksInChunk * each);
        for (var lane = 1; lane < segments; lane++)
            sum = Poly1305Number.MultiplyAdd(sum, power, SumNumber(ref rows, lane));
        return sum.Words;
    }

    static Poly1305Number SumNumber(ref ulong rows, int lane)
    {
        var (low, high, top) = Poly1305Lanes.Sum(ref rows, lane);
        return new(low, high, top);
    }
}
