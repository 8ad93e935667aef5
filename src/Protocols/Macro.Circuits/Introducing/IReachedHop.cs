using Macro.Core;

namespace Macro.Circuits;

/// <summary>A next hop behind a NAT: its endpoint is found, and may change. Pump threads ask for each datagram.</summary>
public interface IReachedHop
{
    /// <summary>None while it is not reached.</summary>
    Endpoint Remote { get; }

    /// <summary>Channels that lead to it. The owner thread counts.</summary>
    int Channels { get; set; }
}

/// <summary>Meets next hops behind NATs that are not registered here, through one of their introducers.</summary>
public interface INeighbours
{
    /// <summary>Most channels to one of them.</summary>
    const int MaxChannels = 256;

    /// <summary>
    /// Ok: reached, and <paramref name="hop"/> set. Busy: under way, <see cref="Relay.HandleReached"/> follows. Else why not.
    /// </summary>
    /// <param name="introducer">Verified.</param>
    ControlStatus Reach(in NextHop next, in NextHop introducer, Instant now, out IReachedHop? hop);
}
