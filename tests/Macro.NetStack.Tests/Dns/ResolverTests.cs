using Macro.Core;
using Macro.NetStack.Dns;
using Macro.Simulation;

namespace Macro.NetStack.Tests.Dns;

/// <summary>What it tells its clients.</summary>
public sealed class ResolverTests : ResolverDriver
{
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
        Assert.Equal(0, Resolver.Pending);
        Assert.Single(Zone.Lines(Ask("www.example.com")!));
        Pass(seconds: 31);
        Assert.Null(Ask("www.example.com"));
    }

    [Fact]
    public void A_stale_answer_says_so_to_those_who_understand()
    {
        Learn("www.example.com", 60);
        Pass(seconds: 100);
        Resolver.SetConnected(false, Now);
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
        Resolver.HandleDatagram(query.Exchange, Upstream, A("www.example.com", 500)(query.Message), Now);
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
        Assert.False(Resolver.TryTakeOutput(out _));
        Assert.NotNull(Ask("hot.example.com"));
        Assert.NotNull(Ask("hot.example.com"));
        Reply(A("hot.example.com", 100));
        Assert.Equal(1, Resolver.Counters.Prefetches);
        Drain();
        Pass(seconds: 50);
        Assert.Equal("Answer hot.example.com. A 50 c0000201", Zone.Lines(Ask("hot.example.com")!)[0]);
    }

    [Fact]
    public void Without_a_way_to_the_upstreams_questions_fail_at_once_also_those_that_wait()
    {
        Ask("www.example.com");
        TakeQuery();
        Resolver.SetConnected(false, Now);
        AssertCode(ResponseCode.ServerFailure, TakeAnswer());
        AssertCode(ResponseCode.ServerFailure, Ask("www.example.com")!);
        Resolver.SetConnected(true, Now);
        Assert.Null(Ask("www.example.com"));
    }

    [Fact]
    public void What_waits_is_bounded()
    {
        Resolver = Make(Options with { MaxPending = 3, MaxWaiting = 2 });
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
        Assert.False(Resolver.TryTakeOutput(out _));
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
        Resolver = Make(Options with { Rule = (name, _) => DomainName.IsAtOrBelow(name, Zone.Name("ads.example.com")) ? NameRuling.Blocked : NameRuling.Resolve });
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
        Assert.Equal(0, Resolver.Pending);
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
    public void Garbage_from_clients_and_upstreams_leaves_it_working_and_within_its_bounds()
    {
        var random = new SeededRandom(9);
        var noise = new byte[80];
        var room = new byte[1232];
        for (var i = 0; i < 20_000; i++)
        {
            random.Fill(noise);
            var query = i % 2 == 0 ? noise.AsSpan(0, random.NextInt(80)) : Zone.Query($"{i % 100}.example.com");
            Resolver.Ask(query, Carrier.Datagram, null, room, Now, out _);
            while (Resolver.TryTakeOutput(out var output))
                if (output.Action == ResolverAction.SendDatagram && random.NextInt(2) == 0)
                {
                    byte[] answer = [.. A("x", 1)(output.Message)];
                    answer[random.NextInt(answer.Length)] = noise[0];
                    Resolver.HandleDatagram(output.Exchange, Upstream, answer, Now);
                }
                else if (output.Action == ResolverAction.SendStream)
                {
                    Resolver.HandleStream(output.Exchange, noise, Now);
                }
            Pass(seconds: 0.2);
            Assert.InRange(Resolver.Pending, 0, 512);
        }
        Pass(seconds: 10);
        Pass(seconds: 10);
        Assert.Equal(0, Resolver.Pending);
        Assert.Equal(Instant.Never, Resolver.NextTimeout);
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
        var hits = 0;
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++)
                hits += resolver.Ask(query, Carrier.Datagram, null, room, now, out _) == AskVerdict.Answered ? 1 : 0;
        }));
        Assert.Equal(100 * Allocations.Rounds, hits);
    }
}
