using System.Net;
using System.Net.Sockets;
using System.Text;
using Macro.Core;
using Macro.Daemon.Traversal;
using Macro.Nat.PortMapping;

namespace Macro.Daemon.Tests;

/// <summary>Requests to a gateway go nowhere else, whatever the gateway says.</summary>
public sealed class GatewayHttpTests : IDisposable
{
    static readonly IpAddress s_gateway = IpAddress.V4Loopback;

    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly GatewayHttp _http = new(s_gateway, s_gateway, new LanSocket(null, 0));

    public GatewayHttpTests() => _listener.Start();

    [Fact]
    public async Task The_gateway_is_asked_and_its_faults_are_read_too()
    {
        var answering = AnswerAsync("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfault");

        var body = await _http.SendAsync(Request(s_gateway, "\"urn:x#GetExternalIPAddress\""), TestContext.Current.CancellationToken);

        Assert.Equal("fault", Encoding.ASCII.GetString(body!));
        var head = await answering;
        Assert.StartsWith("POST /ctl HTTP/1.1", head, StringComparison.Ordinal);
        Assert.Contains("SOAPAction: \"urn:x#GetExternalIPAddress\"", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_host_is_not_asked()
    {
        Assert.Null(await _http.SendAsync(Request(IpAddress.Parse("127.0.0.2"), null), TestContext.Current.CancellationToken));
        Assert.False(_listener.Pending());
    }

    [Fact]
    public async Task A_redirect_leads_nowhere()
    {
        using var elsewhere = new TcpListener(IPAddress.Parse("127.0.0.2"), 0);
        elsewhere.Start();
        var answering = AnswerAsync($"HTTP/1.1 302 Found\r\nLocation: http://{elsewhere.LocalEndpoint}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        Assert.Empty((await _http.SendAsync(Request(s_gateway, null), TestContext.Current.CancellationToken))!);

        await answering;
        Assert.False(elsewhere.Pending());
    }

    [Fact]
    public async Task A_body_without_end_is_given_up()
    {
        var answering = AnswerAsync("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + new string('x', 100_000));

        Assert.Null(await _http.SendAsync(Request(s_gateway, null), TestContext.Current.CancellationToken));

        await answering;
    }

    public void Dispose()
    {
        _http.Dispose();
        _listener.Dispose();
    }

    GatewayRequest Request(IpAddress host, string? action) =>
        new(1, new GatewayUrl(new Endpoint(host, (ushort)((IPEndPoint)_listener.LocalEndpoint).Port), "/ctl"), action, "<x/>"u8.ToArray());

    async Task<string> AnswerAsync(string answer)
    {
        using var connection = await _listener.AcceptSocketAsync(TestContext.Current.CancellationToken);
        var buffer = new byte[4096];
        var length = await connection.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        try
        {
            await connection.SendAsync(Encoding.ASCII.GetBytes(answer), TestContext.Current.CancellationToken);
        }
        catch (SocketException)
        {
            // The other side has heard enough.
        }
        return Encoding.ASCII.GetString(buffer, 0, length);
    }
}
