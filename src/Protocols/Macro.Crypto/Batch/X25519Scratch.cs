using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Macro.Crypto.Batch;

/// <summary>What <see cref="X25519Ladder{T}"/> works in: one per thread, pinned, wiped after every run.</summary>
sealed class X25519Scratch
{
    const int Alignment = 64, MostLanes = 4;

    readonly ulong[] _words = GC.AllocateArray<ulong>(X25519Ladder<EightWords>.ScratchSize + Alignment / sizeof(ulong), pinned: true);
    readonly byte[] _bytes = GC.AllocateArray<byte>(2 * 32 * MostLanes, pinned: true);
    readonly int _origin;

    [ThreadStatic]
    static X25519Scratch? t_scratch;

    X25519Scratch()
    {
        // A vector across two cache lines costs two loads; the array is pinned, so its place may be counted on.
        var address = Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref Unsafe.As<ulong, byte>(ref MemoryMarshal.GetArrayDataReference(_words)));
        _origin = (int)(-address & (Alignment - 1)) / sizeof(ulong);
    }

    public static X25519Scratch OfThisThread => t_scratch ??= new X25519Scratch();

    public ref ulong Words => ref _words[_origin];

    /// <summary>32 bytes for each lane.</summary>
    public Span<byte> Scalars => _bytes.AsSpan(0, 32 * MostLanes);

    /// <inheritdoc cref="Scalars"/>
    public Span<byte> Points => _bytes.AsSpan(32 * MostLanes, 32 * MostLanes);

    public void Wipe()
    {
        CryptographicOperations.ZeroMemory(_bytes);
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(_words.AsSpan()));
    }

    /// <summary>Whether nothing secret is there, which holds between runs.</summary>
    public bool IsWiped => !_words.AsSpan().ContainsAnyExcept(0ul) && !_bytes.AsSpan().ContainsAnyExcept((byte)0);
}
