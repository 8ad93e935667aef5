using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.NetStack.Tests.Dns;

public sealed class AnswerCacheTests
{
    static readonly Instant Start = Instant.FromUnixSeconds(1000);
    static readonly byte[] Query = Zone.Query("www.example.com");
    static readonly ClientQuery Client = new(7, HeaderFlags.RecursionDesired, Carrier.Datagram, HasEdns: false, default);

    [Fact]
    public void A_told_ttl_is_the_one_that_came_less_the_age()
    {
        var kept = Read(Zone.Answer(Query, answers: [Zone.A("www.example.com", 100, "192.0.2.1"), Zone.A("www.example.com", 50, "192.0.2.2")]));
        Assert.Equal(TimeSpan.FromSeconds(50), kept.Lifetime);
        Assert.Equal(["Answer www.example.com. A 57 c0000201", "Answer www.example.com. A 7 c0000202"], Told(kept, 42.9));
    }

    [Fact]
    public void A_ttl_below_the_shortest_is_kept_longer_but_never_told_longer()
    {
        var kept = Read(Zone.Answer(Query, answers: [Zone.A("www.example.com", 2, "192.0.2.1")]));
        Assert.Equal(TimeSpan.FromSeconds(5), kept.Lifetime);
        Assert.Equal(["Answer www.example.com. A 0 c0000201"], Told(kept, 4));
    }

    [Theory]
    [InlineData(86401u)]
    [InlineData(0x80000001u)]
    public void A_ttl_above_the_longest_is_cut(uint ttl)
    {
        var kept = Read(Zone.Answer(Query, answers: [Zone.A("www.example.com", ttl, "192.0.2.1")]));
        Assert.Equal(["Answer www.example.com. A 86400 c0000201"], Told(kept, 0));
    }

    [Theory]
    [InlineData(ResponseCode.NoSuchName)]
    [InlineData(ResponseCode.NoError)]
    public void What_is_not_lives_as_long_as_the_lesser_of_the_ttl_and_minimum_of_the_soa(ResponseCode code)
    {
        var kept = Read(Zone.Answer(Query, code, authority: [Zone.Soa("example.com", 900, 300)]));
        Assert.Equal(TimeSpan.FromSeconds(300), kept.Lifetime);
        Assert.StartsWith("Authority example.com. Soa 290 ", Assert.Single(Told(kept, 10)), StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromHours(1), Read(Zone.Answer(Query, code, authority: [Zone.Soa("example.com", 90000, 90000)])).Lifetime);
    }

    [Theory]
    [InlineData(ResponseCode.NoSuchName)]
    [InlineData(ResponseCode.NoError)]
    public void Nothing_without_an_soa_is_not_kept(ResponseCode code)
    {
        Assert.NotNull(Read(Zone.Answer(Query, code), out var mayKeep));
        Assert.False(mayKeep);
    }

    [Fact]
    public void An_alias_to_nothing_lives_as_long_as_its_shortest_part()
    {
        var kept = Read(Zone.Answer(Query, ResponseCode.NoSuchName,
            answers: [Zone.Record("www.example.com", RecordType.Cname, 30, Zone.Name("x.example.com"))], authority: [Zone.Soa("example.com", 900, 300)]));
        Assert.Equal(TimeSpan.FromSeconds(30), kept.Lifetime);
    }

    [Fact]
    public void The_client_finds_the_question_as_it_wrote_it_also_in_the_records_that_point_to_it()
    {
        var kept = Read(Zone.Answer(Query, answers: [[0xc0, 12, .. Zone.A("", 9, "192.0.2.1")[1..]]]));
        var room = new byte[1232];
        var length = kept.Write(Client, Zone.Query("WWW.Example.COM").AsSpan(12), 0, room, Start);
        Assert.Equal(["Answer WWW.Example.COM. A 9 c0000201"], Zone.Lines(room.AsSpan(0, length)));
    }

    [Fact]
    public void The_case_of_names_in_records_is_kept()
    {
        var kept = Read(Zone.Answer(Query, answers: [Zone.Record("www.example.com", RecordType.Cname, 9, Zone.Name("CDN.Example.Com"))]));
        Assert.Equal("Answer www.example.com. Cname 9 0343444e074578616d706c6503436f6d00", Assert.Single(Told(kept, 0)));
    }

