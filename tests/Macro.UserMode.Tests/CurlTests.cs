using System.Diagnostics;
using Macro.Circuits;

namespace Macro.UserMode.Tests;

/// <summary>A client that others wrote, in every protocol that the proxy speaks.</summary>
public sealed class CurlTests : IDisposable
{
    readonly TestWorld _world = new();
    readonly WebServer _web = new((head, body) => WebServer.Ok(head.StartsWith("POST", StringComparison.Ordinal) ? $"{body.Length} bytes" : "a page"));

    public CurlTests()
    {
        if (!Linux.Machine.HasProgram("curl"))
            Assert.Skip("There is no curl on this machine.");
    }

    public void Dispose()
    {
        _world.Dispose();
        _web.Dispose();
    }

    [Theory]
    [InlineData("socks5h", "web.example")]
    [InlineData("socks5h", "v4.example")]
    [InlineData("socks5h", "v6.example")]
    [InlineData("socks5", "198.51.100.7")]
    [InlineData("socks5", "[2001:db8::7]")]
    [InlineData("socks4", "198.51.100.7")]
    [InlineData("socks4a", "web.example")]
    [InlineData("http", "web.example")]
    [InlineData("http", "198.51.100.7")]
    [InlineData("http", "[2001:db8::7]")]
    public async Task Fetches_a_page(string scheme, string host) =>
        Assert.Equal("a page", await Curl("--proxy", $"{scheme}://127.0.0.1:{_world.Port}", $"http://{host}:{_web.Port}/path?query"));

    [Fact]
    public async Task Fetches_a_page_through_a_tunnel_of_HTTP() =>
        Assert.Equal("a page", await Curl("--proxytunnel", "--proxy", $"http://127.0.0.1:{_world.Port}", $"http://web.example:{_web.Port}/"));

    [Theory]
    [InlineData("socks5h")]
    [InlineData("http")]
    public async Task Uploads_two_megabytes(string scheme)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, new byte[2 << 20]);

        Assert.Equal("2097152 bytes", await Curl("--proxy", $"{scheme}://127.0.0.1:{_world.Port}", "--data-binary", "@" + file, $"http://web.example:{_web.Port}/"));
        File.Delete(file);
    }

    [Fact]
    public async Task Uploads_in_chunks()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, new byte[100_000]);

        var answer = await Curl("--proxy", $"http://127.0.0.1:{_world.Port}", "-H", "Transfer-Encoding: chunked", "--data-binary", "@" + file, $"http://web.example:{_web.Port}/");

        Assert.EndsWith(" bytes", answer);
        File.Delete(file);
    }

    [Theory]
    [InlineData("socks5h")]
    [InlineData("socks4a")]
    [InlineData("http")]
    public async Task The_user_name_chooses_the_circuit(string scheme)
    {
        await Curl("--proxy", $"{scheme}://alice:x@127.0.0.1:{_world.Port}", $"http://web.example:{_web.Port}/");
        await Curl("--proxy", $"{scheme}://bob:x@127.0.0.1:{_world.Port}", $"http://web.example:{_web.Port}/");

        Assert.Equal([(IsolationKey.Named("alice"), "web.example"), (IsolationKey.Named("bob"), "web.example")], _world.Asked);
        Assert.NotSame(_world.Of("alice").Client, _world.Of("bob").Client);
    }

    [Fact]
    public async Task The_server_sees_nothing_that_was_meant_for_the_proxy()
    {
        await Curl("--proxy", $"http://alice:secret@127.0.0.1:{_world.Port}", "-H", "Connection: keep-alive, X-Private", "-H", "X-Private: yes", $"http://web.example:{_web.Port}/a?b");

        var head = Assert.Single(_web.Heads);
        Assert.StartsWith($"GET /a?b HTTP/1.1\r\nHost: web.example:{_web.Port}\r\n", head);
        Assert.Contains("Connection: close\r\n", head);
        Assert.DoesNotContain("Proxy-", head);
        Assert.DoesNotContain("X-Private", head);
        Assert.DoesNotContain("Via", head);
    }

    static async Task<string> Curl(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("curl", ["-sS", "--max-time", "20", "--noproxy", "", .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var said = process.StandardError.ReadToEndAsync();
        var answer = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await said);
        return answer;
    }
}
