using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Macro.Crypto.Batch;

/// <summary>
/// ChaCha20-Poly1305 (RFC 8439 2.8) over the lanes of vectors, a slice of texts at a time: few enough that they are still
/// in the first-level cache when the second of the two algorithms comes to them.
/// </summary>
static class BatchAead<TChaCha20, TPoly1305>
    where TChaCha20 : struct, IChaCha20Lanes
    where TPoly1305 : struct, IPoly1305Lanes
{
    [InlineArray(BatchScratch.MostTexts)]
    struct Tags
    {
        Vector128<byte> _first;
    }

    /// <summary>The jobs have keys and lie within the buffer.</summary>
    public static void Seal(Span<byte> buffer, Span<AeadJob> jobs)
    {
        var scratch = BatchScratch.OfThisThread;
        ref var origin = ref MemoryMarshal.GetReference(buffer);
        var tags = new Tags();
        while (!jobs.IsEmpty)
        {
            var slice = jobs[..Math.Min(jobs.Length, TPoly1305.Lanes)];
            var count = TakeKeys(scratch, slice);
            ChaCha20Batch<TChaCha20>.XorTexts(scratch, count, ref origin, keys: true);
            Poly1305Batch<TPoly1305>.MakeTags(scratch, count, ref origin, tags);
            for (var i = 0; i < count; i++)
                tags[i].StoreUnsafe(ref Unsafe.Add(ref origin, scratch.Texts[i].Tag));
            foreach (ref readonly var job in slice)
            {
                if (!job.Ok)
                    buffer.Slice(job.Offset, job.Length + Aead.TagSize).Clear();
            }
            jobs = jobs[slice.Length..];
        }
        scratch.Wipe();
    }

    /// <summary>The jobs have keys and lie within the buffer. What has a wrong tag stays as it is.</summary>
    public static void Open(Span<byte> buffer, Span<AeadJob> jobs)
    {
        var scratch = BatchScratch.OfThisThread;
        ref var origin = ref MemoryMarshal.GetReference(buffer);
        var tags = new Tags();
        while (!jobs.IsEmpty)
        {
            var slice = jobs[..Math.Min(jobs.Length, TPoly1305.Lanes)];
            var count = TakeKeys(scratch, slice);
            if (Lanes(scratch, count) <= TChaCha20.Lanes)
                OpenFew(scratch, slice, count, ref origin, tags);
            else
                OpenMany(scratch, slice, count, ref origin, tags);
            jobs = jobs[slice.Length..];
        }
        scratch.Wipe();
    }

    static void OpenFew(BatchScratch scratch, Span<AeadJob> slice, int count, ref byte origin, Span<Vector128<byte>> tags)
    {
        ChaCha20Batch<TChaCha20>.XorBeside(scratch, count, ref origin);
        Poly1305Batch<TPoly1305>.MakeTags(scratch, count, ref origin, tags);
        var lane = 0;
        for (var i = 0; i < count; i++)
        {
            ref readonly var text = ref scratch.Texts[i];
            if (slice[text.Job].Ok = Fits(text, tags[i], ref origin))
                scratch.CopyTextFromSlots(text, lane + 1, ref origin);
            lane += text.Lanes;
        }
    }

    static void OpenMany(BatchScratch scratch, Span<AeadJob> slice, int count, ref byte origin, Span<Vector128<byte>> tags)
    {
        ChaCha20Batch<TChaCha20>.MakeKeys(scratch, count, ref origin);
        Poly1305Batch<TPoly1305>.MakeTags(scratch, count, ref origin, tags);
        count = DropForged(scratch, slice, count, ref origin, tags);
        ChaCha20Batch<TChaCha20>.XorTexts(scratch, count, ref origin, keys: false);
    }

    static int Lanes(BatchScratch scratch, int count)
    {
        var lanes = 0;
        foreach (ref readonly var text in scratch.Texts.AsSpan(0, count))
            lanes += text.Lanes;
        return lanes;
    }

    /// <summary>Lists the jobs whose key is still there, and takes a copy of it, since another thread may wipe it any time.</summary>
    static int TakeKeys(BatchScratch scratch, Span<AeadJob> slice)
    {
        var count = 0;
        for (var i = 0; i < slice.Length; i++)
        {
            ref var job = ref slice[i];
            job.Ok = job.Key.TryCopyTo(scratch.Key(count));
            if (job.Ok)
                scratch.Texts[count++] = new Text { Job = i, Offset = job.Offset, Length = job.Length, Counter = job.Counter };
        }
        return count;
    }

    /// <summary>Takes the same time wherever the tag differs.</summary>
    static bool Fits(in Text text, Vector128<byte> tag, ref byte buffer) =>
        (tag ^ Vector128.LoadUnsafe(ref Unsafe.Add(ref buffer, text.Tag))) == Vector128<byte>.Zero;

    /// <summary>Keeps the texts whose tag fits, and their keys.</summary>
    static int DropForged(BatchScratch scratch, Span<AeadJob> slice, int count, ref byte buffer, ReadOnlySpan<Vector128<byte>> tags)
    {
        var kept = 0;
        for (var i = 0; i < count; i++)
        {
            ref readonly var text = ref scratch.Texts[i];
            var fits = Fits(text, tags[i], ref buffer);
            slice[text.Job].Ok = fits;
            if (!fits)
                continue;
            if (kept != i)
            {
                scratch.Texts[kept] = text;
                scratch.Key(i).CopyTo(scratch.Key(kept));
            }
            kept++;
        }
        return kept;
    }
}
