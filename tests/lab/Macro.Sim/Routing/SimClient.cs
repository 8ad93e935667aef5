using Macro.Circuits;
using Macro.Core;
using Macro.Engine;
using Macro.Peers;

namespace Macro.Sim;

/// <summary>A client that chooses paths as the product does: coordinates, guards, weights.</summary>
sealed class SimClient : IRelayKnowledge
{
    readonly RoutingWorld _world;
    readonly IRandom _random;
    readonly ReputationBook _book = new();
    readonly Dictionary<NodeId, Candidate> _byId = [];

    public SimClient(RoutingWorld world, IRandom random)
    {
        (_world, _random) = (world, random);
        Times = world.From(world.NewClient());
        Position = world.FindCoordinates(Times);
        Guards = new GuardSet(random);
        foreach (var relay in world.Relays)
            _byId[relay.Id] = relay;
    }

    /// <summary>True round-trip times to the relays, ms.</summary>
    public double[] Times { get; }

    public NetworkCoordinates Position { get; set; }

    public GuardSet Guards { get; }

    public Instant Now { get; set; } = Instant.FromUnixSeconds(1_800_000_000);

    public void UpdateGuards() => Guards.Update(
        [.. PathSelector.WeighEntries([.. _world.Relays.Where(relay => relay.IsPublic)], this).Select(entry => (entry.Relay.Id, entry.Weight))], Now);

    /// <param name="profile">Null: as the mode says.</param>
    public ChosenPath Choose(ConnectionMode mode, bool guards = true, PathProfile? profile = null) => PathSelector.Choose(
        new PathRequest
        {
            Profile = profile ?? mode.Profile(),
            Candidates = _world.Relays,
            Guards = guards ? fits => Guards.Order(id => fits(_byId[id]), Now).Select(id => _byId[id]) : null,
        },
        this, _random).Path ?? throw new InvalidOperationException("This world has no path.");

    /// <summary>True round-trip time through a path to its exit, ms.</summary>
    public double Latency(ChosenPath path)
    {
        int[] hops = [.. path.Hops.Select(hop => RoutingWorld.Number(hop.Relay))];
        var time = Times[hops[0]];
        for (var i = 1; i < hops.Length; i++)
            time += _world.Between(hops[i - 1], hops[i]);
        return time;
    }

    public double Capacity(Candidate relay) => _book.Capacity(relay.Id, 1 << relay.BandwidthClass, Now);

    public double Reliability(Candidate relay) => 0.9;

    public TimeSpan? RoundTrip(Candidate? from, Candidate to) => (from?.Place ?? Position).RoundTrip(to.Place);
}
