using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>Whom the client's resolver asks: setting <c>client.dns_upstream</c>.</summary>
public abstract record DnsUpstream
{
    /// <summary>The exit's own resolver.</summary>
    public static readonly DnsUpstream Exit = new ExitUpstream();

    private DnsUpstream()
    {
    }

    /// <summary>What the resolver has to know of it.</summary>
    internal virtual ResolverOptions Configure(ResolverOptions options) => options;

    internal abstract StackLink MakeLink(ICircuitEnds circuits, string isolationKey, IRandom random);

    sealed record ExitUpstream : DnsUpstream
    {
        internal override StackLink MakeLink(ICircuitEnds circuits, string isolationKey, IRandom random) => new(circuits, isolationKey);

        public override string ToString() => "exit";
    }
}
