using System.Text;

namespace Macro.NetStack.Tests.Http;

public sealed class HttpRequestHeadTests
{
    [Theory]
    [InlineData("GET http://web.example/a?b HTTP/1.1\r\nHost: x\r\n\r\n", "web.example:80", "/a?b")]
    [InlineData("GET HTTP://Web.Example:8080 HTTP/1.1\r\n\r\n", "web.example:8080", "")]
    [InlineData("GET http://[2001:db8::7]:81/ HTTP/1.1\r\n\r\n", "[2001:db8::7]:81", "/")]
    [InlineData("GET http://web.example?x HTTP/1.0\r\n\r\n", "web.example:80", "?x")]
    [InlineData("CONNECT web.example:443 HTTP/1.1\r\n\r\n", "web.example:443", "")]
    [InlineData("CONNECT 198.51.100.7:443 HTTP/1.1\r\n\r\n", "198.51.100.7:443", "")]
    public void Reads_where_a_request_wants_to_go(string text, string target, string path)
    {
        Assert.Equal(InputVerdict.Complete, HttpRequestHead.TryParse(Encoding.ASCII.GetBytes(text), out var head, out var length));
        Assert.True(head.TryReadTarget(out var read));
        Assert.Equal((target, path, text.Length), (read.ToString(), Encoding.ASCII.GetString(head.Path), length));
    }

    [Theory]
    [InlineData("GET  http://a/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://a/ HTTP/2.0\r\n\r\n")]
    [InlineData("GET http://a/\r\n\r\n")]
    [InlineData("G(T http://a/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET ftp://a/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://a/#x HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://a/ HTTP/1.1\r\nX : y\r\n\r\n")]
    [InlineData("GET http://a/ HTTP/1.1\r\nX: y\r\n folded\r\n\r\n")]
    [InlineData("GET http://a/ HTTP/1.1\r\nX: y\nZ: w\r\n\r\n")]
    [InlineData("GET http://a/ HTTP/1.1\nX: y\n\n")]
    [InlineData("GET http://a/ HTTP/1.1\r\nX: y\rz\r\n\r\n")]
    [InlineData("GET http://a/ HTTP/1.1\r\nX: \0\r\n\r\n")]
    [InlineData("GET http://a/ HTTP/1.1\r\nnocolon\r\n\r\n")]
    [InlineData("POST http://a/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n")]
    [InlineData("POST http://a/ HTTP/1.1\r\nContent-Length: +1\r\n\r\n")]
    [InlineData("POST http://a/ HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n")]
    [InlineData("POST http://a/ HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n")]
    [InlineData("POST http://a/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")]
    [InlineData("POST http://a/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")]
    [InlineData("POST http://a/ HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n")]
    [InlineData("POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")]
    public void What_readers_might_understand_differently_is_malformed(string text) =>
        Assert.Equal(InputVerdict.Malformed, HttpRequestHead.TryParse(Encoding.ASCII.GetBytes(text), out _, out _));

    [Theory]
    [InlineData("GET http://user@a/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http:/// HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://a:/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://a:0/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://a:65536/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://a:80:80/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://2001:db8::7/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://[web.example]/ HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT web.example HTTP/1.1\r\n\r\n")]
    [InlineData("CONNECT / HTTP/1.1\r\n\r\n")]
    public void An_authority_that_is_none_is_no_target(string text)
    {
        Assert.Equal(InputVerdict.Complete, HttpRequestHead.TryParse(Encoding.ASCII.GetBytes(text), out var head, out _));
        Assert.False(head.TryReadTarget(out _));
    }

    [Fact]
    public void The_server_gets_a_clean_head()
    {
        var written = Rewrite(
            "POST http://web.example:8080/a HTTP/1.1\r\nHost: other.example\r\nAccept: */*\r\nConnection: keep-alive, X-Mine, content-length\r\n"
            + "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic YTpi\r\nX-Mine: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nKeep-Alive: 5\r\nContent-Length: 3\r\n\r\n");

        Assert.Equal("POST /a HTTP/1.1\r\nHost: web.example:8080\r\nAccept: */*\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", written);
    }

