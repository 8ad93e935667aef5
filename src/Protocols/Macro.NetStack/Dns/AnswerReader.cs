using System.Buffers;
using System.Buffers.Binary;
using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>
/// Makes the form that is kept out of an upstream's answer: records rewritten one by one, TTLs capped, OPT left out,
/// addresses that may not be reached left out.
/// </summary>
/// <param name="limits">Bounds of TTLs.</param>
/// <param name="isDenied">
/// Addresses that no answer may hold (DNS rebinding): a record with one is left out, also a service binding that hints
/// at one (RFC 9460 7.3). Null: none.
/// </param>
public sealed class AnswerReader(AnswerLimits limits, Func<IpAddress, bool>? isDenied)
{
    const int SoaFixedPart = 20;

    // A TTL for the answer of which nothing is left, and that nobody's SOA speaks for.
    static readonly TimeSpan EmptiedLifetime = TimeSpan.FromSeconds(60);

    readonly List<ushort> _ttlPlaces = [];

    /// <summary>An answer to a question that was sent as it was meant.</summary>
    public CachedAnswer? Read(in MessageView answer, Instant now, out bool mayKeep) => Read(answer, answer.Question, now, out mayKeep);

    /// <summary>Null when the message cannot be written anew within 64 KiB.</summary>
    /// <param name="answer">A response with a question.</param>
    /// <param name="question">That question in the case that was meant, before it was sent in a random one.</param>
    /// <param name="mayKeep">False: the answer is good for those who wait for it, but says nothing about how long.</param>
    public CachedAnswer? Read(in MessageView answer, ReadOnlySpan<byte> question, Instant now, out bool mayKeep)
    {
        var scratch = ArrayPool<byte>.Shared.Rent(ushort.MaxValue);
        try
        {
            return Read(answer, question, scratch.AsSpan(0, ushort.MaxValue), now, out mayKeep);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    /// <summary>A failure, remembered shortly.</summary>
    public CachedAnswer Failed(ReadOnlySpan<byte> question, ResponseCode code, Instant now)
    {
        var message = new byte[MessageView.HeaderLength + question.Length];
        new MessageWriter(message).TryAddQuestion(question);
        return new CachedAnswer(message, [], question.Length, message.Length, code, authentic: false, limits.Failure, now);
    }

    CachedAnswer? Read(in MessageView answer, ReadOnlySpan<byte> question, Span<byte> scratch, Instant now, out bool mayKeep)
    {
        mayKeep = false;
        var code = answer.ResponseCode;
        var writer = new MessageWriter(scratch);
        if (!writer.TryAddQuestion(question))
            return null;
        writer.Recase(answer.QuestionName, question[..^4]);
        _ttlPlaces.Clear();
        var (additional, answersType, removed) = (0, false, 0);
        var lowest = uint.MaxValue;
        uint? negative = null;
        foreach (var record in answer.Records)
        {
            if (record.Section == Section.Additional && additional == 0)
                additional = writer.Length;
            if (record.Type is RecordType.Opt or RecordType.Tsig or RecordType.Sig && record.Section == Section.Additional)
                continue;
            if (HoldsDenied(record))
            {
                removed++;
                continue;
            }
            var ttl = Math.Min(record.Ttl, (uint)limits.Longest.TotalSeconds);
            if (record.Section == Section.Answer)
                answersType |= record.Type == answer.QuestionType || answer.QuestionType == RecordType.Any;
            else if (record.Section == Section.Authority && record.Type == RecordType.Soa)
                negative = ttl = Math.Min(ttl, MinimumOf(record));
            if (!writer.TryAddRecord(answer.Bytes, record, ttl, out var place))
                return null;
            _ttlPlaces.Add((ushort)place);
            lowest = Math.Min(lowest, ttl);
        }
        if (additional == 0)
            additional = writer.Length;

        var isNegative = code == ResponseCode.NoSuchName || (code == ResponseCode.NoError && !answersType);
        var lifetime = TimeSpan.FromSeconds(lowest == uint.MaxValue ? 0 : lowest);
        if (isNegative)
        {
            // Without an SOA nobody says for how long there is nothing (RFC 2308 5).
            mayKeep = negative is not null || removed > 0;
            lifetime = negative is null ? EmptiedLifetime : lifetime;
            lifetime = lifetime < limits.LongestNegative ? lifetime : limits.LongestNegative;
        }
        else
        {
            mayKeep = code == ResponseCode.NoError;
        }
        lifetime = lifetime > limits.Shortest ? lifetime : limits.Shortest;
        return new CachedAnswer(
            scratch[..writer.Length].ToArray(), [.. _ttlPlaces], question.Length, additional, code,
            (answer.Flags & HeaderFlags.AuthenticData) != 0 && removed == 0, lifetime, now);
    }

    static uint MinimumOf(in RecordView soa) =>
        soa.DataLength < SoaFixedPart ? 0 : BinaryPrimitives.ReadUInt32BigEndian(soa.Data[^4..]);

    bool HoldsDenied(in RecordView record)
    {
        if (isDenied is null || record.Class != RecordClass.Internet)
            return false;
        return record.Type switch
        {
            RecordType.A or RecordType.Aaaa => isDenied(IpAddress.Read(record.Data)),
            RecordType.Svcb or RecordType.Https => HintsAtDenied(record.Data, isDenied),
            _ => false,
        };
    }

    static bool HintsAtDenied(ReadOnlySpan<byte> data, Func<IpAddress, bool> isDenied)
    {
        const int ipv4Hint = 4, ipv6Hint = 6;
        var parameters = data[(2 + DomainName.Measure(data[2..]))..];
        while (parameters.Length >= 4)
        {
            var key = MessageView.ReadUInt16(parameters, 0);
            var end = 4 + MessageView.ReadUInt16(parameters, 2);
            if (end > parameters.Length)
                return true;
            var size = key switch { ipv4Hint => 4, ipv6Hint => 16, _ => 0 };
            for (var at = 4; size > 0 && at + size <= end; at += size)
                if (isDenied(IpAddress.Read(parameters.Slice(at, size))))
                    return true;
            parameters = parameters[end..];
        }
        return false;
    }
}
