using System.Buffers.Binary;

namespace Macro.NetStack.Dns;

/// <summary>
/// A DNS message (RFC 1035 4), checked once as a whole: at most one question, every record and every name in it within
/// bounds, at most one OPT record and nothing behind the last record. The accessors cannot fail. Borrows the bytes.
/// </summary>
public readonly ref struct MessageView
{
    public const int HeaderLength = 12;

    readonly ReadOnlySpan<byte> _bytes;
    readonly int _questionEnd;
    readonly int _optOffset;

    MessageView(ReadOnlySpan<byte> bytes, int questionEnd, int optOffset)
    {
        _bytes = bytes;
        _questionEnd = questionEnd;
        _optOffset = optOffset;
    }

    public static bool TryParse(ReadOnlySpan<byte> bytes, out MessageView message)
    {
        message = default;
        if (bytes.Length < HeaderLength || ReadUInt16(bytes, 4) > 1)
            return false;
        var questionEnd = HeaderLength;
        if (ReadUInt16(bytes, 4) == 1)
        {
            var name = DomainName.Measure(bytes[HeaderLength..]);
            questionEnd = HeaderLength + name + 4;
            if (name == 0 || questionEnd > bytes.Length)
                return false;
        }
        var optOffset = 0;
        var records = new RecordEnumerator(bytes, questionEnd);
        while (records.MoveNext())
        {
            var record = records.Current;
            if (record.Type == RecordType.Opt)
            {
                if (optOffset != 0 || record.Section != Section.Additional || bytes[record.NameOffset] != 0 || !Edns.AreOptions(record.Data))
                    return false;
                optOffset = record.NameOffset;
            }
            else if (!RecordLayout.Of(record.Type).Fits(bytes, record.DataOffset, record.DataLength))
            {
                return false;
            }
        }
        if (!records.IsAtEnd)
            return false;
        message = new MessageView(bytes, questionEnd, optOffset);
        return true;
    }

    public ReadOnlySpan<byte> Bytes => _bytes;
    public ushort Id => ReadUInt16(_bytes, 0);
    public HeaderFlags Flags => (HeaderFlags)(ReadUInt16(_bytes, 2) & 0x87b0);
    public int Opcode => (_bytes[2] >> 3) & 15;
    public bool IsResponse => (_bytes[2] & 0x80) != 0;
    public bool HasQuestion => _questionEnd > HeaderLength;
    public bool HasEdns => _optOffset != 0;

    /// <summary>All zero without an OPT record.</summary>
    public Edns Edns => HasEdns ? Edns.Read(_bytes[_optOffset..]) : default;

    /// <summary>12 bits when there is an OPT record, else 4.</summary>
    public ResponseCode ResponseCode => (ResponseCode)((_bytes[3] & 15) | (Edns.UpperResponseCode << 4));

    /// <summary>Name, type and class as they stand in the message; empty without a question.</summary>
    public ReadOnlySpan<byte> Question => _bytes[HeaderLength.._questionEnd];

    public ReadOnlySpan<byte> QuestionName => Question[..^4];
    public RecordType QuestionType => (RecordType)ReadUInt16(Question, Question.Length - 4);
    public RecordClass QuestionClass => (RecordClass)ReadUInt16(Question, Question.Length - 2);

    public int Count(Section section) => ReadUInt16(_bytes, 6 + 2 * (int)section);

    /// <summary>The records of all three sections in their order, OPT among them.</summary>
    public RecordEnumerator Records => new(_bytes, _questionEnd);

    internal static ushort ReadUInt16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16BigEndian(bytes[offset..]);
}
