using Macro.Circuits;

namespace Macro.UserMode;

/// <summary>Why there is no circuit for an isolation key.</summary>
public enum CircuitRefusal
{
    None,

    /// <summary>The user has switched the node off, or is not connected.</summary>
    Down,

    /// <summary>The node could not build one: no relay answers, or no path fits the settings, or no exit is known where one is wanted.</summary>
    Failed,

    /// <summary>It took too long.</summary>
    TimedOut,

    /// <summary>As many circuits as the node may have at once.</summary>
    TooMany,

    /// <summary>The settings forbid it for this key.</summary>
    NotAllowed,
}

/// <summary>
/// Where proxies and resolvers get the client end of a circuit: one for each isolation key, opened when the first one asks
/// and kept while it is used. Different keys never share a circuit. Called under the loop's lock.
/// </summary>
public interface ICircuitEnds
{
    /// <summary>
    /// Asks for the stack of a key. The answer comes under the loop's lock, during this call or later, and exactly once,
    /// in bounded time; a waiter that was told a stack joins it in the same call.
    /// </summary>
    /// <param name="key">Of the user at the proxy, and perhaps with regions for the exit.</param>
    void Open(IsolationKey key, ICircuitWaiter waiter);
}

/// <summary>Whoever asked for a circuit.</summary>
public interface ICircuitWaiter
{
    /// <param name="stack">The end of the circuit; null when there is none, and then <paramref name="refusal"/> says why.</param>
    void HandleCircuit(HostedStack? stack, CircuitRefusal refusal);
}
