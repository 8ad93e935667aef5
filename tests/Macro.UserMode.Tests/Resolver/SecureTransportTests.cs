using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Macro.Core;
using Macro.Linux;
using Macro.NetStack;
using Macro.NetStack.Dns;

namespace Macro.UserMode.Tests.Resolver;

public sealed class SecureTransportTests : IDisposable
{
    static readonly IpAddress s_server = IpAddress.Parse("192.0.2.7");
    static readonly CancellationToken s_patience = new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token;

    readonly X509Certificate2 _certificate = MakeCertificate();
    readonly StackLoop _loop = new("test", new BootClock(), new TcpMemory(64 << 20));
    readonly HostedStack _client;
    readonly HostedStack _far;
    int _connections;

    public SecureTransportTests()
    {
        _loop.Start();
        _client = Host(IpAddress.Parse("100.64.0.2"), packets => Deliver(packets, () => _far!));
        _far = Host(s_server, packets => Deliver(packets, () => _client!));
        _loop.Enter(() =>
        {
            _far.Stack.Listen(new Endpoint(s_server, 853), new Acceptor(this, ServeTlsAsync));
            _far.Stack.Listen(new Endpoint(s_server, 443), new Acceptor(this, ServeHttpsAsync));
        });
    }

    [Fact]
    public async Task Queries_within_tls_share_a_connection_and_get_their_own_answers()
    {
        using var transport = new TlsTransport(new Endpoint(s_server, 853), "dns.example.com", Trust);
        var queries = Enumerable.Range(0, 20).Select(i => ResolverRig.Query($"{i}.example.com")).ToArray();
        await transport.QueryAsync(_client, queries[0], s_patience);
        var answers = await Task.WhenAll(queries.Select(query => transport.QueryAsync(_client, query, s_patience)));
        for (var i = 0; i < queries.Length; i++)
        {
            Assert.True(MessageView.TryParse(answers[i], out var view));
            Assert.Equal(0x4711, view.Id);
            Assert.Equal($"{i}.example.com.", DomainName.ToText(view.QuestionName));
        }
        Assert.Equal(1, _connections);
    }

    [Fact]
    public async Task A_certificate_for_another_name_is_refused()
    {
        using var transport = new TlsTransport(new Endpoint(s_server, 853), "other.example.com", Trust);
        await Assert.ThrowsAsync<System.Security.Authentication.AuthenticationException>(() => transport.QueryAsync(_client, ResolverRig.Query("www.example.com"), s_patience));
    }

    [Fact]
    public async Task A_port_that_nobody_listens_at_fails()
    {
        using var transport = new TlsTransport(new Endpoint(s_server, 854), "dns.example.com", Trust);
        await Assert.ThrowsAsync<IOException>(() => transport.QueryAsync(_client, ResolverRig.Query("www.example.com"), s_patience));
    }

    [Fact]
    public async Task A_circuit_that_is_lost_ends_what_waits()
    {
        using var transport = new TlsTransport(new Endpoint(s_server, 853), "dns.example.com", Trust);
        await transport.QueryAsync(_client, ResolverRig.Query("www.example.com"), s_patience);
        var waiting = transport.QueryAsync(_client, ResolverRig.Query("silent.example.com"), s_patience);
        _client.Close();
        await Assert.ThrowsAsync<IOException>(() => waiting);
    }

    [Fact]
    public async Task Queries_go_over_https()
    {
        using var transport = new HttpsTransport(new Uri("https://dns.example.com/dns-query"), (_, host, _) => Task.FromResult(host == "dns.example.com" ? s_server : default), Trust);
        foreach (var name in (string[])["a.example.com", "b.example.com"])
        {
            var answer = await transport.QueryAsync(_client, ResolverRig.Query(name), s_patience);
            Assert.True(MessageView.TryParse(answer, out var view));
            Assert.Equal(0x4711, view.Id);
            Assert.Equal(1, view.Count(Section.Answer));
        }
        Assert.Equal(1, _connections);
    }

