using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Nat.Stun;

/// <summary>
/// Tells whoever asks from which endpoint his datagram came (RFC 8489, Binding requests only), as every relay does on its
/// UDP port. It keeps nothing about anyone but an allowance per source.
/// </summary>
/// <remarks>
/// No amplifier: an answer goes to the address that asked, is at most twice as long as the request on the wire, and each
/// source has an allowance. RESPONSE-PORT (RFC 5780 7.5) lets a client have the answer sent to another port of its own
/// address, by which it learns how long its gateway keeps a mapping; CHANGE-REQUEST needs a second address and is refused.
/// </remarks>
public sealed class BindingServer(int perSecond = 20, int sources = 16384)
{
    /// <summary>Bytes of the longest answer.</summary>
    public const int MaxAnswer = 64;

    const int MostUnknownListed = 4;

    readonly SourceLimit _limit = new(perSecond, sources);

    public long Answered { get; private set; }

    /// <summary>Requests of sources that had used up their allowance.</summary>
    public long Refused { get; private set; }

    /// <summary>Answers a request.</summary>
    /// <param name="answer">At least <see cref="MaxAnswer"/> bytes.</param>
    /// <param name="to">Where the answer goes.</param>
    /// <returns>Bytes of the answer; 0 when the datagram gets none.</returns>
    public int Answer(ReadOnlySpan<byte> datagram, Endpoint source, Span<byte> answer, out Endpoint to, Instant now)
    {
        to = source;
        if (!MessageView.TryParse(datagram, out var request) || request.Class != MessageClass.Request
            || request.Method != MessageView.Binding || source.Port == 0)
            return 0;
        if (!_limit.TrySpend(source.Address, now))
        {
            Refused++;
            return 0;
        }
        Answered++;
        Span<byte> unknown = stackalloc byte[2 * MostUnknownListed];
        unknown = unknown[..ListUnknown(request, unknown)];
        if (!unknown.IsEmpty)
            return Refuse(request, ErrorCodes.UnknownAttribute, unknown, answer);
        if (request.TryFind(AttributeType.ResponsePort, out var port))
        {
            if (port.Length != 4 || BinaryPrimitives.ReadUInt16BigEndian(port) is not (> 0 and var other))
                return Refuse(request, ErrorCodes.BadRequest, [], answer);
            to = source with { Port = other };
        }
        var writer = new MessageWriter(answer, MessageClass.Success, MessageView.Binding, request.Transaction);
        writer.AddXorMapped(source);
        if (request.HasFingerprint)
            writer.AddFingerprint();
        return writer.Length;
    }

    static int Refuse(MessageView request, int code, ReadOnlySpan<byte> unknown, Span<byte> answer)
    {
        var writer = new MessageWriter(answer, MessageClass.Error, MessageView.Binding, request.Transaction);
        writer.AddError(code);
        if (!unknown.IsEmpty)
            writer.Add(AttributeType.UnknownAttributes, unknown);
        if (request.HasFingerprint)
            writer.AddFingerprint();
        return writer.Length;
    }

    /// <summary>What must be understood and is not, in the order of the request.</summary>
    static int ListUnknown(MessageView request, Span<byte> list)
    {
        var length = 0;
        foreach (var attribute in request)
        {
            if ((ushort)attribute.Type >= 0x8000 || IsUnderstood(attribute.Type))
                continue;
            BinaryPrimitives.WriteUInt16BigEndian(list[length..], (ushort)attribute.Type);
            length += 2;
            if (length == list.Length)
                break;
        }
        return length;
    }

    /// <summary>Credentials are not asked for, and in a Binding request they change nothing.</summary>
    static bool IsUnderstood(AttributeType type) => type is AttributeType.ResponsePort or AttributeType.Username or AttributeType.Realm
        or AttributeType.Nonce or AttributeType.UserHash or AttributeType.PasswordAlgorithm
        or AttributeType.MessageIntegrity or AttributeType.MessageIntegritySha256;
}
