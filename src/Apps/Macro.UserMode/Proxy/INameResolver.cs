using Macro.Circuits;
using Macro.Core;

namespace Macro.UserMode;

/// <summary>How the resolution of a name ended.</summary>
public enum NameVerdict
{
    /// <summary>At least one address.</summary>
    Found,

    /// <summary>The name does not exist, or has no address.</summary>
    NotFound,

    /// <summary>The resolver at the exit, or a rule of this node, refuses the name.</summary>
    Refused,

    /// <summary>The resolver failed or did not answer.</summary>
    Failed,
}

/// <summary>
/// Resolves names at the exit of a circuit; what is learned through one isolation key is never told to another.
/// Called under the loop's lock.
/// </summary>
public interface INameResolver
{
    /// <summary>
    /// Resolves a name to its IPv6 and IPv4 addresses. The answer comes under the loop's lock, during this call or later,
    /// exactly once, and in bounded time.
    /// </summary>
    /// <param name="stack">The end of the circuit that the question takes.</param>
    /// <param name="key">The partition of the cache.</param>
    /// <param name="name">A domain name in ASCII, 1 to 253 bytes, without a final dot; not yet checked for more.</param>
    void Resolve(HostedStack stack, IsolationKey key, string name, INameWaiter waiter);
}

/// <summary>Whoever asked for a name.</summary>
public interface INameWaiter
{
    /// <param name="addresses">In the order to try them; empty but for <see cref="NameVerdict.Found"/>. Valid until the call returns.</param>
    void HandleName(NameVerdict verdict, ReadOnlySpan<IpAddress> addresses);
}