    [Fact]
    public void A_large_answer_loses_its_additional_section_then_everything()
    {
        var text = new byte[251];
        text[0] = 250;
        byte[] txt = Zone.Record("www.example.com", RecordType.Txt, 9, text);
        var withExtra = Read(Zone.Answer(Query, answers: [txt], additional: [txt, Zone.Opt(512)]));
        Assert.Single(Told(withExtra, 0));
        Assert.Equal(2, Told(withExtra, 0, Client with { Carrier = Carrier.Stream }).Count);

        var large = Read(Zone.Answer(Query, answers: [txt, txt]));
        var room = new byte[1232];
        var length = large.Write(Client, Query.AsSpan(12), 0, room, Start);
        Assert.True(MessageView.TryParse(room.AsSpan(0, length), out var view));
        Assert.True(view.Flags.HasFlag(HeaderFlags.Truncated));
        Assert.Equal(0, view.Count(Section.Answer));
        Assert.Equal(2, Told(large, 0, Client with { HasEdns = true, Edns = new Edns(65535, 0, 0, false) }).Count(l => l.Contains("Txt", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_opt_of_the_upstream_stays_behind()
    {
        var subnet = Zone.Opt(4096, options: [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]);
        var kept = Read(Zone.Answer(Query, answers: [Zone.A("www.example.com", 9, "192.0.2.1")], additional: [subnet]));
        Assert.Single(Told(kept, 0));
        Assert.Equal(["Answer www.example.com. A 9 c0000201", "Additional . Opt 0 "],
            Told(kept, 0, Client with { HasEdns = true, Edns = new Edns(4096, 0, 0, false) }));
    }

    [Fact]
    public void Denied_addresses_are_left_out_and_what_is_left_is_no_data()
    {
        var reader = new AnswerReader(new AnswerLimits(), address => address == IpAddress.Parse("10.0.0.1"));
        Assert.True(MessageView.TryParse(Zone.Answer(Query, more: HeaderFlags.AuthenticData, answers: [Zone.A("www.example.com", 9, "10.0.0.1")]), out var view));
        var kept = reader.Read(view, view.Question, Start, out var mayKeep)!;
        Assert.True(mayKeep);
        Assert.Empty(Told(kept, 0, Client with { Flags = HeaderFlags.RecursionDesired | HeaderFlags.AuthenticData }));
        Assert.Equal(TimeSpan.FromSeconds(60), kept.Lifetime);
    }

    [Fact]
    public void A_service_binding_that_hints_at_a_denied_address_is_left_out()
    {
        var reader = new AnswerReader(new AnswerLimits(), address => address == IpAddress.Parse("10.0.0.1"));
        byte[] Https(params byte[] hint) => Zone.Record("www.example.com", RecordType.Https, 9, [0, 1, 0, 0, 1, 0, 3, 2, (byte)'h', (byte)'2', 0, 4, 0, 8, 1, 2, 3, 4, .. hint]);
        Assert.True(MessageView.TryParse(Zone.Answer(Query, answers: [Https(10, 0, 0, 1), Https(10, 0, 0, 2)]), out var view));
        Assert.Single(Told(reader.Read(view, view.Question, Start, out _)!, 0));
    }

    [Fact]
    public void The_bytes_stay_within_the_limit_and_the_longest_unused_goes_first()
    {
        var cache = new AnswerCache(new AnswerLimits { Bytes = 20_000 });
        var first = Key("0.example.com");
        for (var i = 0; i < 500; i++)
        {
            var name = $"{i}.example.com";
            cache.Store(Key(name), Read(Zone.Answer(Zone.Query(name), answers: [Zone.A(name, 900, "192.0.2.1")])));
            Assert.NotNull(cache.Find(first, Start));
            Assert.InRange(cache.Bytes, 0, 20_000);
        }
        Assert.Null(cache.Find(Key("1.example.com"), Start));
        Assert.NotNull(cache.Find(Key("499.example.com"), Start));
        Assert.InRange(cache.Count, 40, 80);
    }

    [Fact]
    public void An_answer_is_gone_when_its_stale_time_has_passed()
    {
        var cache = new AnswerCache(new AnswerLimits());
        cache.Store(Key("www.example.com"), Read(Zone.Answer(Query, answers: [Zone.A("www.example.com", 60, "192.0.2.1")])));
        Assert.NotNull(cache.Find(Key("www.example.com"), Start + TimeSpan.FromSeconds(86400 + 59)));
        Assert.Null(cache.Find(Key("www.example.com"), Start + TimeSpan.FromSeconds(86400 + 60)));
        Assert.Equal((0, 0), (cache.Count, cache.Bytes));
    }

    [Fact]
    public void What_is_replaced_counts_once()
    {
        var cache = new AnswerCache(new AnswerLimits());
        for (var i = 0; i < 3; i++)
            cache.Store(Key("www.example.com"), Read(Zone.Answer(Query, answers: [Zone.A("www.example.com", 60, "192.0.2.1")])));
        Assert.Equal(1, cache.Count);
        Assert.InRange(cache.Bytes, 1, 400);
    }
    static byte[] Key(string name) => [.. Zone.Name(name), 0, 1, 0, 1, 0];

    static CachedAnswer Read(byte[] answer) => Read(answer, out _) ?? throw new InvalidOperationException();

    static CachedAnswer? Read(byte[] answer, out bool mayKeep)
    {
        Assert.True(MessageView.TryParse(answer, out var view));
        return new AnswerReader(new AnswerLimits(), isDenied: null).Read(view, view.Question, Start, out mayKeep);
    }

    static List<string> Told(CachedAnswer kept, double age, ClientQuery? client = null)
    {
        var room = new byte[65536];
        return Zone.Lines(room.AsSpan(0, kept.Write(client ?? Client, Query.AsSpan(12), 0, room, Start + TimeSpan.FromSeconds(age))));
    }
}
