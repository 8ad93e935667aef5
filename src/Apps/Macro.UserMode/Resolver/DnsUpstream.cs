using System.Diagnostics.CodeAnalysis;
using Macro.Circuits;
using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>
/// Whom the client's resolver asks: <c>exit</c>, <c>tls://ADDRESS[:PORT]#NAME</c> (RFC 7858) or
/// <c>https://HOST[:PORT]/PATH[#ADDRESS]</c> (RFC 8484). All go through the circuit. Without an address the host's is
/// asked of the exit's resolver.
/// </summary>
public abstract record DnsUpstream
{
    /// <summary>The exit's own resolver.</summary>
    public static readonly DnsUpstream Exit = new ExitUpstream();

    const ushort TlsPort = 853;
    const string TlsScheme = "tls://";

    private DnsUpstream()
    {
    }

    public static bool TryParse(string text, [NotNullWhen(true)] out DnsUpstream? upstream)
    {
        upstream = null;
        if (text is "exit")
            upstream = Exit;
        else if (text.StartsWith(TlsScheme, StringComparison.Ordinal))
            upstream = ParseTls(text[TlsScheme.Length..]);
        else if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps && uri.UserInfo.Length == 0)
            upstream = ParseHttps(uri);
        return upstream is not null;
    }

    /// <summary>What the resolver has to know of it.</summary>
    internal virtual ResolverOptions Configure(ResolverOptions options) => options;

    internal abstract StackLink MakeLink(StackLoop loop, ICircuitEnds circuits, IsolationKey key, IRandom random);

    static TlsUpstream? ParseTls(string text)
    {
        var hash = text.IndexOf('#', StringComparison.Ordinal);
        var server = hash < 0 ? text : text[..hash];
        var name = hash < 0 ? null : text[(hash + 1)..];
        if (!Endpoint.TryParse(server, out var endpoint))
        {
            if (!IpAddress.TryParse(server.Trim('[', ']'), out var address))
                return null;
            endpoint = new Endpoint(address, TlsPort);
        }
        return name is "" ? null : new TlsUpstream(endpoint, name ?? endpoint.Address.ToString());
    }

    static HttpsUpstream? ParseHttps(Uri uri)
    {
        IpAddress? address = null;
        if (IpAddress.TryParse(uri.IdnHost.Trim('[', ']'), out var literal) || IpAddress.TryParse(uri.Fragment.TrimStart('#'), out literal))
            address = literal;
        else if (uri.Fragment.Length > 0)
            return null;
        return new HttpsUpstream(new Uri(uri.GetLeftPart(UriPartial.Query)), address);
    }

    sealed record ExitUpstream : DnsUpstream
    {
        internal override StackLink MakeLink(StackLoop loop, ICircuitEnds circuits, IsolationKey key, IRandom random) => new(circuits, key);

        public override string ToString() => "exit";
    }

    abstract record SecureUpstream : DnsUpstream
    {
        // RFC 8467 4.1: queries in multiples of 128 bytes.
        internal override ResolverOptions Configure(ResolverOptions options) => options with
        {
            StreamsOnly = true,
            PaddingBlock = 128,
            StreamTimeout = TimeSpan.FromSeconds(5),
            Deadline = TimeSpan.FromSeconds(10),
        };
    }

    sealed record TlsUpstream(Endpoint Server, string Name) : SecureUpstream
    {
        internal override StackLink MakeLink(StackLoop loop, ICircuitEnds circuits, IsolationKey key, IRandom random) =>
            new SecureLink(circuits, key, new TlsTransport(Server, Name));

        public override string ToString() => $"{TlsScheme}{Server}#{Name}";
    }

    sealed record HttpsUpstream(Uri Uri, IpAddress? Address) : SecureUpstream
    {
        internal override StackLink MakeLink(StackLoop loop, ICircuitEnds circuits, IsolationKey key, IRandom random)
        {
            var exit = new LoopResolver(
                loop, new ResolverOptions { Upstreams = [ClientResolver.ExitEndpoint] }, new StackLink(circuits, key), random);
            return new SecureLink(circuits, key, new HttpsTransport(Uri, (stack, host, cancel) =>
                Address is { } known ? Task.FromResult(known) : HostAddress.FindAsync(stack, exit, host, random, cancel)));
        }

        public override string ToString() => Address is { } address && Uri.IdnHost != address.ToString() ? $"{Uri}#{address}" : Uri.ToString();
    }

    /// <summary>Asks the exit's resolver for the address of the resolver that is to be asked.</summary>
    sealed class HostAddress : INameWaiter
    {
        readonly TaskCompletionSource<IpAddress> _found = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public static Task<IpAddress> FindAsync(HostedStack stack, LoopResolver exit, string host, IRandom random, CancellationToken cancel)
        {
            var waiter = new HostAddress();
            stack.Loop.Enter(() =>
            {
                exit.Use(stack);
                NameLookup.Start(exit, host, random, waiter);
            });
            return waiter._found.Task.WaitAsync(cancel);
        }

        public void HandleName(NameVerdict verdict, ReadOnlySpan<IpAddress> addresses)
        {
            if (addresses.IsEmpty)
                _found.TrySetException(new IOException("The resolver's name has no address."));
            else
                _found.TrySetResult(addresses[0]);
        }
    }
}
