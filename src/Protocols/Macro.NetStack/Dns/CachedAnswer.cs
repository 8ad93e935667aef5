using System.Buffers.Binary;
using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>
/// One answer as it is kept: a message written by this code (question, records, no OPT), and where its TTLs stand. It
/// answers one question only, so no record in it can speak for another name. A client gets a copy with its own id, its
/// own writing of the question, and TTLs less the age.
/// </summary>
public sealed class CachedAnswer
{
    // What object, arrays, dictionary entry and list links cost beside their bytes.
    const int Overhead = 240;

    readonly byte[] _message;
    readonly ushort[] _ttlPlaces;
    readonly int _additionalOffset;
    readonly int _questionLength;
    readonly ResponseCode _code;
    readonly bool _authentic;

    internal CachedAnswer(
        byte[] message, ushort[] ttlPlaces, int questionLength, int additionalOffset, ResponseCode code, bool authentic, TimeSpan lifetime, Instant now)
    {
        (_message, _ttlPlaces, _questionLength, _additionalOffset) = (message, ttlPlaces, questionLength, additionalOffset);
        (_code, _authentic, Stored, Lifetime) = (code, authentic, now, lifetime);
    }

    public ResponseCode Code => _code;
    public Instant Stored { get; }

    /// <summary>How long the answer is fresh.</summary>
    public TimeSpan Lifetime { get; }

    public Instant Expires => Stored + Lifetime;

    /// <summary>The name was resolved, be it to nothing; false: an error.</summary>
    public bool IsResolved => _code is ResponseCode.NoError or ResponseCode.NoSuchName or ResponseCode.NameExistsThatShouldNot;

    internal int Bytes => _message.Length + 2 * _ttlPlaces.Length + Overhead;

    /// <summary>
    /// Writes the answer for a client. When it does not fit, the additional section goes first; then everything, and the
    /// TC bit says so (RFC 2181 9). Allocates nothing.
    /// </summary>
    /// <param name="question">As the client wrote it; the same name, type and class as this answer's.</param>
    /// <param name="staleTtl">Seconds to tell for records whose TTL has passed (RFC 8767 4: 30); 0 while fresh.</param>
    /// <param name="room">At least <see cref="ClientQuery.Limit"/> bytes.</param>
    /// <returns>Bytes written.</returns>
    public int Write(in ClientQuery query, ReadOnlySpan<byte> question, uint staleTtl, Span<byte> room, Instant now)
    {
        var error = staleTtl == 0 || !IsResolved ? ExtendedError.None
            : _code == ResponseCode.NoSuchName ? ExtendedError.StaleNoSuchName : ExtendedError.StaleAnswer;
        if (question.Length != _questionLength)
            return query.WriteEmpty(question, ResponseCode.ServerFailure, ExtendedError.None, room);
        var edns = query.HasEdns ? Edns.LengthWith(error) : 0;
        var length = _message.Length;
        if (length + edns > query.Limit)
            length = _additionalOffset;
        if (length + edns > query.Limit)
            return query.WriteEmpty(question, _code, error, room, HeaderFlags.Truncated | (query.AnswerFlags(_authentic) & HeaderFlags.AuthenticData));

        _message.AsSpan(0, length).CopyTo(room);
        BinaryPrimitives.WriteUInt16BigEndian(room, query.Id);
        BinaryPrimitives.WriteUInt16BigEndian(room[2..], (ushort)((ushort)query.AnswerFlags(_authentic) | ((ushort)_code & 15)));
        if (length < _message.Length)
            room[10..12].Clear();
        question.CopyTo(room[MessageView.HeaderLength..]);
        // A part of a second counts as one: what is told may end early, never late.
        var age = (uint)Math.Clamp(Math.Ceiling((now - Stored).TotalSeconds), 0, int.MaxValue);
        foreach (var place in _ttlPlaces)
        {
            if (place >= length)
                break;
            var ttl = BinaryPrimitives.ReadUInt32BigEndian(room[place..]);
            BinaryPrimitives.WriteUInt32BigEndian(room[place..], ttl > age ? ttl - age : Math.Min(ttl, staleTtl));
        }
        return query.AppendEdns(room, length, (int)_code >> 4, error);
    }
}
