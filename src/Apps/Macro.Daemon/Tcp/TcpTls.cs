using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Macro.Core;

namespace Macro.Daemon.Tcp;

/// <summary>
/// TLS as a wrapping that firewalls let pass, and not for security: that is WireGuard's, inside. Certificates are made at start and nobody
/// checks them; names are drawn at random, as Tor draws them, and belong to nobody that we know of.
/// </summary>
static class TcpTls
{
    const int LeastLetters = 8, MostLetters = 20;
    static readonly TimeSpan s_age = TimeSpan.FromDays(90);

    // What browsers offer; what is chosen has no meaning here.
    static readonly List<SslApplicationProtocol> s_protocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    /// <summary>Of a relay, for as long as it runs.</summary>
    public static SslServerAuthenticationOptions Server(IRandom random, DateTimeOffset now) => new()
    {
        ServerCertificate = MakeCertificate(Name(random), now - random.NextTime(s_age / 2)),
        ApplicationProtocols = s_protocols,
        AllowRenegotiation = false,
        AllowTlsResume = false,
    };

    /// <summary>For one connection: another name each time, and no session to resume, by which a relay could know a client again.</summary>
    public static SslClientAuthenticationOptions Client(IRandom random) => new()
    {
        TargetHost = Name(random),
        ApplicationProtocols = s_protocols,
        AllowRenegotiation = false,
        AllowTlsResume = false,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
#pragma warning disable CA5359 // Whoever answers must still prove to be the relay, by its WireGuard key.
        RemoteCertificateValidationCallback = static (_, _, _, _) => true,
#pragma warning restore CA5359
    };

    /// <summary>
    /// A connection ends with it, by whosever fault: the network's, the other end's, ours that closed it, or OpenSSL's, whose errors
    /// <see cref="SslStream"/> does not always wrap.
    /// </summary>
    public static bool IsEnd(Exception e) => e is IOException or SocketException or AuthenticationException or CryptographicException
        or OperationCanceledException or InvalidOperationException;

    static string Name(IRandom random) => string.Create(LeastLetters + random.NextInt(MostLetters - LeastLetters + 1) + 8, random, (name, random) =>
    {
        "www.".CopyTo(name);
        foreach (ref var letter in name[4..^4])
            letter = (char)('a' + random.NextInt(26));
        ".com".CopyTo(name[^4..]);
    });

    static X509Certificate2 MakeCertificate(string name, DateTimeOffset from)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(from, from + s_age);
    }
}
