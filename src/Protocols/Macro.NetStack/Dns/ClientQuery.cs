namespace Macro.NetStack.Dns;

/// <summary>How a message travels: in datagrams of limited size, or in a stream with two bytes of length before it.</summary>
public enum Carrier : byte
{
    Datagram,
    Stream,
}

/// <summary>What an answer to one question has to know of it besides the question: who asked, and how.</summary>
/// <param name="Id">Of the query.</param>
/// <param name="Flags">Of the query.</param>
/// <param name="Carrier">How the query came and the answer goes.</param>
/// <param name="HasEdns">The query had an OPT record, so the answer has one.</param>
/// <param name="Edns">That record.</param>
public readonly record struct ClientQuery(ushort Id, HeaderFlags Flags, Carrier Carrier, bool HasEdns, Edns Edns)
{
    const int SmallestDatagram = 512;

    public static ClientQuery From(in MessageView query, Carrier carrier) =>
        new(query.Id, query.Flags, carrier, query.HasEdns, query.Edns);

    /// <summary>
    /// Most bytes that the answer may have. In datagrams never more than 1232, whatever the client takes: answers pass
    /// through tunnels, and fragments get lost.
    /// </summary>
    public int Limit => Carrier == Carrier.Stream ? ushort.MaxValue
        : HasEdns ? Math.Clamp((int)Edns.UdpSize, SmallestDatagram, Edns.OwnUdpSize) : SmallestDatagram;

    /// <summary>The client understands the AD bit (RFC 6840 5.7).</summary>
    public bool WantsAuthenticData => Edns.DnssecOk || (Flags & HeaderFlags.AuthenticData) != 0;

    /// <summary>The header flags of the answer: recursion as it was asked for, CD copied (RFC 4035 3.2.2).</summary>
    internal HeaderFlags AnswerFlags(bool authentic) =>
        HeaderFlags.Response | HeaderFlags.RecursionAvailable
        | (Flags & (HeaderFlags.RecursionDesired | HeaderFlags.CheckingDisabled))
        | (authentic && WantsAuthenticData ? HeaderFlags.AuthenticData : 0);

    /// <summary>Writes an answer without records: an error, or a verdict that needs none. Returns its length.</summary>
    /// <param name="question">Empty: the answer has none.</param>
    internal int WriteEmpty(ReadOnlySpan<byte> question, ResponseCode code, ExtendedError error, Span<byte> room, HeaderFlags more = 0)
    {
        var writer = new MessageWriter(room);
        writer.SetHeader(Id, AnswerFlags(authentic: false) | more, code);
        if (!question.IsEmpty)
            writer.TryAddQuestion(question);
        return AppendEdns(room, writer.Length, (int)code >> 4, error);
    }

    /// <summary>Appends the OPT record, if the client takes one. Returns the message's new length.</summary>
    internal int AppendEdns(Span<byte> room, int length, int upperResponseCode, ExtendedError error)
    {
        if (!HasEdns)
            return length;
        // The OPT record is the last one, and nothing of ours has 256 additional records.
        var additional = MessageView.ReadUInt16(room, 10) + 1;
        (room[10], room[11]) = ((byte)(additional >> 8), (byte)additional);
        return length + Edns.Write(room[length..], Edns.DnssecOk, upperResponseCode, error);
    }
}
