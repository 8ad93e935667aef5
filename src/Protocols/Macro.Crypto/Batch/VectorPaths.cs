using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>How a batch is computed.</summary>
enum VectorPath
{
    Library,
    Avx2,
    Avx512,
}

/// <summary>
/// The ways that this processor has. The runtime's DOTNET_EnableAVX512 = 0 and DOTNET_EnableAVX2 = 0 count as the processor
/// not having it.
/// </summary>
static class VectorPaths
{
    /// <summary>The fastest path that the processor has and that passes the test, and the fastest that failed it.</summary>
    public static (VectorPath Chosen, VectorPath? Failed) Choose(Func<VectorPath, bool> isSupported, Func<VectorPath, bool> passes)
    {
        VectorPath? failed = null;
        foreach (var path in (ReadOnlySpan<VectorPath>)[VectorPath.Avx512, VectorPath.Avx2])
        {
            if (!isSupported(path))
                continue;
            if (passes(path))
                return (path, failed);
            failed ??= path;
        }
        return (VectorPath.Library, failed);
    }

    /// <summary>Whether the processor has it. AVX-512 counts only where the runtime finds it fast, too.</summary>
    public static bool IsSupported(VectorPath path) => path switch
    {
        VectorPath.Avx512 => Avx512F.IsSupported && Vector512.IsHardwareAccelerated && BitConverter.IsLittleEndian,
        VectorPath.Avx2 => Avx2.IsSupported && BitConverter.IsLittleEndian,
        VectorPath.Library => true,
    };

    public static string Name(VectorPath path) => path switch
    {
        VectorPath.Avx512 => "AVX-512",
        VectorPath.Avx2 => "AVX2",
        VectorPath.Library => "libsodium",
    };
}

/// <summary>The path of <see cref="Aead"/>, chosen once, at the first batch.</summary>
static class AeadPaths
{
    public static readonly VectorPath Chosen;

    /// <summary>The fastest path that failed its self-test, if one did.</summary>
    public static readonly VectorPath? Failed;

    static AeadPaths() => (Chosen, Failed) = VectorPaths.Choose(VectorPaths.IsSupported, AeadSelfTest.Passes);
}

/// <summary>The path of <see cref="X25519"/>, chosen once, at the first batch.</summary>
static class X25519Paths
{
    public static readonly VectorPath Chosen;

    /// <inheritdoc cref="AeadPaths.Failed"/>
    public static readonly VectorPath? Failed;

    static X25519Paths() => (Chosen, Failed) = VectorPaths.Choose(VectorPaths.IsSupported, X25519SelfTest.Passes);
}
