using Macro.Core;
using Macro.NetStack.Dns;
using Macro.Simulation;

namespace Macro.NetStack.Tests.Dns;

/// <summary>What it asks, and which answers it believes.</summary>
public sealed class ResolverUpstreamTests : ResolverDriver
{
    [Fact]
    public void Asks_upstream_once_and_answers_the_next_from_the_cache()
    {
        Assert.Null(Ask("www.example.com"));
        Reply(A("www.example.com", 100));
        Assert.Equal(["Answer www.example.com. A 100 c0000201"], Zone.Lines(TakeAnswer()));

        Pass(seconds: 30);
        Assert.Equal(["Answer WWW.example.com. A 70 c0000201"], [.. Zone.Lines(Ask("WWW.example.com")!).Select(l => l.Replace("www", "WWW", StringComparison.Ordinal))]);
        Assert.Equal(1, Resolver.Counters.UpstreamQueries);
    }

    [Fact]
    public void The_query_asks_for_recursion_and_has_an_opt_of_its_own_without_the_options_of_the_client()
    {
        byte[] subnet = [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        byte[] query = [.. Zone.Query("www.example.com", edns: 0)[..^11], .. Zone.Opt(4096, dnssec: true, options: subnet)];
        Assert.Equal(AskVerdict.Pending, Resolver.Ask(query, Carrier.Datagram, "client", new byte[1232], Now, out _));
        Assert.True(MessageView.TryParse(TakeQuery().Message, out var sent));
        Assert.Equal(HeaderFlags.RecursionDesired | HeaderFlags.AuthenticData, sent.Flags);
        Assert.Equal(new Edns(1232, 0, 0, DnssecOk: true), sent.Edns);
        Assert.Equal(["Additional . Opt 32768 "], Zone.Lines(sent.Bytes));
    }

    [Fact]
    public void Every_query_has_another_id_and_another_case()
    {
        var seen = new HashSet<string>();
        for (var i = 0; i < 50; i++)
        {
            Resolver = new Resolver(Options, new SeededRandom((ulong)i));
            Ask("www.example.com");
            var query = TakeQuery().Message;
            Assert.True(seen.Add(Convert.ToHexString(query.AsSpan(0, 2))));
            Assert.True(seen.Add(Convert.ToHexString(query.AsSpan(12))));
        }
    }

    [Theory]
    [InlineData("id")]
    [InlineData("name")]
    [InlineData("type")]
    [InlineData("source")]
    [InlineData("query")]
    [InlineData("garbage")]
    public void A_forged_answer_is_ignored_and_the_true_one_still_counts(string what)
    {
        Ask("www.example.com");
        var query = TakeQuery();
        var answer = A("www.example.com", 100)(query.Message);
        byte[] forged = [.. answer];
        var source = Upstream;
        switch (what)
        {
            case "id": forged[1] ^= 1; break;
            case "name": forged[13] ^= 1; break;
            case "type": forged[30] ^= 1; break;
            case "source": source = Second; break;
            case "query": forged[2] &= 0x7f; break;
            default: forged = [1, 2, 3]; break;
        }
        Resolver.HandleDatagram(query.Exchange, source, forged, Now);
        Resolver.HandleDatagram(query.Exchange + 1, Upstream, answer, Now);
        Assert.False(Resolver.TryTakeOutput(out _));
        Assert.Equal(1, Resolver.Counters.Mismatches);
        Resolver.HandleDatagram(query.Exchange, Upstream, answer, Now);
        Assert.Single(Zone.Lines(TakeAnswer()));
    }

    [Fact]
    public void An_answer_in_another_case_is_asked_for_again_through_a_stream()
    {
        Ask("www.example.com");
        var query = TakeQuery();
        var answer = A("www.example.com", 100)(query.Message);
        answer[13] ^= 0x20;
        Resolver.HandleDatagram(query.Exchange, Upstream, answer, Now);
        var again = TakeQuery(ResolverAction.SendStream);
        answer = A("www.example.com", 100)(again.Message);
        answer[13] ^= 0x20;
        Resolver.HandleStream(again.Exchange, answer, Now);
        Assert.Single(Zone.Lines(TakeAnswer()));
    }

    [Fact]
    public void Many_forged_answers_move_the_question_to_a_stream()
    {
        Ask("www.example.com");
        var query = TakeQuery();
        for (var i = 0; i < 8; i++)
            Resolver.HandleDatagram(query.Exchange, Upstream, [(byte)i, .. query.Message.AsSpan(1)], Now);
        TakeQuery(ResolverAction.SendStream);
    }

    [Fact]
    public void A_truncated_answer_is_asked_for_through_a_stream()
    {
        Ask("www.example.com");
        Reply(query => Zone.Answer(query, more: HeaderFlags.Truncated));
        var again = TakeQuery(ResolverAction.SendStream);
        Resolver.HandleStream(again.Exchange, A("www.example.com", 9)(again.Message), Now);
        Assert.Single(Zone.Lines(TakeAnswer()));
    }

    [Fact]
    public void Equal_questions_are_asked_once_and_each_client_gets_its_own_writing_and_id()
    {
        Ask("www.example.com", id: 1);
        Ask("WWW.EXAMPLE.COM", id: 2);
        Assert.Equal(1, Resolver.Counters.Joined);
        Reply(query => Zone.Answer(query, answers: [[0xc0, 12, .. Zone.A("", 9, "192.0.2.1")[1..]]]));
        var (first, second) = (TakeAnswer(), TakeAnswer());
        Assert.Equal((1, 2), (first[1], second[1]));
        Assert.Equal("Answer www.example.com. A 9 c0000201", Zone.Lines(first)[0]);
        Assert.Equal("Answer WWW.EXAMPLE.COM. A 9 c0000201", Zone.Lines(second)[0]);
    }

    [Fact]
    public void The_random_case_of_a_query_is_seen_nowhere()
    {
        // As a server makes an alias from a DNAME: the first label copied from the question as it came.
        Ask("first.Old.example.com");
        Reply(query => Zone.Answer(query, answers:
        [
            Zone.Record("Old.example.com", RecordType.Dname, 9, Zone.Name("new.example.com")),
            [0xc0, 12, .. Zone.Record("", RecordType.Cname, 9, [.. query[12..18], .. Zone.Name("new.example.com")])[1..]],
        ], authority: [[0xc0, 22, .. Zone.Soa("", 9, 9)[1..]]]));
        var told = Zone.Lines(TakeAnswer());
        Assert.Equal("Answer Old.example.com. Dname 9 " + Convert.ToHexStringLower(Zone.Name("new.example.com")), told[0]);
        Assert.StartsWith("Answer first.Old.example.com. Cname 9 " + Convert.ToHexStringLower(Zone.Name("first")[..6]), told[1], StringComparison.Ordinal);
        Assert.StartsWith("Authority example.com. Soa", told[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Questions_that_differ_in_type_or_dnssec_or_checking_are_asked_each()
    {
        Ask("www.example.com");
        Ask("www.example.com", RecordType.Aaaa);
        Ask("www.example.com", dnssec: true);
        Ask("www.example.com", flags: HeaderFlags.RecursionDesired | HeaderFlags.CheckingDisabled);
        Assert.Equal(4, Resolver.Counters.UpstreamQueries);
    }

    [Fact]
    public void A_lost_query_is_sent_again_from_the_same_port_then_through_a_stream_then_fails()
    {
        Ask("www.example.com");
        var first = TakeQuery();
        Pass(seconds: 1);
        var second = TakeQuery();
        Assert.Equal(first, second);
        Pass(seconds: 2);
        TakeQuery(ResolverAction.SendStream);
        Pass(seconds: 3);
        AssertCode(ResponseCode.ServerFailure, TakeAnswer());
        Assert.Equal(0, Resolver.Pending);
        Assert.Equal(Instant.Never, Resolver.NextTimeout);
        // RFC 9520: the failure is remembered for a moment.
        AssertCode(ResponseCode.ServerFailure, Ask("www.example.com")!);
        Pass(seconds: 6);
        Assert.Null(Ask("www.example.com"));
    }

    [Fact]
    public void A_late_answer_to_the_first_datagram_still_counts()
    {
        Ask("www.example.com");
        var query = TakeQuery();
        Pass(seconds: 1.5);
        TakeQuery();
        Resolver.HandleDatagram(query.Exchange, Upstream, A("www.example.com", 9)(query.Message), Now);
        Assert.Single(Zone.Lines(TakeAnswer()));
    }

    [Fact]
    public void Another_upstream_is_asked_when_one_is_silent_or_fails_and_first_from_then_on()
    {
        Resolver = Make(Options with { Upstreams = [Upstream, Second] });
        Ask("a.example.com");
        Assert.Equal(Upstream, TakeQuery().Upstream);
        Pass(seconds: 1);
        var query = TakeQuery();
        Assert.Equal(Second, query.Upstream);
        Resolver.HandleDatagram(query.Exchange, Second, Zone.Answer(query.Message, ResponseCode.ServerFailure), Now);
        query = TakeQuery(ResolverAction.SendStream);
        Assert.Equal(Upstream, query.Upstream);
        Resolver.HandleFailure(query.Exchange, Now);
        query = TakeQuery(ResolverAction.SendStream);
        Assert.Equal(Upstream, query.Upstream);
        Resolver.HandleFailure(query.Exchange, Now);
        AssertCode(ResponseCode.ServerFailure, TakeAnswer());

        Ask("b.example.com");
        Assert.Equal(Second, TakeQuery().Upstream);
    }

    [Fact]
    public void What_every_upstream_refuses_is_refused()
    {
        Ask("www.example.com");
        Reply(query => Zone.Answer(query, ResponseCode.Refused));
        AssertCode(ResponseCode.Refused, TakeAnswer());
    }

    [Fact]
    public void A_server_that_only_refers_to_others_is_of_no_use()
    {
        Ask("www.example.com");
        Reply(query =>
        {
            var answer = Zone.Answer(query, authority: [Zone.Record("example.com", RecordType.Ns, 9, Zone.Name("ns.example.com"))]);
            answer[3] = 0;
            return answer;
        });
        AssertCode(ResponseCode.ServerFailure, TakeAnswer());
    }

    [Fact]
    public void A_server_without_edns_is_asked_without()
    {
        Ask("www.example.com");
        Reply(query => [.. Zone.Answer(query, ResponseCode.FormatError)[..4], 0, 0, 0, 0, 0, 0, 0, 0]);
        var again = TakeQuery();
        Assert.True(MessageView.TryParse(again.Message, out var view));
        Assert.False(view.HasEdns);
    }

    [Fact]
    public void Queries_within_tls_are_padded_to_a_multiple_of_the_block()
    {
        Resolver = Make(Options with { StreamsOnly = true, PaddingBlock = 128 });
        foreach (var name in (string[])["a.de", "www.example.com", new string('x', 60) + ".example.com", new string('y', 47) + ".example.com"])
        {
            Ask(name);
            var query = TakeQuery(ResolverAction.SendStream).Message;
            Assert.Equal(0, query.Length % 128);
            Assert.True(MessageView.TryParse(query, out _));
        }
    }
}
