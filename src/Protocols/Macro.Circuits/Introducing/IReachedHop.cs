using Macro.Core;

namespace Macro.Circuits;

/// <summary>A next hop behind a NAT: its endpoint is found, and may change. Pump threads ask for each datagram.</summary>
public interface IReachedHop
{
    /// <summary>None while it is not reached.</summary>
    Endpoint Remote { get; }
}
