using Macro.Core;
using Macro.NetStack.Dns;
using Macro.Simulation;

namespace Macro.NetStack.Tests.Dns;

public sealed class ResolverTests
{
    static readonly Endpoint Upstream = Endpoint.Parse("192.0.2.53:53");
    static readonly Endpoint Second = Endpoint.Parse("192.0.2.54:53");

    Instant _now = Instant.FromUnixSeconds(1_000_000);
    Resolver _resolver = Make();

    static ResolverOptions Options => new() { Upstreams = [Upstream] };

    static Resolver Make(ResolverOptions? options = null) => new(options ?? Options, new SeededRandom(1));

    [Fact]
    public void Asks_upstream_once_and_answers_the_next_from_the_cache()
    {
        Assert.Null(Ask("www.example.com"));
        Reply(A("www.example.com", 100));
        Assert.Equal(["Answer www.example.com. A 100 c0000201"], Zone.Lines(TakeAnswer()));

        Pass(seconds: 30);
        Assert.Equal(["Answer WWW.example.com. A 70 c0000201"], [.. Zone.Lines(Ask("WWW.example.com")!).Select(l => l.Replace("www", "WWW", StringComparison.Ordinal))]);
        Assert.Equal(1, _resolver.Counters.UpstreamQueries);
    }