    [Theory]
    [InlineData("exit", "exit")]
    [InlineData("tls://9.9.9.9#dns.quad9.net", "tls://9.9.9.9:853#dns.quad9.net")]
    [InlineData("tls://9.9.9.9:8853", "tls://9.9.9.9:8853#9.9.9.9")]
    [InlineData("tls://[2620:fe::fe]#dns.quad9.net", "tls://[2620:fe::fe]:853#dns.quad9.net")]
    [InlineData("https://dns.quad9.net/dns-query", "https://dns.quad9.net/dns-query")]
    [InlineData("https://dns.quad9.net/dns-query#9.9.9.9", "https://dns.quad9.net/dns-query#9.9.9.9")]
    [InlineData("https://9.9.9.9/dns-query", "https://9.9.9.9/dns-query")]
    [InlineData("tls://dns.quad9.net", null)]
    [InlineData("tls://9.9.9.9#", null)]
    [InlineData("http://9.9.9.9/dns-query", null)]
    [InlineData("https://user@9.9.9.9/dns-query", null)]
    [InlineData("https://dns.quad9.net/dns-query#nine", null)]
    [InlineData("9.9.9.9", null)]
    public void An_upstream_is_read(string text, string? written)
    {
        Assert.Equal(written is not null, DnsUpstream.TryParse(text, out var upstream));
        Assert.Equal(written, upstream?.ToString());
    }

    public void Dispose()
    {
        _loop.Dispose();
        _certificate.Dispose();
    }

    SslClientAuthenticationOptions Trust(string name)
    {
        var options = SecureLink.TlsFor(name);
        options.CertificateChainPolicy!.TrustMode = X509ChainTrustMode.CustomRootTrust;
        options.CertificateChainPolicy.CustomTrustStore.Add(_certificate);
        return options;
    }

    static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=dns.example.com", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("dns.example.com");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    async Task ServeTlsAsync(SslStream stream)
    {
        var head = new byte[2];
        while (true)
        {
            await stream.ReadExactlyAsync(head);
            var query = new byte[BinaryPrimitives.ReadUInt16BigEndian(head)];
            await stream.ReadExactlyAsync(query);
            if (UpstreamServer.Default(query, isStream: true) is { } answer)
                await stream.WriteAsync((byte[])[(byte)(answer.Length >> 8), (byte)answer.Length, .. answer]);
        }
    }

    async Task ServeHttpsAsync(SslStream stream)
    {
        var room = new byte[8192];
        while (true)
        {
            var length = 0;
            int end;
            while ((end = room.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) < 0)
                length += await stream.ReadAtLeastAsync(room.AsMemory(length), 1);
            var head = Encoding.ASCII.GetString(room, 0, end);
            Assert.StartsWith("POST /dns-query HTTP/1.1", head, StringComparison.Ordinal);
            var size = int.Parse(head.Split("Content-Length: ")[1].Split('\r')[0]);
            while (length < end + 4 + size)
                length += await stream.ReadAtLeastAsync(room.AsMemory(length), 1);
            Assert.Equal([0, 0], room[(end + 4)..(end + 6)]);
            var answer = UpstreamServer.Default(room[(end + 4)..(end + 4 + size)], isStream: true)!;
            await stream.WriteAsync((byte[])[
                .. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: {answer.Length}\r\n\r\n"), .. answer]);
        }
    }

    HostedStack Host(IpAddress address, Action<PacketBatch> transmit) =>
        _loop.Add(new Stack(new StackOptions { Addresses = [address] }, _loop.Memory, SystemRandom.Shared), transmit, 0, 0);

    void Deliver(PacketBatch packets, Func<HostedStack> to)
    {
        var copy = new PacketBatch(packets.Buffer.Length, packets.Capacity);
        for (var i = 0; i < packets.Count; i++)
            copy.TryCopy(packets.Bytes(i), default);
        _loop.Post(() => to().Write(copy));
    }

    sealed class Acceptor(SecureTransportTests test, Func<SslStream, Task> serve) : IConnectionHandler
    {
        public void HandleConnection(TcpConnection connection)
        {
            if (!connection.IsIncoming)
                return;
            test._connections++;
            connection.AcceptIncoming();
            _ = ServeAsync(ConnectionIo.Over(test._far, connection));
        }

        async Task ServeAsync(ConnectionIo io)
        {
            await Task.Yield();
            try
            {
                await using var stream = new SslStream(io);
                await stream.AuthenticateAsServerAsync(test._certificate);
                await serve(stream);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
            {
                // The client has gone.
            }
        }
    }
}
