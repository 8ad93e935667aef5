namespace Macro.Crypto;

/// <summary>One text to seal or open, in a buffer shared by a batch.</summary>
public struct AeadJob
{
    public AeadKey Key;

    /// <summary>The nonce counter.</summary>
    public ulong Counter;

    /// <summary>First byte of the text in the buffer.</summary>
    public int Offset;

    /// <summary>Bytes of the text without its tag; the tag's 16 bytes lie right behind it.</summary>
    public int Length;

    /// <summary>
    /// After opening: the tag fitted; a text whose tag did not fit is undefined. After sealing: the key was still there;
    /// a text whose key was wiped meanwhile is all zero and must not be sent.
    /// </summary>
    public bool Ok;
}

/// <summary>
/// ChaCha20-Poly1305 over a batch of texts in place, each with its own key, no associated data:
/// the bulk path of the data plane (WireGuard whitepaper 5.4.6). Texts do not overlap.
/// </summary>
public static class Aead
{
    public const int TagSize = AeadKey.TagSize;

    public static void Seal(Span<byte> buffer, Span<AeadJob> jobs)
    {
        foreach (ref var job in jobs)
        {
            var text = buffer.Slice(job.Offset, job.Length + TagSize);
            job.Ok = job.Key.TrySeal(job.Counter, text[..job.Length], text[job.Length..]);
            if (!job.Ok)
                text.Clear();
        }
    }

    public static void Open(Span<byte> buffer, Span<AeadJob> jobs)
    {
        foreach (ref var job in jobs)
        {
            var text = buffer.Slice(job.Offset, job.Length + TagSize);
            job.Ok = job.Key.TryOpen(job.Counter, text[..job.Length], text[job.Length..]);
        }
    }
}
