using CsCheck;
using Macro.NetStack.Dns;
using Macro.Simulation;

namespace Macro.NetStack.Tests.Dns;

public sealed class MessageViewTests
{
    static readonly byte[] Query = Zone.Query("www.example.com");

    [Fact]
    public void Reads_a_query_with_edns()
    {
        Assert.True(MessageView.TryParse(Zone.Query("Www.example.com", RecordType.Https, edns: 4096, dnssec: true), out var view));
        Assert.Equal(0x1234, view.Id);
        Assert.False(view.IsResponse);
        Assert.Equal("Www.example.com.", DomainName.ToText(view.QuestionName));
        Assert.Equal(RecordType.Https, view.QuestionType);
        Assert.Equal(RecordClass.Internet, view.QuestionClass);
        Assert.Equal(new Edns(4096, 0, 0, DnssecOk: true), view.Edns);
    }

    [Fact]
    public void The_response_code_has_twelve_bits_with_edns()
    {
        Assert.True(MessageView.TryParse(Zone.Answer(Query, additional: [Zone.Opt(512, upperCode: 1)]), out var view));
        Assert.Equal(ResponseCode.BadVersion, view.ResponseCode);
    }

    public static TheoryData<string, byte[]> Malformed() => new()
    {
        { "too short", new byte[11] },
        { "question cut off", Query[..^1] },
        { "two questions", [.. Query[..5], 2, .. Query[6..], .. Query[12..]] },
        { "something behind the end", [.. Query, 0] },
        { "record that is not there", Zone.Answer(Query, answers: [[]]) },
        { "record cut off", Zone.Answer(Query, answers: [Zone.A("x", 1, "192.0.2.1")])[..^1] },
        { "address of three bytes", Zone.Answer(Query, answers: [Zone.Record("x", RecordType.A, 1, 1, 2, 3)]) },
        { "alias with something behind its name", Zone.Answer(Query, answers: [Zone.Record("x", RecordType.Cname, 1, 1, 65, 0, 0)]) },
        { "alias whose name passes the record's end", Zone.Answer(Query, answers: [Zone.Record("x", RecordType.Cname, 1, 1, 65), Zone.A("", 1, "192.0.2.1")]) },
        { "start of authority without its numbers", Zone.Answer(Query, authority: [Zone.Record("x", RecordType.Soa, 1, 0, 0, 1)]) },
        { "two OPT records", Zone.Answer(Query, additional: [Zone.Opt(512), Zone.Opt(512)]) },
        { "OPT as an answer", Zone.Answer(Query, answers: [Zone.Opt(512)]) },
        { "OPT with an option cut off", Zone.Answer(Query, additional: [Zone.Opt(512, options: [0, 10, 0, 8, 1])]) },
        { "service binding with a compressed name", Zone.Answer(Query, answers: [Zone.Record("x", RecordType.Https, 1, 0, 1, 0xc0, 12)]) },
        { "pointer in a circle", Zone.Answer(Query, answers: [[0xc0, 33, .. Zone.A("", 1, "192.0.2.1")[1..]]]) },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Refuses_what_is_malformed(string what, byte[] message) => Assert.False(MessageView.TryParse(message, out _), what);

    [Fact]
    public void Whatever_is_accepted_can_be_read_through_and_written_anew()
    {
        byte[][] seeds = [
            Query,
            Zone.Answer(Query, answers: [Zone.Record("www.example.com", RecordType.Cname, 5, Zone.Name("a.example.com")), Zone.A("a.example.com", 9, "2001:db8::1")],
                authority: [Zone.Soa("example.com", 9, 9)], additional: [Zone.Record("example.com", RecordType.Mx, 7, [0, 1, 0xc0, 12]), Zone.Opt(1232)]),
        ];
        (from seed in Gen.Int[0, seeds.Length - 1] from at in Gen.Int[0, 199].Array[1, 6] from to in Gen.Byte.Array[6] from cut in Gen.Int[0, 3]
         select (seed, at, to, cut)).Sample(change =>
        {
            var message = seeds[change.seed].ToArray();
            for (var i = 0; i < change.at.Length; i++)
                message[change.at[i] % message.Length] = change.to[i];
            if (change.cut == 0)
                message = message[..(change.at[0] % message.Length)];
            if (!MessageView.TryParse(message, out var view))
                return;
            Zone.Lines(message);
            if (view.HasQuestion && new AnswerReader(new AnswerLimits(), isDenied: null).Read(view, view.Question, default, out _) is { } kept)
            {
                var query = new ClientQuery(1, HeaderFlags.RecursionDesired, Carrier.Stream, HasEdns: true, default);
                var room = new byte[65536];
                var length = kept.Write(query, view.Question, 0, room, default);
                Assert.True(MessageView.TryParse(room.AsSpan(0, length), out var written));
                Assert.True(written.Question.SequenceEqual(view.Question));
            }
        }, iter: 200_000);
    }

    [Fact]
    public void Garbage_is_refused_or_read_within_its_bounds()
    {
        var random = new SeededRandom(4);
        for (var i = 0; i < 200_000; i++)
        {
            var message = new byte[i % 120];
            random.Fill(message);
            if (message.Length >= 12)
                message.AsSpan(4, 8).Clear();
            if (message.Length >= 12)
                (message[5], message[7], message[9], message[11]) = ((byte)(i & 1), (byte)(i >> 1 & 1), (byte)(i >> 2 & 1), (byte)(i >> 3 & 1));
            if (MessageView.TryParse(message, out _))
                Zone.Lines(message);
        }
    }

    [Fact]
    public void The_worst_compression_costs_little()
    {
        // Pointers to pointers, as many as 64 KiB hold.
        var message = new List<byte>(Zone.Answer(Query));
        var previous = 12;
        var records = 0;
        while (message.Count + 13 < 65535 && message.Count < 0x3fff)
        {
            var at = message.Count;
            message.AddRange([(byte)(0xc0 | previous >> 8), (byte)previous, 0, 99, 0, 1, 0, 0, 0, 0, 0, 0]);
            previous = at;
            records++;
        }
        var bytes = message.ToArray();
        (bytes[6], bytes[7]) = ((byte)(records >> 8), (byte)records);
        Assert.False(MessageView.TryParse(bytes, out _));
    }
}
