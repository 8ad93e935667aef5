using System.Net;
using System.Net.Sockets;
using Macro.Circuits;
using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.UserMode.Tests.Resolver;

public sealed class ResolverTests
{
    [Fact]
    public void A_question_goes_through_the_circuit_and_the_next_does_not()
    {
        using var rig = new ResolverRig();
        Assert.Equal(1, Answers(rig.Ask("www.example.com"), out var code));
        Assert.Equal(ResponseCode.NoError, code);
        var sent = rig.Sent;
        Assert.Equal(1, sent);
        Assert.Equal(1, Answers(rig.Ask("WWW.example.com"), out _));
        Assert.Equal(sent, rig.Sent);
        Assert.Equal([IsolationKey.Shared], rig.Opened);
    }

    [Fact]
    public void What_is_not_there_is_told_so()
    {
        using var rig = new ResolverRig();
        Assert.Equal(0, Answers(rig.Ask("none.example.com"), out var code));
        Assert.Equal(ResponseCode.NoSuchName, code);
        Assert.Equal(0, Answers(rig.Ask("www.example.com", RecordType.Aaaa), out code));
        Assert.Equal(ResponseCode.NoError, code);
    }

    [Fact]
    public void A_large_answer_comes_in_streams_all_the_way()
    {
        using var rig = new ResolverRig();
        var answer = rig.Ask("large.example.com", edns: 1232);
        Assert.True(MessageView.TryParse(answer, out var view));
        Assert.True(view.Flags.HasFlag(HeaderFlags.Truncated));
        Assert.Equal(100, Answers(rig.Ask("large.example.com", stream: true), out _));
        Assert.Equal(100, Answers(rig.Ask("large2.example.com", stream: true), out _));
    }

    [Fact]
    public void Streams_on_which_nothing_is_asked_keep_nobody_out()
    {
        using var rig = new ResolverRig();
        var silent = Enumerable.Range(0, 300).Select(_ => new TcpClient()).ToList();
        silent.ForEach(client => client.Connect(IPAddress.Loopback, rig.Client.Endpoints[0].Port));

        Assert.Equal(1, Answers(rig.Ask("www.example.com", stream: true), out _));

        silent.ForEach(client => client.Dispose());
    }

    [Fact]
    public void Every_query_of_the_exit_has_a_port_of_its_own()
    {
        using var rig = new ResolverRig();
        for (var i = 0; i < 20; i++)
            rig.Ask($"{i}.example.com");
        Assert.InRange(rig.Upstream.Ports.Distinct().Count(), 19, 20);
        Assert.NotEqual(Enumerable.Range(rig.Upstream.Ports[0], 20), rig.Upstream.Ports);
    }

    [Fact]
    public void Without_a_circuit_the_answer_is_a_failure_at_once_and_works_again_with_one()
    {
        using var rig = new ResolverRig { Refusal = CircuitRefusal.Down };
        Answers(rig.Ask("www.example.com"), out var code);
        Assert.Equal(ResponseCode.ServerFailure, code);
        Assert.Equal(0, rig.Sent);
        rig.Refusal = CircuitRefusal.None;
        Assert.Equal(1, Answers(rig.Ask("www.example.com"), out _));
    }

    [Fact]
    public void A_circuit_that_is_lost_is_replaced()
    {
        using var rig = new ResolverRig();
        rig.Ask("a.example.com");
        rig.Loop.Enter(rig.LoseCircuit);
        Assert.Equal(1, Answers(rig.Ask("b.example.com"), out _));
        Assert.Equal([IsolationKey.Shared, IsolationKey.Shared], rig.Opened);
    }

    [Fact]
    public void Addresses_that_the_exit_denies_are_left_out()
    {
        using var rig = new ResolverRig(exit: options => options with { IsDenied = address => address == IpAddress.Parse("10.0.0.1") });
        Assert.Equal(0, Answers(rig.Ask("private.example.com"), out var code));
        Assert.Equal(ResponseCode.NoError, code);
    }

    [Fact]
    public void One_session_learns_nothing_from_the_cache_of_another()
    {
        using var rig = new ResolverRig(client: new ClientResolverOptions { BytesPerKey = 0 });
        rig.Ask("www.example.com");
        rig.Ask("www.example.com");
        Assert.Equal(1, rig.Upstream.Queries);
        rig.Loop.Enter(rig.BeAnotherSession);
        rig.Ask("www.example.com");
        Assert.Equal(2, rig.Upstream.Queries);
    }

    [Fact]
    public void Isolation_keys_share_neither_circuit_nor_answers()
    {
        using var rig = new ResolverRig();
        var alice = IsolationKey.Named("alice");
        Assert.Equal(NameVerdict.Found, rig.Resolve("both.example.com", alice).Item1);
        var sent = rig.Sent;
        Assert.Equal(NameVerdict.Found, rig.Resolve("both.example.com", alice).Item1);
        Assert.Equal(sent, rig.Sent);
        Assert.Equal(NameVerdict.Found, rig.Resolve("both.example.com", IsolationKey.Named("bob")).Item1);
        Assert.Equal(2 * sent, rig.Sent);
        Assert.Equal(NameVerdict.Found, rig.Resolve("both.example.com", alice with { ExitRegion = "GB" }).Item1);
        Assert.Equal(3 * sent, rig.Sent);
    }

    [Theory]
    [InlineData("www.example.com", NameVerdict.Found, "192.0.2.1")]
    [InlineData("both.example.com", NameVerdict.Found, "192.0.2.1 2001:db8::1")]
    [InlineData("none.example.com", NameVerdict.NotFound, "")]
    [InlineData("xyz.onion", NameVerdict.NotFound, "")]
    [InlineData("bad..name", NameVerdict.NotFound, "")]
    public void The_proxy_resolves_names(string name, NameVerdict verdict, string addresses)
    {
        using var rig = new ResolverRig();
        var (told, found) = rig.Resolve(name, IsolationKey.Shared);
        Assert.Equal(verdict, told);
        Assert.Equal(addresses, string.Join(' ', found));
    }

    [Fact]
    public void A_thousand_connections_may_wait_for_one_name()
    {
        using var rig = new ResolverRig();
        Assert.All(rig.ResolveAtOnce("www.example.com", 1000), verdict => Assert.Equal(NameVerdict.Found, verdict));
    }

    [Fact]
    public void A_session_that_asks_too_much_is_not_answered()
    {
        using var rig = new ResolverRig(exit: options => options with { QuestionsPerSecond = 1 });
        rig.Ask("1.example.com");
        rig.Ask("2.example.com");
        Answers(rig.Ask("3.example.com"), out var code);
        Assert.True(code == ResponseCode.ServerFailure || rig.Exit.RateLimited > 0);
    }

    static int Answers(byte[] message, out ResponseCode code)
    {
        Assert.True(MessageView.TryParse(message, out var view));
        code = view.ResponseCode;
        return view.Count(Section.Answer);
    }
}

public sealed class ResolvConfTests
{
    [Fact]
    public void Servers_are_read_in_their_order_and_the_rest_is_passed_over() =>
        Assert.Equal(
            ["192.0.2.1:53", "[2001:db8::1]:53"],
            ResolvConf.Parse("# a comment\nsearch example.com\nnameserver 192.0.2.1\nnameserver\tfe80::1%eth0\n  nameserver 2001:db8::1 # x\noptions edns0\n").Select(s => s.ToString()));
}
