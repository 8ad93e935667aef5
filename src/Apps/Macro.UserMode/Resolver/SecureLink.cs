using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Macro.Circuits;
using Macro.Core;

namespace Macro.UserMode;

/// <summary>Carries queries to one resolver within TLS, through whatever circuit it is given. Any thread.</summary>
interface ISecureTransport : IDisposable
{
    /// <summary>The answer to a query.</summary>
    /// <exception cref="IOException">It did not come.</exception>
    Task<byte[]> QueryAsync(HostedStack stack, byte[] query, CancellationToken cancel);
}

/// <summary>The way of a client's resolver to a resolver of the user's choice, within TLS, through the circuit of one isolation key.</summary>
sealed class SecureLink(ICircuitEnds circuits, IsolationKey key, ISecureTransport transport) : StackLink(circuits, key)
{
    /// <summary>
    /// What all connections here have in common: neither revocation nor missing certificates are asked for, as the
    /// platform would ask beside the tunnel.
    /// </summary>
    /// <param name="name">What the certificate must be for: a name or an address.</param>
    public static SslClientAuthenticationOptions TlsFor(string name) => new()
    {
        TargetHost = name,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = new X509ChainPolicy { DisableCertificateDownloads = true, RevocationMode = X509RevocationMode.NoCheck },
    };

    public override void Close()
    {
        base.Close();
        transport.Dispose();
    }

    protected override IExchange? OpenStream(long number, Endpoint upstream, byte[] message)
    {
        var exchange = new SecureExchange(Resolver, Stack!, number);
        _ = exchange.RunAsync(transport, message);
        return exchange;
    }

    sealed class SecureExchange(LoopResolver resolver, HostedStack stack, long number) : IExchange, IDisposable
    {
        readonly CancellationTokenSource _end = new();

        public async Task RunAsync(ISecureTransport transport, byte[] message)
        {
            var cancel = _end.Token;
            try
            {
                // Not on the thread that holds the loop's lock.
                await Task.Yield();
                var answer = await transport.QueryAsync(stack, message, cancel);
                stack.Loop.Post(() => resolver.HandleStream(number, answer));
            }
            catch (Exception failure) when (failure is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException
                or System.Security.Authentication.AuthenticationException or InvalidOperationException)
            {
                stack.Loop.Post(() => resolver.HandleFailure(number));
            }
        }

        public void End()
        {
            _end.Cancel();
            Dispose();
        }

        public void Dispose() => _end.Dispose();
    }
}
