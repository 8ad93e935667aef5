using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard.Tests;

public class HandshakeGateTests
{
    [Fact]
    public void Under_load_an_initiator_earns_a_session_with_a_cookie()
    {
        var pair = new Pair();
        pair.Bob.UnderLoad = true;

        pair.Alice.Send(1);
        pair.Run(1);
        Assert.Equal([GateVerdict.ReplyCookie], pair.Bob.Verdicts);
        Assert.Equal(1, pair.Bob.CountSent(MessageType.CookieReply));
        Assert.Equal(0, pair.Bob.CountSent(MessageType.Response));
        pair.Run(5);

        Assert.Equal([GateVerdict.ReplyCookie, GateVerdict.Accept], pair.Bob.Verdicts);
        Assert.Single(pair.Bob.Delivered);
    }

    [Fact]
    public void Under_load_the_initiator_asks_for_a_cookie_too()
    {
        var pair = new Pair();
        pair.Alice.UnderLoad = true;

        pair.Alice.Send(1);
        pair.Run(12);

        Assert.Equal([GateVerdict.ReplyCookie, GateVerdict.Accept], pair.Alice.Verdicts);
        Assert.Single(pair.Bob.Delivered);
    }

    [Fact]
    public void A_cookie_is_worth_nothing_at_another_address()
    {
        var pair = new Pair();
        pair.Bob.UnderLoad = true;
        pair.Alice.Send(1);
        pair.Run(1);
        pair.Alice.Endpoint = Endpoint.Parse("198.51.100.9:9");
        pair.Run(5);

        Assert.Equal([GateVerdict.ReplyCookie, GateVerdict.ReplyCookie], pair.Bob.Verdicts);
    }

    [Fact]
    public void A_cookie_expires_after_two_minutes()
    {
        var pair = new Pair();
        pair.Bob.UnderLoad = true;
        pair.Alice.Send(1);
        pair.Run(6);
        Assert.Equal(GateVerdict.Accept, pair.Bob.Verdicts[^1]);

        pair.Run(120);
        pair.Alice.Initiate();
        pair.Run(1);

        Assert.Equal(GateVerdict.ReplyCookie, pair.Bob.Verdicts[^1]);
    }

    [Fact]
    public void A_cookie_reply_to_another_message_is_ignored()
    {
        var pair = new Pair();
        pair.Bob.UnderLoad = true;
        pair.Alice.Send(1);
        pair.Run(1);
        var reply = pair.Bob.Sent.Single().Datagram;
        pair.Alice.Receive(reply, pair.Bob.Endpoint);

        Assert.Equal([DropReason.NotAuthentic], pair.Alice.Drops);
    }

    [Fact]
    public void A_message_for_another_key_is_met_with_silence()
    {
        var pair = new Pair();
        pair.Alice.Send(1);
        using var other = new HandshakeGate(PrivateKey.Generate(pair.Random), pair.Random);

        var verdict = other.Check(pair.Alice.Sent[0].Datagram, pair.Alice.Endpoint, underLoad: true, pair.Now, new byte[64], out var length);

        Assert.Equal(GateVerdict.WrongKey, verdict);
        Assert.Equal(0, length);
    }

    [Fact]
    public void Two_keys_may_be_live_at_once()
    {
        var pair = new Pair();
        pair.Alice.Send(1);
        using var old = new HandshakeGate(PrivateKey.Generate(pair.Random), pair.Random);
        var initiation = pair.Alice.Sent[0].Datagram;

        Assert.False(old.TryReadInitiation(initiation, pair.Now, out _));
        Assert.True(pair.Bob.Gate.TryReadInitiation(initiation, pair.Now, out var read));
        Assert.Equal(pair.AliceKey.PublicKey, read.Remote);
    }

    [Fact]
    public void A_source_gets_five_at_once_and_twenty_a_second()
    {
        var limiter = new SourceLimiter();
        var source = IpAddress.Parse("192.0.2.1");
        Assert.Equal(5, Enumerable.Range(0, 100).Count(_ => limiter.Allow(source, Pair.Start)));
        Assert.True(limiter.Allow(IpAddress.Parse("192.0.2.2"), Pair.Start));

        var allowed = Enumerable.Range(1, 1000).Count(ms => limiter.Allow(source, Pair.Start + TimeSpan.FromMilliseconds(ms)));

        Assert.Equal(20, allowed);
    }

    [Fact]
    public void An_ipv6_source_is_its_64()
    {
        var limiter = new SourceLimiter();
        for (var i = 0; i < 5; i++)
            Assert.True(limiter.Allow(IpAddress.Parse($"2001:db8::{i}"), Pair.Start));

        Assert.False(limiter.Allow(IpAddress.Parse("2001:db8::ffff"), Pair.Start));
        Assert.True(limiter.Allow(IpAddress.Parse("2001:db8:0:1::"), Pair.Start));
    }

    [Fact]
    public void The_table_of_sources_is_bounded_and_forgets()
    {
        var limiter = new SourceLimiter(capacity: 100);
        var allowed = Enumerable.Range(0, 1000).Count(i => limiter.Allow(IpAddress.FromV4((uint)i), Pair.Start));
        Assert.Equal(100, allowed);
        Assert.Equal(100, limiter.Count);

        Assert.True(limiter.Allow(IpAddress.FromV4(5000), Pair.Start + TimeSpan.FromSeconds(1)));
        Assert.Equal(1, limiter.Count);
    }
}
