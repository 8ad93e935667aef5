using System.Net.Http.Headers;
using Macro.Core;
using Macro.Nat.PortMapping;

namespace Macro.Daemon.Traversal;

/// <summary>
/// Makes the requests of UPnP: to the gateway's own address and to no other, on a connection of its own, without proxy,
/// redirects or cookies. What a gateway names as its control address cannot send this node anywhere else.
/// </summary>
sealed class GatewayHttp : IDisposable
{
    static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(5);

    readonly IpAddress _gateway;
    readonly HttpClient _http;

    public GatewayHttp(IpAddress gateway, IpAddress own, LanSocket sockets)
    {
        _gateway = gateway;
        _http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            MaxResponseHeadersLength = 16,
            PooledConnectionLifetime = TimeSpan.Zero,
            ActivityHeadersPropagator = null,
            ConnectCallback = async (context, cancel) =>
            {
                var socket = sockets.Stream(own);
                try
                {
                    await socket.ConnectAsync(gateway.ToSystem(), context.DnsEndPoint.Port, cancel);
                    return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        })
        {
            Timeout = s_timeout,
            MaxResponseContentBufferSize = GatewayXmlLimit,
        };
    }

    const int GatewayXmlLimit = 64 * 1024;

    /// <returns>The body of a reply of any status; null when none came, or the request was not for the gateway.</returns>
    public async Task<byte[]?> SendAsync(GatewayRequest request, CancellationToken cancel)
    {
        if (request.Url.Host.Address != _gateway)
            return null;
        try
        {
            using var message = new HttpRequestMessage(request.Action is null ? HttpMethod.Get : HttpMethod.Post, request.Url.ToString());
            if (request.Action is not null)
            {
                message.Content = new ByteArrayContent(request.Body);
                message.Content.Headers.ContentType = new MediaTypeHeaderValue("text/xml", "utf-8");
                message.Headers.TryAddWithoutValidation("SOAPAction", request.Action);
            }
            message.Headers.ConnectionClose = true;
            using var response = await _http.SendAsync(message, cancel);
            return await response.Content.ReadAsByteArrayAsync(cancel);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or UriFormatException)
        {
            return null;
        }
    }

    public void Dispose() => _http.Dispose();
}
