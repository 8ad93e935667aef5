using System.Buffers.Binary;

namespace Macro.NetStack.Dns;

/// <summary>One record within a message. Offsets count from the message's first byte.</summary>
public readonly ref struct RecordView(ReadOnlySpan<byte> message, Section section, int nameOffset, int fixedOffset)
{
    readonly ReadOnlySpan<byte> _message = message;

    public Section Section { get; } = section;
    public int NameOffset { get; } = nameOffset;
    public int DataOffset => TtlOffset + 6;
    public int DataLength => MessageView.ReadUInt16(_message, TtlOffset + 4);
    public RecordType Type => (RecordType)MessageView.ReadUInt16(_message, TtlOffset - 4);
    public RecordClass Class => (RecordClass)MessageView.ReadUInt16(_message, TtlOffset - 2);

    /// <summary>Seconds, as they stand in the message.</summary>
    public uint Ttl => BinaryPrimitives.ReadUInt32BigEndian(_message[TtlOffset..]);

    public ReadOnlySpan<byte> Data => _message.Slice(DataOffset, DataLength);

    internal int TtlOffset { get; } = fixedOffset + 4;

    /// <summary>Copies the owner's name, uncompressed. Returns its length.</summary>
    public int CopyName(Span<byte> name) => DomainName.TryRead(_message, NameOffset, name, out var length, out _) ? length : 0;
}

/// <summary>Walks the records of a message; stops early where one is malformed.</summary>
public ref struct RecordEnumerator
{
    readonly ReadOnlySpan<byte> _message;
    int _next;
    int _section;
    int _left;

    internal RecordEnumerator(ReadOnlySpan<byte> message, int offset)
    {
        _message = message;
        _next = offset;
        _left = MessageView.ReadUInt16(message, 6);
    }

    public RecordView Current { get; private set; }

    /// <summary>Every record that the header counts was there, and the message ends behind the last.</summary>
    internal readonly bool IsAtEnd => _section == 3 && _next == _message.Length;

    public readonly RecordEnumerator GetEnumerator() => this;

    public bool MoveNext()
    {
        while (_left == 0)
        {
            if (_section == 3 || ++_section == 3)
                return false;
            _left = MessageView.ReadUInt16(_message, 6 + 2 * _section);
        }
        Span<byte> name = stackalloc byte[DomainName.MaxLength];
        if (!DomainName.TryRead(_message, _next, name, out _, out var end) || end + 10 > _message.Length)
            return false;
        var record = new RecordView(_message, (Section)_section, _next, end);
        if (record.DataOffset + record.DataLength > _message.Length)
            return false;
        Current = record;
        _next = record.DataOffset + record.DataLength;
        _left--;
        return true;
    }
}
