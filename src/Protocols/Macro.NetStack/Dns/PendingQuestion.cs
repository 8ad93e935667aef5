using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>One question on its way to the upstreams, and the clients who wait for it. Belongs to a <see cref="Resolver"/>.</summary>
sealed class PendingQuestion(byte[] key, byte[] question, bool dnssecOk, bool checkingDisabled) : IDeadline
{
    public readonly record struct Client(ClientQuery Query, byte[] Question, object? Context);

    public int Place { get; set; }
    public byte[] Key { get; } = key;

    /// <summary>As the first client wrote it.</summary>
    public byte[] Question { get; } = question;

    public List<Client> Waiting { get; } = [];

    public Instant Deadline { get; set; }
    public Instant StaleAt { get; set; } = Instant.Never;
    public Instant RetryAt { get; set; }

    /// <summary>Messages sent for it, over all exchanges.</summary>
    public int Attempts { get; set; }

    /// <summary>The response code of the last upstream that could not help; server failure while none said anything.</summary>
    public ResponseCode LastFailure { get; set; } = ResponseCode.ServerFailure;

    /// <summary>Bit i: upstream i gave an answer that is of no use; it is not asked again.</summary>
    public int Excluded { get; set; }

    /// <summary>Bit i: upstream i has been asked in this round.</summary>
    public int Tried { get; set; }

    // The exchange that runs. 0: none.
    public long Exchange { get; set; }
    public int Upstream { get; set; }
    public Carrier Carrier { get; set; }
    public bool HasEdns { get; private set; }
    public byte[] Sent { get; private set; } = [];
    public Instant SentAt { get; set; }
    public bool IsResent { get; set; }
    public int Mismatches { get; set; }

    public Instant NextTimeout => Instant.Min(Instant.Min(RetryAt, StaleAt), Deadline);

    public ReadOnlySpan<byte> SentQuestion => Sent.AsSpan(MessageView.HeaderLength, Question.Length);

    /// <summary>Writes the query of a new exchange: a fresh id, and a fresh throw of the letters' case ("0x20").</summary>
    public void Prepare(bool edns, int paddingBlock, IRandom random)
    {
        const int largestOpt = 512;
        Span<byte> query = stackalloc byte[MessageView.HeaderLength + DomainName.MaxLength + 4 + largestOpt];
        Span<byte> asked = stackalloc byte[Question.Length];
        Question.CopyTo(asked);
        RandomizeCase(asked[..^4], random);
        var writer = new MessageWriter(query);
        writer.SetHeader(
            (ushort)random.NextUInt32(),
            HeaderFlags.RecursionDesired | HeaderFlags.AuthenticData | (checkingDisabled ? HeaderFlags.CheckingDisabled : 0),
            ResponseCode.NoError);
        writer.TryAddQuestion(asked);
        var length = writer.Length;
        HasEdns = edns;
        if (edns)
        {
            query[11] = 1;
            length += paddingBlock > 0
                ? Edns.WritePadded(query[length..], dnssecOk, length, paddingBlock)
                : Edns.Write(query[length..], dnssecOk);
        }
        Sent = query[..length].ToArray();
        (IsResent, Mismatches) = (false, 0);
    }

    /// <summary>Whether a message answers the query that was sent: id, response bit, question. Case counts in datagrams.</summary>
    public AnswerMatch Match(in MessageView answer)
    {
        if (!answer.IsResponse || answer.Opcode != 0 || answer.Id != MessageView.ReadUInt16(Sent, 0))
            return AnswerMatch.Stranger;
        // A server that did not understand the query may not repeat the question.
        if (!answer.HasQuestion)
            return answer.ResponseCode is ResponseCode.FormatError or ResponseCode.NotImplemented or ResponseCode.Refused
                ? AnswerMatch.Match : AnswerMatch.Stranger;
        if (answer.Question.SequenceEqual(SentQuestion))
            return AnswerMatch.Match;
        if (!answer.Question[^4..].SequenceEqual(SentQuestion[^4..]) || !DomainName.AreEqual(answer.QuestionName, SentQuestion[..^4]))
            return AnswerMatch.Stranger;
        return Carrier == Carrier.Stream ? AnswerMatch.Match : AnswerMatch.OtherCase;
    }

    static void RandomizeCase(Span<byte> name, IRandom random)
    {
        Span<byte> bits = stackalloc byte[(DomainName.MaxLength + 7) / 8];
        random.Fill(bits);
        for (var i = 0; i < name.Length; i++)
            if (DomainName.IsLetter(name[i]) && (bits[i >> 3] >> (i & 7) & 1) != 0)
                name[i] ^= 0x20;
    }
}

enum AnswerMatch
{
    Match,
    OtherCase,
    Stranger,
}
