using System.Buffers.Binary;

namespace Macro.Peers;

/// <summary>Lays the fields of a directory message one after another, up to <see cref="DirectoryMessage.MaxSize"/> bytes.</summary>
sealed class DirectoryWriter
{
    readonly byte[] _bytes = new byte[DirectoryMessage.MaxSize];
    int _length;

    public int Room => _bytes.Length - _length;

    public void Byte(byte value) => Take(1)[0] = value;

    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);

    public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);

    public void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    /// <summary>A count, then each with its length before it.</summary>
    public void Descriptors(IReadOnlyList<ReadOnlyMemory<byte>> descriptors)
    {
        Byte(checked((byte)descriptors.Count));
        foreach (var descriptor in descriptors)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(Take(2), checked((ushort)descriptor.Length));
            Bytes(descriptor.Span);
        }
    }

    /// <summary>A count, then 16 bytes each.</summary>
    public void Items(IReadOnlyList<DirectoryItem> items)
    {
        Byte(checked((byte)items.Count));
        foreach (var item in items)
        {
            UInt64(item.Position.Value);
            UInt32(item.Sequence);
            UInt32(item.Digest);
        }
    }

    public byte[] ToArray() => _bytes[.._length];

    Span<byte> Take(int count)
    {
        if (count > Room)
            throw new ArgumentException("A directory message is at most 1152 bytes long.", nameof(count));
        var taken = _bytes.AsSpan(_length, count);
        _length += count;
        return taken;
    }
}
