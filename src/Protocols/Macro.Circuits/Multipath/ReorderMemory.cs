using System.Diagnostics.CodeAnalysis;
using Macro.Core;

namespace Macro.Circuits;

/// <summary>The room that all <see cref="Resequencer"/>s of a node share: a client that holds packets back on purpose takes none from the machine.</summary>
sealed class ReorderMemory(int blocks = 512)
{
    /// <summary>Bytes of the longest packet that is held.</summary>
    public const int PacketBytes = 1536;

    /// <summary>Packets of a block.</summary>
    public const int BlockPackets = 64;

    const int BatchPackets = 256;

    int _left = blocks;

    /// <summary>Room for packets that come out in order; what it cannot take comes with the next.</summary>
    public static PacketBatch MakeBatch() => new(BatchPackets * PacketBytes, BatchPackets);

    internal bool TryTake([NotNullWhen(true)] out byte[]? block)
    {
        block = null;
        if (Interlocked.Decrement(ref _left) >= 0)
            block = GC.AllocateUninitializedArray<byte>(BlockPackets * PacketBytes);
        else
            Interlocked.Increment(ref _left);
        return block is not null;
    }

    internal void Return(int blocks) => Interlocked.Add(ref _left, blocks);
}
