using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Macro.LabPeer;

/// <summary>
/// The web server that clients reach through the network under test. It answers with what it saw: the address it was
/// asked from, the length and the SHA-256 of what was uploaded.
/// </summary>
static class WebServer
{
    /// <param name="secure">Where it speaks HTTPS, under a certificate that nobody signed; null: nowhere.</param>
    /// <returns>When it listens. It goes on until the process ends.</returns>
    public static Task StartAsync(IPEndPoint local, IPEndPoint? secure = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(server =>
        {
            server.Listen(local);
            if (secure is not null)
                server.Listen(secure, https => https.UseHttps(MakeCertificate()));
            server.Limits.MaxRequestBodySize = null;
            server.Limits.MinRequestBodyDataRate = null;
            server.Limits.MinResponseDataRate = null;
        });

        var app = builder.Build();
        app.MapGet("/", context => context.Response.WriteAsync(Page(context)));
        app.MapGet("/whoami", context => context.Response.WriteAsync(Asker(context) + "\n"));
        app.MapGet("/bytes/{count:long}", SendBytesAsync);
        app.MapPut("/upload", TakeUploadAsync);
        return app.StartAsync();
    }

    static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + DnsServer.Zone, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("*." + DnsServer.Zone);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
    }

    static string Page(HttpContext context)
    {
        context.Response.ContentType = "text/html";
        return $"""
            <!doctype html>
            <title>It works</title>
            <h1>It works</h1>
            <p>This page came through the circuit. The server saw <b id="asker">{Asker(context)}</b>.</p>
            """;
    }

    static Task SendBytesAsync(HttpContext context)
    {
        var count = long.Parse((string)context.Request.RouteValues["count"]!, CultureInfo.InvariantCulture);
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = count;
        context.Response.Headers["X-Sha256"] = ByteStream.Sha256(count);
        return ByteStream.WriteAsync(context.Response.Body, count);
    }

    static async Task TakeUploadAsync(HttpContext context)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 * 1024];
        var length = 0L;
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted).ConfigureAwait(false)) > 0)
        {
            hash.AppendData(buffer, 0, read);
            length += read;
        }

        var digest = Convert.ToHexStringLower(hash.GetHashAndReset());
        await context.Response.WriteAsync($$"""{"sha256":"{{digest}}","length":{{length}},"from":"{{Asker(context)}}"}""" + "\n").ConfigureAwait(false);
    }

    static string Asker(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress!;
        return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
    }
}
