using Macro.Core;

namespace Macro.UserMode;

/// <summary>
/// The proxy of the client: SOCKS5, SOCKS4a and HTTP on one port, told apart by the first byte. The user name is the
/// isolation key: connections of different names never share a circuit.
/// </summary>
public sealed class ProxyServer : IDisposable
{
    /// <summary>Listens and serves from now on. Any thread.</summary>
    /// <exception cref="Linux.LinuxException">A port is taken, or the kernel refused.</exception>
    public static ProxyServer Start(StackLoop loop, ICircuitEnds circuits, INameResolver names, ProxyOptions options) => throw new NotSupportedException();

    /// <summary>Where it listens, with the ports that were free.</summary>
    public IReadOnlyList<Endpoint> Endpoints => throw new NotSupportedException();

    /// <summary>Closes the ports and every connection. Any thread.</summary>
    public void Dispose() => throw new NotSupportedException();
}