    [Fact]
    public void The_query_asks_for_recursion_and_has_an_opt_of_its_own_without_the_options_of_the_client()
    {
        byte[] subnet = [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        byte[] query = [.. Zone.Query("www.example.com", edns: 0)[..^11], .. Zone.Opt(4096, dnssec: true, options: subnet)];
        Assert.Equal(AskVerdict.Pending, _resolver.Ask(query, Carrier.Datagram, "client", new byte[1232], _now, out _));
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
            _resolver = new Resolver(Options, new SeededRandom((ulong)i));
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
        _resolver.HandleDatagram(query.Exchange, source, forged, _now);
        _resolver.HandleDatagram(query.Exchange + 1, Upstream, answer, _now);
        Assert.False(_resolver.TryTakeOutput(out _));
        Assert.Equal(1, _resolver.Counters.Mismatches);
        _resolver.HandleDatagram(query.Exchange, Upstream, answer, _now);
        Assert.Single(Zone.Lines(TakeAnswer()));
    }

    [Fact]
    public void An_answer_in_another_case_is_asked_for_again_through_a_stream()
    {
        Ask("www.example.com");
        var query = TakeQuery();
        var answer = A("www.example.com", 100)(query.Message);
        answer[13] ^= 0x20;
        _resolver.HandleDatagram(query.Exchange, Upstream, answer, _now);
        var again = TakeQuery(ResolverAction.SendStream);
        answer = A("www.example.com", 100)(again.Message);
        answer[13] ^= 0x20;
        _resolver.HandleStream(again.Exchange, answer, _now);
        Assert.Single(Zone.Lines(TakeAnswer()));
    }

    [Fact]
    public void Many_forged_answers_move_the_question_to_a_stream()
    {
        Ask("www.example.com");
        var query = TakeQuery();
        for (var i = 0; i < 8; i++)
            _resolver.HandleDatagram(query.Exchange, Upstream, [(byte)i, .. query.Message.AsSpan(1)], _now);
        TakeQuery(ResolverAction.SendStream);
    }

    [Fact]
    public void A_truncated_answer_is_asked_for_through_a_stream()
    {
        Ask("www.example.com");
        Reply(query => Zone.Answer(query, more: HeaderFlags.Truncated));
        var again = TakeQuery(ResolverAction.SendStream);
        _resolver.HandleStream(again.Exchange, A("www.example.com", 9)(again.Message), _now);
        Assert.Single(Zone.Lines(TakeAnswer()));
    }

    [Fact]
    public void Equal_questions_are_asked_once_and_each_client_gets_its_own_writing_and_id()
    {
        Ask("www.example.com", id: 1);
        Ask("WWW.EXAMPLE.COM", id: 2);
        Assert.Equal(1, _resolver.Counters.Joined);
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
        Assert.Equal(4, _resolver.Counters.UpstreamQueries);
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
        Assert.Equal(0, _resolver.Pending);
        Assert.Equal(Instant.Never, _resolver.NextTimeout);
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
        _resolver.HandleDatagram(query.Exchange, Upstream, A("www.example.com", 9)(query.Message), _now);
        Assert.Single(Zone.Lines(TakeAnswer()));
    }

    [Fact]
    public void Another_upstream_is_asked_when_one_is_silent_or_fails_and_first_from_then_on()
    {
        _resolver = Make(Options with { Upstreams = [Upstream, Second] });
        Ask("a.example.com");
        Assert.Equal(Upstream, TakeQuery().Upstream);
        Pass(seconds: 1);
        var query = TakeQuery();
        Assert.Equal(Second, query.Upstream);
        _resolver.HandleDatagram(query.Exchange, Second, Zone.Answer(query.Message, ResponseCode.ServerFailure), _now);
        query = TakeQuery(ResolverAction.SendStream);
        Assert.Equal(Upstream, query.Upstream);
        _resolver.HandleFailure(query.Exchange, _now);
        query = TakeQuery(ResolverAction.SendStream);
        Assert.Equal(Upstream, query.Upstream);
        _resolver.HandleFailure(query.Exchange, _now);
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
    public void A_server_without_edns_is_asked_without()
    {
        Ask("www.example.com");
        Reply(query => [.. Zone.Answer(query, ResponseCode.FormatError)[..4], 0, 0, 0, 0, 0, 0, 0, 0]);
        var again = TakeQuery();
        Assert.True(MessageView.TryParse(again.Message, out var view));
        Assert.False(view.HasEdns);
    }

    [Fact]
    public void A_stale_answer_is_told_when_the_upstream_is_slow_and_at_once_after_it_failed()
    {
        Learn("www.example.com", 60);
        Pass(seconds: 100);
        Assert.Null(Ask("www.example.com"));
        TakeQuery();
        Pass(seconds: 1);
        TakeQuery();
        Pass(seconds: 0.8);
        Assert.Equal("Answer www.example.com. A 30 c0000201", Zone.Lines(TakeAnswer())[0]);
        Pass(seconds: 2);
        Pass(seconds: 4);
        Assert.Equal(0, _resolver.Pending);
        Assert.Single(Zone.Lines(Ask("www.example.com")!));
        Pass(seconds: 31);
        Assert.Null(Ask("www.example.com"));
    }

    [Fact]
    public void A_stale_answer_says_so_to_those_who_understand()
    {
        Learn("www.example.com", 60);
        Pass(seconds: 100);
        _resolver.SetConnected(false, _now);
        var answer = Answer(Zone.Query("www.example.com", edns: 1232));
        // With DO off the key is the same, so the same entry answers.
        Assert.Equal(["Answer www.example.com. A 30 c0000201", "Additional . Opt 0 000f00020003"], Zone.Lines(answer!));
    }

    [Fact]
    public void The_answer_that_comes_after_the_stale_one_is_kept()
    {
        Learn("www.example.com", 60);
        Pass(seconds: 100);
        Ask("www.example.com");
        var query = TakeQuery();
        Pass(seconds: 1.8);
        _resolver.HandleDatagram(query.Exchange, Upstream, A("www.example.com", 500)(query.Message), _now);
        Drain();
        Assert.Equal("Answer www.example.com. A 500 c0000201", Zone.Lines(Ask("www.example.com")!)[0]);
    }

    [Fact]
    public void A_hot_name_is_fetched_before_it_expires_and_a_cold_one_is_not()
    {
        Learn("cold.example.com", 100);
        Learn("hot.example.com", 100);
        for (var i = 0; i < 3; i++)
            Ask("hot.example.com");
        Pass(seconds: 95);
        Assert.NotNull(Ask("cold.example.com"));
        Assert.False(_resolver.TryTakeOutput(out _));
        Assert.NotNull(Ask("hot.example.com"));
        Assert.NotNull(Ask("hot.example.com"));
        Reply(A("hot.example.com", 100));
        Assert.Equal(1, _resolver.Counters.Prefetches);
        Drain();
        Pass(seconds: 50);
        Assert.Equal("Answer hot.example.com. A 50 c0000201", Zone.Lines(Ask("hot.example.com")!)[0]);
    }

    [Fact]
    public void Without_a_way_to_the_upstreams_questions_fail_at_once_also_those_that_wait()
    {
        Ask("www.example.com");
        TakeQuery();
        _resolver.SetConnected(false, _now);
        AssertCode(ResponseCode.ServerFailure, TakeAnswer());
        AssertCode(ResponseCode.ServerFailure, Ask("www.example.com")!);
        _resolver.SetConnected(true, _now);
        Assert.Null(Ask("www.example.com"));
    }

    [Fact]
    public void What_waits_is_bounded()
    {
        _resolver = Make(Options with { MaxPending = 3, MaxWaiting = 2 });
        for (var i = 0; i < 3; i++)
            Assert.Null(Ask($"{i}.example.com"));
        AssertCode(ResponseCode.ServerFailure, Ask("3.example.com")!);
        Assert.Null(Ask("0.example.com"));
        AssertCode(ResponseCode.ServerFailure, Ask("0.example.com")!);
    }

    [Theory]
    [InlineData("localhost", RecordType.A, ResponseCode.NoError, "Answer localhost. A 3600 7f000001")]
    [InlineData("x.LocalHost", RecordType.Aaaa, ResponseCode.NoError, "Answer x.LocalHost. Aaaa 3600 00000000000000000000000000000001")]
    [InlineData("localhost", RecordType.Mx, ResponseCode.NoError, "Authority localhost. Soa ")]
    [InlineData("printer.local", RecordType.A, ResponseCode.NoSuchName, "Authority local. Soa ")]
    [InlineData("abc.onion", RecordType.A, ResponseCode.NoSuchName, "Authority onion. Soa ")]
    [InlineData("use-application-dns.net", RecordType.A, ResponseCode.NoSuchName, "Authority use-application-dns.net. Soa ")]
    [InlineData("_dns.resolver.arpa", RecordType.Svcb, ResponseCode.NoError, "Authority resolver.arpa. Soa ")]
    [InlineData("1.0.168.192.in-addr.arpa", RecordType.Ptr, ResponseCode.NoSuchName, "Authority 168.192.in-addr.arpa. Soa ")]
    [InlineData("1.0.31.172.in-addr.arpa", RecordType.Ptr, ResponseCode.NoSuchName, "Authority 31.172.in-addr.arpa. Soa ")]
    [InlineData("53.0.64.100.in-addr.arpa", RecordType.Ptr, ResponseCode.NoSuchName, "Authority 64.100.in-addr.arpa. Soa ")]
    [InlineData("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", RecordType.Ptr, ResponseCode.NoSuchName, "Authority 1.0.0.")]
    [InlineData("5.3.0.0.d.f.ip6.arpa", RecordType.Ptr, ResponseCode.NoSuchName, "Authority d.f.ip6.arpa. Soa ")]
    public void A_special_name_is_answered_here_and_never_sent(string name, RecordType type, ResponseCode code, string line)
    {
        var answer = Ask(name, type);
        Assert.NotNull(answer);
        AssertCode(code, answer);
        Assert.StartsWith(line, Assert.Single(Zone.Lines(answer)), StringComparison.Ordinal);
        Assert.False(_resolver.TryTakeOutput(out _));
    }

    [Theory]
    [InlineData("mylocalhost")]
    [InlineData("local.example.com")]
    [InlineData("1.0.32.172.in-addr.arpa")]
    [InlineData("1.0.128.100.in-addr.arpa")]
    [InlineData("8.8.8.8.in-addr.arpa")]
    public void A_name_beside_a_special_one_is_resolved(string name) => Assert.Null(Ask(name, RecordType.Ptr));

    [Fact]
    public void The_rule_of_the_user_decides_before_the_cache()
    {
        Learn("ads.example.com", 100);
        _resolver = Make(Options with { Rule = (name, _) => DomainName.IsAtOrBelow(name, Zone.Name("ads.example.com")) ? NameRuling.Blocked : NameRuling.Resolve });
        AssertCode(ResponseCode.NoSuchName, Ask("x.Ads.example.com")!);
        Assert.Null(Ask("www.example.com"));
    }

    [Fact]
    public void Queries_that_it_does_not_serve_are_refused_with_the_code_that_says_why()
    {
        AssertCode(ResponseCode.Refused, Ask("www.example.com", flags: HeaderFlags.None)!);
        AssertCode(ResponseCode.NotImplemented, Ask("example.com", RecordType.Axfr)!);
        var chaos = Zone.Query("version.bind", RecordType.Txt);
        chaos[^1] = 3;
        AssertCode(ResponseCode.Refused, Answer(chaos)!);
        var update = Zone.Query("example.com");
        update[2] |= 5 << 3;
        var refused = Answer(update)!;
        AssertCode(ResponseCode.NotImplemented, refused);
        Assert.Equal(5, refused[2] >> 3 & 15);
        var version = Zone.Query("example.com", edns: 512);
        version[^5] = 1;
        AssertCode(ResponseCode.BadVersion, Answer(version)!);
        AssertCode(ResponseCode.FormatError, Answer(Zone.Query("example.com")[..^1])!);
        Assert.Null(Answer(new byte[11]));
        Assert.Null(Answer(Zone.Answer(Zone.Query("example.com"))));
        Assert.Equal(0, _resolver.Pending);
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    public void Authentic_data_is_told_to_those_who_ask(bool adBit, bool dnssec, bool told)
    {
        var flags = HeaderFlags.RecursionDesired | (adBit ? HeaderFlags.AuthenticData : 0);
        Ask("www.example.com", flags: flags, dnssec: dnssec);
        Reply(query => Zone.Answer(query, more: HeaderFlags.AuthenticData, answers: [Zone.A("www.example.com", 9, "192.0.2.1")]));
        Assert.True(MessageView.TryParse(TakeAnswer(), out var view));
        Assert.Equal(told, view.Flags.HasFlag(HeaderFlags.AuthenticData));
    }

    [Fact]
    public void Queries_within_tls_are_padded_to_a_multiple_of_the_block()
    {
        _resolver = Make(Options with { StreamsOnly = true, PaddingBlock = 128 });
        foreach (var name in (string[])["a.de", "www.example.com", new string('x', 60) + ".example.com", new string('y', 47) + ".example.com"])
        {
            Ask(name);
            var query = TakeQuery(ResolverAction.SendStream).Message;
            Assert.Equal(0, query.Length % 128);
            Assert.True(MessageView.TryParse(query, out _));
        }
    }

    [Fact]
    public void Garbage_from_clients_and_upstreams_leaves_it_working_and_within_its_bounds()
    {
        var random = new SeededRandom(9);
        var noise = new byte[80];
        var room = new byte[1232];
        for (var i = 0; i < 20_000; i++)
        {
            random.Fill(noise);
            var query = i % 2 == 0 ? noise.AsSpan(0, random.NextInt(80)) : Zone.Query($"{i % 100}.example.com");
            _resolver.Ask(query, Carrier.Datagram, null, room, _now, out _);
            while (_resolver.TryTakeOutput(out var output))
                if (output.Action == ResolverAction.SendDatagram && random.NextInt(2) == 0)
                {
                    byte[] answer = [.. A("x", 1)(output.Message)];
                    answer[random.NextInt(answer.Length)] = noise[0];
                    _resolver.HandleDatagram(output.Exchange, Upstream, answer, _now);
                }
                else if (output.Action == ResolverAction.SendStream)
                {
                    _resolver.HandleStream(output.Exchange, noise, _now);
                }
            Pass(seconds: 0.2);
            Assert.InRange(_resolver.Pending, 0, 512);
        }
        Pass(seconds: 10);
        Pass(seconds: 10);
        Assert.Equal(0, _resolver.Pending);
        Assert.Equal(Instant.Never, _resolver.NextTimeout);
    }

    static Func<byte[], byte[]> A(string name, uint ttl) => query => Zone.Answer(query, answers: [Zone.A(name, ttl, "192.0.2.1")]);

    /// <summary>Asks; null when the answer comes later.</summary>
    byte[]? Ask(string name, RecordType type = RecordType.A, ushort id = 7, HeaderFlags flags = HeaderFlags.RecursionDesired, bool dnssec = false) =>
        Answer(Zone.Query(name, type, id, flags, dnssec ? (ushort)1232 : null, dnssec));

    byte[]? Answer(byte[] query)
    {
        var room = new byte[1232];
        return _resolver.Ask(query, Carrier.Datagram, "client", room, _now, out var length) == AskVerdict.Answered ? room[..length] : null;
    }

    void Learn(string name, uint ttl)
    {
        Assert.Null(Ask(name));
        Reply(A(name, ttl));
        Drain();
    }

    void Reply(Func<byte[], byte[]> answer)
    {
        var query = TakeQuery();
        _resolver.HandleDatagram(query.Exchange, query.Upstream, answer(query.Message), _now);
    }

    ResolverOutput TakeQuery(ResolverAction action = ResolverAction.SendDatagram) => Take(action);

    byte[] TakeAnswer() => Take(ResolverAction.Answer).Message;

    ResolverOutput Take(ResolverAction action)
    {
        while (_resolver.TryTakeOutput(out var output))
            if (output.Action != ResolverAction.End)
            {
                Assert.Equal(action, output.Action);
                return output;
            }
        Assert.Fail($"No {action} came.");
        return default;
    }

    void Drain()
    {
        while (_resolver.TryTakeOutput(out _))
        {
        }
    }

    void Pass(double seconds)
    {
        _now += TimeSpan.FromSeconds(seconds);
        _resolver.HandleTimeout(_now);
    }

    static void AssertCode(ResponseCode code, byte[] answer)
    {
        Assert.True(MessageView.TryParse(answer, out var view));
        Assert.Equal(code, view.ResponseCode);
    }
}

[Collection(nameof(Alone))]
public sealed class ResolverAllocationTests
{
    [Fact]
    public void A_hit_allocates_nothing()
    {
        var now = Instant.FromUnixSeconds(1_000_000);
        var resolver = new Resolver(new ResolverOptions { Upstreams = [Endpoint.Parse("192.0.2.53:53")] }, new SeededRandom(1));
        var query = Zone.Query("www.example.com", edns: 1232);
        var room = new byte[1232];
        resolver.Ask(query, Carrier.Datagram, null, room, now, out _);
        Assert.True(resolver.TryTakeOutput(out var sent));
        resolver.HandleDatagram(sent.Exchange, sent.Upstream, Zone.Answer(sent.Message, answers: [Zone.A("www.example.com", 900, "192.0.2.1")]), now);
        for (var i = 0; i < 1000; i++)
            Assert.Equal(AskVerdict.Answered, resolver.Ask(query, Carrier.Datagram, null, room, now, out _));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            resolver.Ask(query, Carrier.Datagram, null, room, now, out _);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
