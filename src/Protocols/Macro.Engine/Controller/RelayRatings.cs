using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>What this client knows about relays: their own word, held against what it saw of them.</summary>
sealed class RelayRatings : IRelayKnowledge
{
    /// <summary>Mbit/s of a relay that does not tell.</summary>
    const double UntoldCapacity = 8;

    /// <summary>Where this client stands; all zero while unknown.</summary>
    public NetworkCoordinates Position { get; set; }

    public double Capacity(Candidate relay) => relay.BandwidthClass == 255 ? UntoldCapacity : 1 << relay.BandwidthClass;

    public double Reliability(Candidate relay) => 1;

    public TimeSpan? RoundTrip(Candidate? from, Candidate to) => (from?.Coordinates ?? Position).RoundTrip(to.Coordinates);
}
