using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Macro.Crypto.Batch;

namespace Macro.Crypto;

/// <summary>One multiplication of a batch.</summary>
public struct X25519Job
{
    /// <summary>32 bytes, clamped when they are used.</summary>
    public SecretBytes Scalar;

    public PublicKey Point;

    /// <summary>
    /// Afterwards: the result is not all zero. Otherwise the point was of low order, or the scalar was wiped; the handshake
    /// must stop.
    /// </summary>
    public bool Ok;
}

/// <summary>
/// X25519 (RFC 7748 section 5), constant time in scalars and points. Single multiplications are libsodium's; batches are
/// computed side by side where the processor has AVX-512 or AVX2. Thread-safe.
/// </summary>
public static class X25519
{
    public const int Size = 32;

    /// <summary>The point whose multiple is a public key.</summary>
    public static PublicKey BasePoint { get; } = new([9, .. new byte[Size - 1]]);

    /// <summary>How batches are computed on this processor: "AVX-512", "AVX2" or "libsodium".</summary>
    public static string Implementation => VectorPaths.Name(X25519Paths.Chosen);

    /// <inheritdoc cref="Aead.SelfTestFailed"/>
    public static string? SelfTestFailed => X25519Paths.Failed is { } path ? VectorPaths.Name(path) : null;

    /// <summary>All multiplications of the batch; four cost little more than one.</summary>
    /// <param name="results">32 bytes for each, in memory that the caller wipes. All zero where it is not <see cref="X25519Job.Ok"/>.</param>
    public static void Multiply(Span<byte> results, Span<X25519Job> jobs) => Multiply(X25519Paths.Chosen, results, jobs);

    internal static void Multiply(VectorPath path, Span<byte> results, Span<X25519Job> jobs)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(results.Length, Size * jobs.Length, nameof(results));
        switch (path)
        {
            case VectorPath.Avx512:
                MultiplyVectors<EightWords>(results, jobs);
                break;
            case VectorPath.Avx2:
                MultiplyVectors<FourWords>(results, jobs);
                break;
            case VectorPath.Library:
                MultiplyOneByOne(results, jobs);
                break;
        }
    }

    /// <summary>All spans 32 bytes. False when the shared secret is all zero (low-order point).</summary>
    internal static bool TryScalarMult(Span<byte> shared, ReadOnlySpan<byte> scalar, ReadOnlySpan<byte> point)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shared.Length, Size);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scalar.Length, Size);
        ArgumentOutOfRangeException.ThrowIfNotEqual(point.Length, Size);
        return Sodium.crypto_scalarmult_curve25519(
            ref MemoryMarshal.GetReference(shared), in MemoryMarshal.GetReference(scalar), in MemoryMarshal.GetReference(point)) == 0;
    }

    internal static void ScalarMultBase(Span<byte> point, ReadOnlySpan<byte> scalar)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(point.Length, Size);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scalar.Length, Size);
        _ = Sodium.crypto_scalarmult_curve25519_base(ref MemoryMarshal.GetReference(point), in MemoryMarshal.GetReference(scalar));
    }

    static void MultiplyVectors<T>(Span<byte> results, Span<X25519Job> jobs) where T : struct, IWordLanes<T>
    {
        while (jobs.Length > 1)
        {
            var count = Math.Min(jobs.Length, X25519Ladder<T>.Lanes);
            MultiplyVector<T>(results[..(Size * count)], jobs[..count]);
            results = results[(Size * count)..];
            jobs = jobs[count..];
        }
        // One alone is faster by the library than in a vector that is mostly empty.
        MultiplyOneByOne(results, jobs);
    }

    static void MultiplyVector<T>(Span<byte> results, Span<X25519Job> jobs) where T : struct, IWordLanes<T>
    {
        var scratch = X25519Scratch.OfThisThread;
        for (var i = 0; i < jobs.Length; i++)
        {
            ref var job = ref jobs[i];
            job.Point.Write(scratch.Points[(Size * i)..]);
            job.Ok = job.Scalar.TryCopyTo(scratch.Scalars.Slice(Size * i, Size));
        }
        X25519Ladder<T>.Run(results, scratch.Scalars, scratch.Points[..(Size * jobs.Length)], ref scratch.Words);
        for (var i = 0; i < jobs.Length; i++)
            Finish(results.Slice(Size * i, Size), ref jobs[i].Ok);
        scratch.Wipe();
    }

    static void MultiplyOneByOne(Span<byte> results, Span<X25519Job> jobs)
    {
        Span<byte> scalar = stackalloc byte[Size];
        Span<byte> point = stackalloc byte[Size];
        for (var i = 0; i < jobs.Length; i++)
        {
            ref var job = ref jobs[i];
            var result = results.Slice(Size * i, Size);
            job.Ok = job.Scalar.TryCopyTo(scalar);
            job.Point.Write(point);
            if (job.Point == BasePoint)
                ScalarMultBase(result, scalar);
            else
                _ = TryScalarMult(result, scalar, point);
            Finish(result, ref job.Ok);
        }
        CryptographicOperations.ZeroMemory(scalar);
    }

    static void Finish(Span<byte> result, ref bool ok)
    {
        var seen = 0;
        foreach (var one in result)
            seen |= one;
        ok &= seen != 0;
        if (!ok)
            result.Clear();
    }
}