    [Theory]
    [InlineData("GET http://a HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")]
    [InlineData("GET http://a?q HTTP/1.0\r\n\r\n", "GET /?q HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n")]
    [InlineData("OPTIONS http://a HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")]
    public void The_target_is_written_in_origin_form(string text, string expected) => Assert.Equal(expected, Rewrite(text));

    [Theory]
    [InlineData("Basic YWxpY2U6c2VjcmV0", "alice")]
    [InlineData("basic  OnNlY3JldA==", "")]
    [InlineData("Basic w6QuOg==", "ä.")]
    [InlineData("Basic YWxpY2U=", null)]
    [InlineData("Basic !!!!", null)]
    [InlineData("Bearer x", null)]
    [InlineData("Basic", null)]
    [InlineData("Basic 6To=", null)]
    public void The_user_name_of_Basic_is_the_key(string credentials, string? expected)
    {
        var text = Encoding.ASCII.GetBytes($"CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: {credentials}\r\n\r\n");
        Assert.Equal(InputVerdict.Complete, HttpRequestHead.TryParse(text, out var head, out _));

        Assert.Equal(expected is not null, head.TryReadUser(out var key));
        if (expected is not null)
            Assert.Equal(expected, key);
    }

    [Fact]
    public void Two_authorizations_are_none()
    {
        var text = "CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\nProxy-Authorization: Basic YzpkCg==\r\n\r\n"u8;
        HttpRequestHead.TryParse(text, out var head, out _);

        Assert.False(head.TryReadUser(out _));
    }

    [Fact]
    public void Every_proper_beginning_is_incomplete_and_the_bound_holds()
    {
        var text = "GET http://a/ HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"u8;
        for (var cut = 0; cut < text.Length; cut++)
            Assert.Equal(InputVerdict.Incomplete, HttpRequestHead.TryParse(text[..cut], out _, out _));

        var endless = new byte[HttpRequestHead.MaxSize];
        endless.AsSpan().Fill((byte)'A');
        Assert.Equal(InputVerdict.TooLong, HttpRequestHead.TryParse(endless, out _, out _));
        Assert.Equal(InputVerdict.Incomplete, HttpRequestHead.TryParse(endless.AsSpan(1), out _, out _));
    }

    [Fact]
    public void An_answer_is_cleaned_and_says_that_the_connection_ends()
    {
        var text = "HTTP/1.1 200 OK\r\nServer: x\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"u8;
        Assert.Equal(InputVerdict.Complete, HttpResponseHead.TryParse(text, out var head, out _));
        var room = new byte[text.Length + 64];

        Assert.True(head.TryWriteForClient(room, out var length));
        Assert.Equal(
            "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n", Encoding.ASCII.GetString(room, 0, length));
    }

    [Theory]
    [InlineData("HTTP/1.1 200\r\n\r\n", InputVerdict.Complete)]
    [InlineData("HTTP/1.1 20 OK\r\n\r\n", InputVerdict.Malformed)]
    [InlineData("HTTP/2 200 OK....\r\n\r\n", InputVerdict.Malformed)]
    [InlineData("ICY 200 OK\r\n\r\n", InputVerdict.Malformed)]
    [InlineData("HTTP/1.1 200 OK\n\nbody\r\n\r\n", InputVerdict.Malformed)]
    [InlineData("HTTP/1.1 200 OK\r\nbad\r\n\r\n", InputVerdict.Malformed)]
    public void Reads_the_first_line_of_an_answer(string text, InputVerdict verdict) =>
        Assert.Equal(verdict, HttpResponseHead.TryParse(Encoding.ASCII.GetBytes(text), out _, out _));

    static string Rewrite(string text)
    {
        Assert.Equal(InputVerdict.Complete, HttpRequestHead.TryParse(Encoding.ASCII.GetBytes(text), out var head, out _));
        var room = new byte[text.Length + 64];
        Assert.True(head.TryWriteForServer(room, out var length));
        return Encoding.ASCII.GetString(room, 0, length);
    }
}
