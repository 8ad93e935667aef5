using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>Answers that need no upstream.</summary>
static class LocalAnswer
{
    const uint Ttl = 3600;

    // MNAME and RNAME of a zone that nobody serves (RFC 6303 3); serial and timers; its last number is the negative TTL.
    static readonly byte[] Soa = [.. DomainName.Parse("localhost"), .. DomainName.Parse("nobody.invalid"),
        0, 0, 0, 1, 0, 0, 0x0e, 0x10, 0, 0, 0x04, 0xb0, 0, 0x09, 0x3a, 0x80, 0, 0, 0x0e, 0x10];

    /// <summary>Writes the answer to a verdict other than <see cref="NameRuling.Resolve"/>.</summary>
    /// <param name="zoneLength">How much of the name's end is the zone that is served here.</param>
    /// <returns>Bytes written.</returns>
    public static int Write(NameRuling verdict, in ClientQuery query, ReadOnlySpan<byte> question, int zoneLength, Span<byte> room)
    {
        var name = question[..^4];
        var type = (RecordType)MessageView.ReadUInt16(question, question.Length - 4);
        var writer = new MessageWriter(room);
        var missing = verdict is NameRuling.NoSuchName or NameRuling.Blocked;
        writer.SetHeader(query.Id, query.AnswerFlags(authentic: false), missing ? ResponseCode.NoSuchName : ResponseCode.NoError);
        writer.TryAddQuestion(question);
        var address = verdict != NameRuling.Loopback ? default(IpAddress?)
            : type == RecordType.A ? IpAddress.V4Loopback : type == RecordType.Aaaa ? IpAddress.V6Loopback : null;
        if (address is { } loopback)
        {
            Span<byte> data = stackalloc byte[16];
            loopback.Write(data);
            writer.TryAddRecord(Section.Answer, name, type, Ttl, data[..loopback.Size]);
        }
        else
        {
            writer.TryAddRecord(Section.Authority, name[^zoneLength..], RecordType.Soa, Ttl, Soa);
        }
        return query.AppendEdns(room, writer.Length, 0, verdict == NameRuling.Blocked ? ExtendedError.Blocked : ExtendedError.None);
    }
}
