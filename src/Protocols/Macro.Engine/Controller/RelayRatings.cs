using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>What this client knows about relays: their own word, held against what it saw of them.</summary>
sealed class RelayRatings(ReputationBook book, Vivaldi position) : IRelayKnowledge
{
    /// <summary>Mbit/s of a relay that does not tell.</summary>
    const double UntoldCapacity = 8;

    /// <summary>The moment of the choice.</summary>
    public Instant Now { get; set; }

    public double Capacity(Candidate relay) =>
        book.Capacity(relay.Id, relay.BandwidthClass == 255 ? UntoldCapacity : 1 << relay.BandwidthClass, Now);

    public double Reliability(Candidate relay) => book.Reliability(relay.Id, Now);

    /// <summary>Measured from here where it was; else by places.</summary>
    public TimeSpan? RoundTrip(Candidate? from, Candidate to) => from is null
        ? book.RoundTrip(to.Id) ?? position.Coordinates.RoundTrip(to.Place)
        : from.Place.RoundTrip(to.Place);
}
