using System.Text;
using Macro.Core;

namespace Macro.NetStack.Tests.Socks;

public sealed class Socks5Tests
{
    [Theory]
    [InlineData("0501000100000000000050", Socks5Reply.GeneralFailure, null)]
    [InlineData("05010001c633640700 50", Socks5Reply.Succeeded, "198.51.100.7:80")]
    [InlineData("0501000420010db8000000000000000000000007 01bb", Socks5Reply.Succeeded, "[2001:db8::7]:443")]
    [InlineData("050100030b 7765622e6578616d706c65 0050", Socks5Reply.Succeeded, "web.example:80")]
    [InlineData("050100030c 5745422e4578616d706c652e 0050", Socks5Reply.Succeeded, "web.example:80")]
    [InlineData("0501000309 3132372e302e302e31 0050", Socks5Reply.Succeeded, "127.0.0.1:80")]
    [InlineData("0501000300 0050", Socks5Reply.GeneralFailure, null)]
    [InlineData("050100030120 0050", Socks5Reply.GeneralFailure, null)]
    [InlineData("05010001c6336407 0000", Socks5Reply.GeneralFailure, "198.51.100.7:0")]
    [InlineData("05020001c6336407 0050", Socks5Reply.CommandNotSupported, "198.51.100.7:80")]
    [InlineData("05090001c6336407 0050", Socks5Reply.CommandNotSupported, "198.51.100.7:80")]
    [InlineData("0503000100000000 0000", Socks5Reply.Succeeded, "0.0.0.0:0")]
    public void Reads_a_request(string hex, Socks5Reply refusal, string? target)
    {
        var bytes = Convert.FromHexString(hex.Replace(" ", ""));

        var verdict = Socks5.TryParseRequest(bytes, out _, out var read, out var said, out var length);

        Assert.Equal(InputVerdict.Complete, verdict);
        Assert.Equal(refusal, said);
        if (refusal == Socks5Reply.Succeeded)
            Assert.Equal(bytes.Length, length);
        if (target is not null)
            Assert.Equal(target, read.ToString());
    }

    [Fact]
    public void An_unknown_type_of_address_is_malformed_and_says_so()
    {
        Assert.Equal(InputVerdict.Malformed, Socks5.TryParseRequest([5, 1, 0, 9], out _, out _, out var refusal, out _));
        Assert.Equal(Socks5Reply.AddressTypeNotSupported, refusal);
    }

    [Theory]
    [InlineData("0501 00", Socks5Methods.NoAuthentication)]
    [InlineData("0502 0002", Socks5Methods.NoAuthentication | Socks5Methods.UserName)]
    [InlineData("0501 01", Socks5Methods.None)]
    [InlineData("0500", Socks5Methods.None)]
    public void Reads_a_greeting(string hex, Socks5Methods methods)
    {
        Assert.Equal(InputVerdict.Complete, Socks5.TryParseGreeting(Convert.FromHexString(hex.Replace(" ", "")), out var read, out _));
        Assert.Equal(methods, read);
    }

    [Fact]
    public void A_user_name_is_the_key_and_the_password_is_passed_over()
    {
        byte[] bytes = [1, 5, .. "alice"u8, 6, .. "secret"u8, 0xff];

        Assert.Equal(InputVerdict.Complete, Socks5.TryParseCredentials(bytes, out var key, out var length));
        Assert.Equal("alice", key);
        Assert.Equal(bytes.Length - 1, length);
    }

    [Fact]
    public void A_user_name_that_is_not_UTF8_is_refused_lest_two_become_one()
    {
        Assert.Equal(InputVerdict.Malformed, Socks5.TryParseCredentials([1, 1, 0xe9, 0], out _, out _));
        Assert.Equal(InputVerdict.Malformed, Socks5.TryParseCredentials([1, 1, 10, 0], out _, out _));
    }

    [Fact]
    public void Every_proper_beginning_of_a_message_is_incomplete()
    {
        byte[][] requests = [[5, 1, 0, 1, 1, 2, 3, 4, 0, 80], [5, 1, 0, 3, 3, .. "a.b"u8, 0, 80], [5, 1, 0, 4, .. new byte[15], 1, 0, 80]];
        foreach (var request in requests)
            for (var cut = 0; cut < request.Length; cut++)
                Assert.Equal(InputVerdict.Incomplete, Socks5.TryParseRequest(request.AsSpan(0, cut), out _, out _, out _, out _));
        byte[] greeting = [5, 3, 0, 1, 2], credentials = [1, 2, .. "ab"u8, 3, .. "cde"u8];
        for (var cut = 0; cut < greeting.Length; cut++)
            Assert.Equal(InputVerdict.Incomplete, Socks5.TryParseGreeting(greeting.AsSpan(0, cut), out _, out _));
        for (var cut = 0; cut < credentials.Length; cut++)
            Assert.Equal(InputVerdict.Incomplete, Socks5.TryParseCredentials(credentials.AsSpan(0, cut), out _, out _));
    }

