using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using Macro.Core;

namespace Macro.UserMode;

/// <summary>DNS over HTTPS (RFC 8484): POST, without cookies, redirects or a proxy.</summary>
sealed class HttpsTransport : ISecureTransport
{
    const string MediaType = "application/dns-message";
    static readonly TimeSpan s_idle = TimeSpan.FromSeconds(10);

    readonly HttpClient _client;
    readonly Uri _uri;
    readonly Func<HostedStack, string, CancellationToken, Task<IpAddress>> _addressOf;
    volatile HostedStack? _stack;

    /// <param name="addressOf">Finds the address of the host, through the circuit.</param>
    public HttpsTransport(
        Uri uri, Func<HostedStack, string, CancellationToken, Task<IpAddress>> addressOf, Func<string, SslClientAuthenticationOptions>? tls = null)
    {
        (_uri, _addressOf) = (uri, addressOf);
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = ConnectAsync,
            SslOptions = (tls ?? SecureLink.TlsFor)(uri.IdnHost),
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            PooledConnectionIdleTimeout = s_idle,
        };
        _client = new HttpClient(handler) { MaxResponseContentBufferSize = ushort.MaxValue };
    }

    public async Task<byte[]> QueryAsync(HostedStack stack, byte[] query, CancellationToken cancel)
    {
        _stack = stack;
        // RFC 8484 4.1: an id of 0, so that caches see equal questions as equal.
        using var content = new ByteArrayContent([0, 0, .. query[2..]]);
        content.Headers.ContentType = new MediaTypeHeaderValue(MediaType);
        using var request = new HttpRequestMessage(HttpMethod.Post, _uri)
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(MediaType));
        using var response = await _client.SendAsync(request, cancel);
        if (response.StatusCode != HttpStatusCode.OK || response.Content.Headers.ContentType?.MediaType != MediaType)
            throw new IOException($"The resolver answers {(int)response.StatusCode}.");
        var answer = await response.Content.ReadAsByteArrayAsync(cancel);
        if (answer.Length < 2)
            throw new IOException("The answer is empty.");
        query.AsSpan(0, 2).CopyTo(answer);
        return answer;
    }

    public void Dispose() => _client.Dispose();

    async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var stack = _stack ?? throw new IOException("There is no circuit.");
        var address = await _addressOf(stack, context.DnsEndPoint.Host, cancel);
        return await ConnectionIo.ConnectAsync(stack, new Endpoint(address, (ushort)context.DnsEndPoint.Port), cancel);
    }
}
