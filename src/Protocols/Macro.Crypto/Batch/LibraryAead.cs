namespace Macro.Crypto.Batch;

/// <summary>The batch one by one with libsodium: for processors without AVX2, and what the vector paths are tested against.</summary>
static class LibraryAead
{
    public static void Seal(Span<byte> buffer, Span<AeadJob> jobs)
    {
        foreach (ref var job in jobs)
        {
            var text = buffer.Slice(job.Offset, job.Length + Aead.TagSize);
            job.Ok = job.Key.TrySeal(job.Counter, text[..job.Length], text[job.Length..]);
            if (!job.Ok)
                text.Clear();
        }
    }

    public static void Open(Span<byte> buffer, Span<AeadJob> jobs)
    {
        foreach (ref var job in jobs)
        {
            var text = buffer.Slice(job.Offset, job.Length + Aead.TagSize);
            job.Ok = job.Key.TryOpen(job.Counter, text[..job.Length], text[job.Length..]);
        }
    }
}
