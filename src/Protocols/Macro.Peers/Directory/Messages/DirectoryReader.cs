using System.Buffers.Binary;

namespace Macro.Peers;

/// <summary>
/// Takes the fields of a directory message one after another. What is beyond the end reads as zeros and spoils
/// <see cref="IsComplete"/>, so callers check once.
/// </summary>
ref struct DirectoryReader(ReadOnlySpan<byte> bytes)
{
    static readonly byte[] s_zeros = new byte[64];

    ReadOnlySpan<byte> _rest = bytes;
    bool _overrun;

    /// <summary>Everything was there, and nothing is left.</summary>
    public readonly bool IsComplete => !_overrun && _rest.IsEmpty;

    public byte Byte() => Bytes(1)[0];

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

    /// <param name="count">At most 64.</param>
    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count > _rest.Length)
        {
            _overrun = true;
            _rest = default;
            return s_zeros.AsSpan(0, count);
        }
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    public ulong[]? Numbers(int count)
    {
        if (_rest.Length < count * sizeof(ulong))
            return null;
        var numbers = new ulong[count];
        for (var i = 0; i < count; i++)
            numbers[i] = UInt64();
        return numbers;
    }

    /// <summary>In rising order of positions; null when they are not.</summary>
    public DirectoryItem[]? Items()
    {
        int count = Byte();
        if (count > DirectoryMessage.MostItems || _rest.Length < count * DirectoryItem.Size)
            return null;
        var items = new DirectoryItem[count];
        for (var i = 0; i < count; i++)
        {
            items[i] = new DirectoryItem(new Position(UInt64()), UInt32(), UInt32());
            if (i > 0 && items[i].Position.Value < items[i - 1].Position.Value)
                return null;
        }
        return items;
    }

    public ReadOnlyMemory<byte>[]? Descriptors(int atLeast)
    {
        int count = Byte();
        if (count < atLeast || count > DirectoryMessage.MostDescriptors)
            return null;
        var descriptors = new ReadOnlyMemory<byte>[count];
        for (var i = 0; i < count; i++)
        {
            var length = Byte() | Byte() << 8;
            if (length is 0 or > SignedDescriptor.MaxSize || length > _rest.Length)
                return null;
            descriptors[i] = _rest[..length].ToArray();
            _rest = _rest[length..];
        }
        return descriptors;
    }

    /// <summary>What is left; null when it is too much.</summary>
    public byte[]? Rest(int most)
    {
        if (_rest.Length > most)
            return null;
        var rest = _rest.ToArray();
        _rest = default;
        return rest;
    }

    public PublishVerdict[]? Verdicts()
    {
        int count = Byte();
        if (count is 0 or > DirectoryMessage.MostDescriptors || count > _rest.Length)
            return null;
        var verdicts = new PublishVerdict[count];
        foreach (ref var verdict in verdicts.AsSpan())
        {
            verdict = (PublishVerdict)Byte();
            if (verdict > PublishVerdict.Busy)
                return null;
        }
        return verdicts;
    }
}
