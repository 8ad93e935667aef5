using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Macro.Crypto.Batch;

/// <summary>How a batch is computed.</summary>
enum AeadPath
{
    Library,
    Avx2,
    Avx512,
}

/// <summary>
/// Chooses the fastest path that the processor has and that passes the self-test, once, at the first batch. The runtime's
/// DOTNET_EnableAVX512 = 0 and DOTNET_EnableAVX2 = 0 count as the processor not having it.
/// </summary>
static class AeadPaths
{
    public static readonly AeadPath Chosen;

    /// <summary>The fastest path that failed its self-test, if one did.</summary>
    public static readonly AeadPath? Failed;

    static AeadPaths() => (Chosen, Failed) = Choose(IsSupported, AeadSelfTest.Passes);

    internal static (AeadPath Chosen, AeadPath? Failed) Choose(Func<AeadPath, bool> isSupported, Func<AeadPath, bool> passes)
    {
        AeadPath? failed = null;
        foreach (var path in (ReadOnlySpan<AeadPath>)[AeadPath.Avx512, AeadPath.Avx2])
        {
            if (!isSupported(path))
                continue;
            if (passes(path))
                return (path, failed);
            failed ??= path;
        }
        return (AeadPath.Library, failed);
    }

    /// <summary>Whether the processor has it. AVX-512 counts only where the runtime finds it fast, too.</summary>
    public static bool IsSupported(AeadPath path) => path switch
    {
        AeadPath.Avx512 => Avx512F.IsSupported && Vector512.IsHardwareAccelerated && BitConverter.IsLittleEndian,
        AeadPath.Avx2 => Avx2.IsSupported && BitConverter.IsLittleEndian,
        AeadPath.Library => true,
    };

    public static string Name(AeadPath path) => path switch
    {
        AeadPath.Avx512 => "AVX-512",
        AeadPath.Avx2 => "AVX2",
        AeadPath.Library => "libsodium",
    };
}
