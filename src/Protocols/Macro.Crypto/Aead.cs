using Macro.Crypto.Batch;

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
/// the bulk path of the data plane (WireGuard whitepaper 5.4.6). Texts do not overlap. The larger the batch, the less
/// each text costs: processors with AVX-512 or AVX2 work on several at once. Thread-safe; allocates nothing.
/// </summary>
public static class Aead
{
    public const int TagSize = AeadKey.TagSize;

    /// <summary>How batches are computed on this processor: "AVX-512", "AVX2" or "libsodium".</summary>
    public static string Implementation => VectorPaths.Name(AeadPaths.Chosen);

    /// <summary>
    /// The name of the fastest implementation that this processor could run and that did not compute what the library
    /// does, or null. <see cref="Implementation"/> is a slower one then; the program should say so.
    /// </summary>
    public static string? SelfTestFailed => AeadPaths.Failed is { } path ? VectorPaths.Name(path) : null;

    /// <exception cref="ArgumentOutOfRangeException">A text or its tag is not within the buffer; nothing was written.</exception>
    public static void Seal(Span<byte> buffer, Span<AeadJob> jobs) => Seal(AeadPaths.Chosen, buffer, jobs);

    /// <exception cref="ArgumentOutOfRangeException">A text or its tag is not within the buffer; nothing was written.</exception>
    public static void Open(Span<byte> buffer, Span<AeadJob> jobs) => Open(AeadPaths.Chosen, buffer, jobs);

    internal static void Seal(VectorPath path, Span<byte> buffer, Span<AeadJob> jobs)
    {
        Check(buffer, jobs);
        switch (path)
        {
            case VectorPath.Avx512:
                BatchAead<ChaCha20x32, Poly1305x16>.Seal(buffer, jobs);
                break;
            case VectorPath.Avx2:
                BatchAead<ChaCha20x8, Poly1305x8>.Seal(buffer, jobs);
                break;
            case VectorPath.Library:
                LibraryAead.Seal(buffer, jobs);
                break;
        }
    }

    internal static void Open(VectorPath path, Span<byte> buffer, Span<AeadJob> jobs)
    {
        Check(buffer, jobs);
        switch (path)
        {
            case VectorPath.Avx512:
                BatchAead<ChaCha20x32, Poly1305x16>.Open(buffer, jobs);
                break;
            case VectorPath.Avx2:
                BatchAead<ChaCha20x8, Poly1305x8>.Open(buffer, jobs);
                break;
            case VectorPath.Library:
                LibraryAead.Open(buffer, jobs);
                break;
        }
    }

    /// <summary>The vector paths write by reference: every job is checked before the first byte is touched.</summary>
    static void Check(Span<byte> buffer, Span<AeadJob> jobs)
    {
        foreach (ref readonly var job in jobs)
        {
            ArgumentNullException.ThrowIfNull(job.Key);
            if ((uint)job.Offset > (uint)buffer.Length || (uint)job.Length > (uint)buffer.Length
                || (ulong)(uint)job.Offset + (uint)job.Length + TagSize > (uint)buffer.Length)
                throw new ArgumentOutOfRangeException(nameof(jobs), "A text or its tag is not within the buffer.");
        }
    }
}
