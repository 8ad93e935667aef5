namespace Macro.Core.Tests;

public class EndpointTests
{
    [Theory]
    [InlineData("192.0.2.1:51820")]
    [InlineData("0.0.0.0:0")]
    [InlineData("[2001:db8::1]:65535")]
    public void Text_survives(string text) => Assert.Equal(text, Endpoint.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":80")]
    [InlineData("192.0.2.1")]
    [InlineData("192.0.2.1:")]
    [InlineData("192.0.2.1:65536")]
    [InlineData("192.0.2.1:-1")]
    [InlineData("192.0.2.1:+1")]
    [InlineData("192.0.2.1: 80")]
    [InlineData("192.0.2.1:80 ")]
    [InlineData("192.0.2.1:0x50")]
    [InlineData("[192.0.2.1]:80")]
    [InlineData("2001:db8::1:80")]
    [InlineData("[2001:db8::1]")]
    [InlineData("[2001:db8::1]80")]
    [InlineData("[[::1]]:80")]
    [InlineData("[]:80")]
    [InlineData("[::1%lo]:80")]
    [InlineData("example.org:80")]
    public void Hostile_text_is_refused(string text) => Assert.False(Endpoint.TryParse(text, out _), text);

    [Fact]
    public void None_is_not_an_endpoint() => Assert.True(default(Endpoint).IsNone);
}