    [Theory]
    [InlineData("192.0.2.1:53")]
    [InlineData("[2001:db8::1]:53")]
    public void What_is_written_before_a_datagram_is_read_again(string text)
    {
        var endpoint = Endpoint.Parse(text);
        var header = new byte[Socks5.MaxReply];
        var length = Socks5.WriteDatagramHeader(header, endpoint);

        Assert.True(Socks5.TryParseDatagram([.. header[..length], 1, 2], out var target, out var read));
        Assert.Equal(length, read);
        Assert.Equal(endpoint, new Endpoint(target.Address, target.Port));
        header[2] = 1;
        Assert.False(Socks5.TryParseDatagram(header.AsSpan(0, length), out _, out _));
    }

    [Fact]
    public void An_answer_without_an_address_has_zeros()
    {
        var reply = new byte[Socks5.MaxReply];

        Assert.Equal(Convert.FromHexString("05000001000000000000"), reply[..Socks5.WriteReply(reply, Socks5Reply.Succeeded, default)]);
    }

    [Theory]
    [InlineData("04010050c6336407 616c69636500", "alice", "198.51.100.7:80")]
    [InlineData("0401005000000001 00 7765622e6578616d706c6500", "", "web.example:80")]
    [InlineData("0401005000000001 6200 7765622e6578616d706c6500", "b", "web.example:80")]
    public void Reads_requests_of_SOCKS_4(string hex, string key, string target)
    {
        var bytes = Convert.FromHexString(hex.Replace(" ", ""));

        Assert.Equal(InputVerdict.Complete, Socks4.TryParseRequest(bytes, out var user, out var read, out var supported, out var length));
        Assert.True(supported);
        Assert.Equal((key, target, bytes.Length), (user, read.ToString(), length));
        for (var cut = 0; cut < bytes.Length; cut++)
            Assert.Equal(InputVerdict.Incomplete, Socks4.TryParseRequest(bytes.AsSpan(0, cut), out _, out _, out _, out _));
    }

    [Theory]
    [InlineData("04020050c6336407 00")]
    [InlineData("0401005000000000 00")]
    [InlineData("04010000c6336407 00")]
    [InlineData("0401005000000001 00 2000")]
    public void Refuses_requests_of_SOCKS_4_that_it_cannot_serve(string hex)
    {
        Assert.Equal(InputVerdict.Complete, Socks4.TryParseRequest(Convert.FromHexString(hex.Replace(" ", "")), out _, out _, out var supported, out _));
        Assert.False(supported);
    }

    [Fact]
    public void A_text_of_SOCKS_4_without_end_is_too_long()
    {
        byte[] user = [4, 1, 0, 80, 1, 2, 3, 4, .. Encoding.ASCII.GetBytes(new string('u', 256))];
        byte[] name = [4, 1, 0, 80, 0, 0, 0, 1, 0, .. Encoding.ASCII.GetBytes(new string('n', 256))];

        Assert.Equal(InputVerdict.TooLong, Socks4.TryParseRequest(user, out _, out _, out _, out _));
        Assert.Equal(InputVerdict.TooLong, Socks4.TryParseRequest(name, out _, out _, out _, out _));
    }

    [Theory]
    [InlineData("127.1")]
    [InlineData("2130706433")]
    [InlineData("0x7f.0.0.1")]
    [InlineData("0177.0.0.1")]
    [InlineData("1.2.3.4.5")]
    [InlineData("a..b")]
    [InlineData(".a")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("ä.example")]
    [InlineData("fe80::1%eth0")]
    [InlineData("[::1")]
    [InlineData(".")]
    public void A_host_that_readers_might_understand_differently_is_refused(string host) =>
        Assert.False(ProxyTarget.TryParse(Encoding.UTF8.GetBytes(host), 80, out _));

    [Fact]
    public void Names_have_the_bounds_of_the_DNS()
    {
        var label = new string('a', 63);

        Assert.True(ProxyTarget.TryParse(Encoding.ASCII.GetBytes($"{label}.{label}.{label}.{label[..61]}"), 80, out _));
        Assert.False(ProxyTarget.TryParse(Encoding.ASCII.GetBytes($"{label}.{label}.{label}.{label[..62]}"), 80, out _));
        Assert.False(ProxyTarget.TryParse(Encoding.ASCII.GetBytes(label + "a.example"), 80, out _));
    }
}
