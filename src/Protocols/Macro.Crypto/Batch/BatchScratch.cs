using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Macro.Crypto.Batch;

/// <summary>One text of a slice, with what the lanes need to know of it.</summary>
struct Text
{
    /// <summary>Which job of the slice.</summary>
    public int Job;

    public int Offset, Length;

    public ulong Counter;

    public readonly int Tag => Offset + Length;

    /// <summary>Blocks of ChaCha20: its own, and the one of its one-time key.</summary>
    public readonly int Lanes => 1 + (Length + ChaCha20Lanes.BlockSize - 1) / ChaCha20Lanes.BlockSize;

    /// <summary>What Poly1305 takes it for.</summary>
    public readonly int Blocks => (Length + Poly1305.BlockSize - 1) / Poly1305.BlockSize;
}

/// <summary>
/// What the lanes work in: one per thread, made at its first batch, so that batches allocate nothing. All that is
/// secret lies in pinned memory and is wiped after every batch.
/// </summary>
sealed class BatchScratch
{
    public const int MostTexts = 16;

    const int Alignment = 64;

    const int KeysAt = 0;
    const int PolyKeysAt = KeysAt + MostTexts * AeadKey.Size;
    const int SlotsAt = PolyKeysAt + MostTexts * AeadKey.Size;
    const int ChaChaRowsAt = SlotsAt + ChaCha20Lanes.MostLanes * ChaCha20Lanes.BlockSize;
    const int PolyRowsAt = ChaChaRowsAt + ChaCha20Lanes.Rows * ChaCha20Lanes.MostLanes * sizeof(uint);
    const int SecretBytes = PolyRowsAt + Poly1305Lanes.Rows * Poly1305Lanes.MostLanes * sizeof(ulong);
    const int PolyWordsAt = SecretBytes;
    const int Size = PolyWordsAt + Poly1305Lanes.MostLanes * Poly1305Lanes.MostLastBlocks * Poly1305.BlockSize;

    readonly byte[] _memory = GC.AllocateArray<byte>(Size + Alignment, pinned: true);
    readonly nint _origin;

    [ThreadStatic]
    static BatchScratch? t_scratch;

    BatchScratch()
    {
        // A vector across two cache lines costs two loads; the array is pinned, so its place may be counted on.
        var address = Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetArrayDataReference(_memory));
        _origin = -address & (Alignment - 1);
    }

    public static BatchScratch OfThisThread => t_scratch ??= new BatchScratch();

    /// <summary>The slice's texts that have a key.</summary>
    public readonly Text[] Texts = new Text[MostTexts];

    /// <summary>
    /// ChaCha20: what a staged lane's block is: so many bytes at an offset in the buffer, or the one-time key of a text.
    /// </summary>
    public readonly (int Target, int Length)[] Staged = new (int, int)[ChaCha20Lanes.MostLanes];

    /// <summary>Poly1305: where each lane reads on.</summary>
    public readonly int[] LaneTexts = new int[Poly1305Lanes.MostLanes];

    public const int KeyBlock = -1;

    /// <summary>Each text's key, 32 bytes.</summary>
    public ref byte Keys => ref At(KeysAt);

    /// <summary>ChaCha20: 64 bytes per lane for a block that does not go straight to the buffer.</summary>
    public ref byte Slots => ref At(SlotsAt);

    public ref uint ChaChaRows => ref Unsafe.As<byte, uint>(ref At(ChaChaRowsAt));

    public ref ulong PolyRows => ref Unsafe.As<byte, ulong>(ref At(PolyRowsAt));

    public ref ulong PolyWords => ref Unsafe.As<byte, ulong>(ref At(PolyWordsAt));

    public Span<byte> Key(int text) => MemoryMarshal.CreateSpan(ref Unsafe.Add(ref Keys, text * AeadKey.Size), AeadKey.Size);

    /// <summary>A text's one-time key of Poly1305, r and s (RFC 8439 2.6), 32 bytes.</summary>
    public Span<byte> PolyKey(int text) => MemoryMarshal.CreateSpan(ref At(PolyKeysAt + text * AeadKey.Size), AeadKey.Size);

    public Span<byte> Slot(int lane, int length) => MemoryMarshal.CreateSpan(ref Unsafe.Add(ref Slots, lane * ChaCha20Lanes.BlockSize), length);

    /// <summary>A text in the slots of as many lanes as it needs.</summary>
    public void CopyTextToSlots(in Text text, int lane, ref byte buffer) =>
        MemoryMarshal.CreateSpan(ref Unsafe.Add(ref buffer, text.Offset), text.Length).CopyTo(Slot(lane, text.Length));

    /// <inheritdoc cref="CopyTextToSlots"/>
    public void CopyTextFromSlots(in Text text, int lane, ref byte buffer) =>
        Slot(lane, text.Length).CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.Add(ref buffer, text.Offset), text.Length));

    public void Wipe() => CryptographicOperations.ZeroMemory(MemoryMarshal.CreateSpan(ref At(0), SecretBytes));

    /// <summary>Whether nothing secret is there, which holds between batches.</summary>
    public bool IsWiped => !MemoryMarshal.CreateSpan(ref At(0), SecretBytes).ContainsAnyExcept((byte)0);

    ref byte At(int offset) => ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_memory), _origin + offset);
}
