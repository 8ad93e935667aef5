using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.Fuzz;

/// <summary>A DNS message: read as a view, as a question of a client, and as an answer from a server that lies.</summary>
sealed class DnsTarget : IFuzzTarget
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_000_000);

    readonly AnswerReader _reader = new(new AnswerLimits(), isDenied: null);
    readonly byte[] _name = new byte[256];
    readonly byte[] _room = new byte[65536];

    public string Name => "dns";

    public int MaxAllocation => 128 * 1024;

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (!MessageView.TryParse(input, out var message))
            return seen.Value;
        seen.Add((int)message.Flags);
        seen.Add((int)message.ResponseCode);
        if (message.HasQuestion)
            seen.Add((int)message.QuestionType);
        var records = 0;
        foreach (var record in message.Records)
        {
            records++;
            seen.Add((int)record.Type);
            seen.AddSize(record.Data.Length);
            var length = record.CopyName(_name);
            InvariantException.Require(length is >= 0 and <= 255, "names have their bound");
        }
        InvariantException.Require(records <= input.Length, "records have bytes");
        Answer(message, ref seen);
        return seen.Value;
    }

    void Answer(in MessageView message, ref Digest seen)
    {
        if (!message.IsResponse || !message.HasQuestion)
            return;
        var answer = _reader.Read(message, message.Question, s_now, out var mayKeep);
        seen.Add(mayKeep ? 1 : 0);
        if (answer is null)
            return;
        var query = new ClientQuery(1, default, Carrier.Datagram, HasEdns: false, default);
        var length = answer.Write(query, message.Question, 30, _room, s_now);
        seen.AddSize(length);
        InvariantException.Require(MessageView.TryParse(_room.AsSpan(0, length), out _), "what is written can be read");
    }
}
