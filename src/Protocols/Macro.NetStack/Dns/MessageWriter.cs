using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Macro.NetStack.Dns;

/// <summary>
/// Writes a message into the caller's buffer: header, question, then records in the order of their sections. Names are
/// compressed against those written before, letter by letter, so that case is kept. What does not fit is refused, and
/// leaves the message as it was.
/// </summary>
public ref struct MessageWriter
{
    [InlineArray(Capacity)]
    struct Places
    {
        public const int Capacity = 32;
        (ushort Offset, byte Length) _first;
    }

    readonly Span<byte> _buffer;
    ReadOnlySpan<byte> _asSent;
    ReadOnlySpan<byte> _asMeant;
    Places _places;
    int _known;

    /// <param name="buffer">Where the message goes; 12 bytes at least.</param>
    public MessageWriter(Span<byte> buffer)
    {
        _buffer = buffer;
        buffer[..MessageView.HeaderLength].Clear();
        Length = MessageView.HeaderLength;
    }

    public int Length { get; private set; }

    /// <summary>
    /// From now on, copied names that repeat one name's beginning or end letter by letter get it in another case: an
    /// answer that was made from a question in random case is to be told in the case that was meant.
    /// </summary>
    /// <param name="sent">The name as it was sent.</param>
    /// <param name="meant">The same name in the case to write.</param>
    public void Recase(ReadOnlySpan<byte> sent, ReadOnlySpan<byte> meant)
    {
        _asSent = sent;
        _asMeant = meant;
    }

    public readonly void SetHeader(ushort id, HeaderFlags flags, ResponseCode code)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_buffer, id);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[2..], (ushort)((ushort)flags | ((ushort)code & 15)));
    }

    /// <summary>Writes the one question: name, type and class in wire form.</summary>
    public bool TryAddQuestion(scoped ReadOnlySpan<byte> question)
    {
        if (!TryAddName(question[..^4], compress: true) || !TryAddBytes(question[^4..]))
            return false;
        _buffer[5] = 1;
        return true;
    }

    public bool TryAddQuestion(scoped ReadOnlySpan<byte> name, RecordType type)
    {
        Span<byte> question = stackalloc byte[DomainName.MaxLength + 4];
        name.CopyTo(question);
        BinaryPrimitives.WriteUInt16BigEndian(question[name.Length..], (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(question[(name.Length + 2)..], (ushort)RecordClass.Internet);
        return TryAddQuestion(question[..(name.Length + 4)]);
    }

    /// <summary>Copies a record of another message, its names expanded there and compressed here.</summary>
    /// <param name="ttlOffset">Where its TTL stands now.</param>
    public bool TryAddRecord(scoped ReadOnlySpan<byte> from, scoped in RecordView record, uint ttl, out int ttlOffset)
    {
        Span<byte> name = stackalloc byte[DomainName.MaxLength];
        var before = (Length, _known);
        if (TryBeginRecord(Recased(name[..record.CopyName(name)]), record.Type, record.Class, ttl, out ttlOffset)
            && TryAddData(from, record, name) && TryEndRecord(record.Section, ttlOffset))
            return true;
        (Length, _known) = before;
        return false;
    }

    /// <summary>Writes a record whose data are plain bytes, or names without compression.</summary>
    public bool TryAddRecord(Section section, scoped ReadOnlySpan<byte> name, RecordType type, uint ttl, scoped ReadOnlySpan<byte> data)
    {
        var before = (Length, _known);
        if (TryBeginRecord(name, type, RecordClass.Internet, ttl, out var ttlOffset) && TryAddBytes(data) && TryEndRecord(section, ttlOffset))
            return true;
        (Length, _known) = before;
        return false;
    }

    readonly Span<byte> Recased(Span<byte> name)
    {
        if (_asSent.IsEmpty)
            return name;
        // Only letters' case differs between the two, so replacing equal bytes changes nothing else.
        for (var rest = name; rest.Length > 1; rest = rest[(1 + rest[0])..])
            if (_asSent.EndsWith(rest))
            {
                _asMeant[^rest.Length..].CopyTo(rest);
                break;
            }
        for (var at = 0; at < name.Length && at < _asSent.Length && name[at] != 0; at += 1 + name[at])
        {
            var end = at + 1 + name[at];
            if (end > _asSent.Length || !name[at..end].SequenceEqual(_asSent[at..end]))
                break;
            _asMeant[at..end].CopyTo(name[at..]);
        }
        return name;
    }

    bool TryBeginRecord(scoped ReadOnlySpan<byte> name, RecordType type, RecordClass @class, uint ttl, out int ttlOffset)
    {
        ttlOffset = 0;
        if (!TryAddName(name, compress: true) || _buffer.Length - Length < 10)
            return false;
        var fixedPart = _buffer[Length..];
        BinaryPrimitives.WriteUInt16BigEndian(fixedPart, (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(fixedPart[2..], (ushort)@class);
        BinaryPrimitives.WriteUInt32BigEndian(fixedPart[4..], ttl);
        ttlOffset = Length + 4;
        Length += 10;
        return true;
    }

    bool TryAddData(scoped ReadOnlySpan<byte> from, scoped in RecordView record, scoped Span<byte> name)
    {
        var layout = RecordLayout.Of(record.Type);
        if (!TryAddBytes(record.Data[..layout.Prefix]))
            return false;
        var at = record.DataOffset + layout.Prefix;
        for (var i = 0; i < layout.Names; i++)
            if (!DomainName.TryRead(from, at, name, out var length, out at) || !TryAddName(Recased(name[..length]), layout.WritesPointers))
                return false;
        return TryAddBytes(from[at..(record.DataOffset + record.DataLength)]);
    }

    readonly bool TryEndRecord(Section section, int ttlOffset)
    {
        var count = _buffer.Slice(6 + 2 * (int)section, 2);
        var records = BinaryPrimitives.ReadUInt16BigEndian(count);
        var size = Length - ttlOffset - 6;
        if (records == ushort.MaxValue || size > ushort.MaxValue || Length > ushort.MaxValue)
            return false;
        BinaryPrimitives.WriteUInt16BigEndian(count, (ushort)(records + 1));
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[(ttlOffset + 4)..], (ushort)size);
        return true;
    }

    bool TryAddBytes(scoped ReadOnlySpan<byte> bytes)
    {
        if (!bytes.TryCopyTo(_buffer[Length..]))
            return false;
        Length += bytes.Length;
        return true;
    }

    bool TryAddName(scoped ReadOnlySpan<byte> name, bool compress)
    {
        while (name.Length > 1)
        {
            if (compress && TryFind(name, out var place))
            {
                if (_buffer.Length - Length < 2)
                    return false;
                BinaryPrimitives.WriteUInt16BigEndian(_buffer[Length..], (ushort)(0xc000 | place));
                Length += 2;
                return true;
            }
            if (_known < Places.Capacity && Length < 0x4000)
                _places[_known++] = ((ushort)Length, (byte)name.Length);
            if (!TryAddBytes(name[..(1 + name[0])]))
                return false;
            name = name[(1 + name[0])..];
        }
        return TryAddBytes(DomainName.Root);
    }

    readonly bool TryFind(scoped ReadOnlySpan<byte> name, out ushort place)
    {
        Span<byte> known = stackalloc byte[DomainName.MaxLength];
        for (var i = 0; i < _known; i++)
        {
            place = _places[i].Offset;
            if (_places[i].Length == name.Length
                && DomainName.TryRead(_buffer[..Length], place, known, out var length, out _) && name.SequenceEqual(known[..length]))
                return true;
        }
        place = 0;
        return false;
    }
}
