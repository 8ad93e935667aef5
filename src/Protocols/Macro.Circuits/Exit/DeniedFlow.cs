using Macro.Core;
using Macro.Core.Packets;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>What an exit said that it does not let through.</summary>
/// <param name="Port">Of the destination; 0 where there are no ports.</param>
public readonly record struct DeniedFlow(IpProtocol Protocol, IpAddress Destination, ushort Port)
{
    /// <summary>Of the destination: /16 (IPv4), /32 (IPv6).</summary>
    public Prefix Network => Constraints.Network(Destination);

    /// <summary>An exit whose descriptor tells this class lets it through, unless it is an address of its own.</summary>
    public bool IsPromisedBy(PolicyClass policy) => policy switch
    {
        PolicyClass.Open => ExitPolicy.Default.Decide(Protocol, Destination, Port) == ExitVerdict.Accept,
        PolicyClass.Web => Protocol == IpProtocol.Tcp && Port is 80 or 443 && ExitPolicy.Default.Decide(Protocol, Destination, Port) == ExitVerdict.Accept,
        _ => false,
    };
}
