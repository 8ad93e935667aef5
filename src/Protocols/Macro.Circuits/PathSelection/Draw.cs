using Macro.Core;

namespace Macro.Circuits;

/// <summary>One place in a path: the relays that may have it, drawn at random in proportion to their weight, each at most once.</summary>
sealed class Draw(HopPlace place, PathProfile profile, IRelayKnowledge knowledge)
{
    // Where nothing tells how far a relay is.
    static readonly TimeSpan s_unknown = TimeSpan.FromMilliseconds(150);

    // Among relays nearer than this, nearness hardly matters.
    static readonly TimeSpan s_near = TimeSpan.FromMilliseconds(50);

    readonly List<Entry> _eligible = [];
    double _total;

    readonly record struct Entry(Candidate Relay, double Weight, double Capacity, double Reliability, TimeSpan? RoundTrip);

    public Exclusions LeftOut { get; } = new();

    public string? Region { get; init; }

    /// <param name="factor">0..1, for relays that are better kept for another place.</param>
    public void Add(Candidate relay, TimeSpan? roundTrip, double factor = 1)
    {
        var (capacity, reliability) = (knowledge.Capacity(relay), knowledge.Reliability(relay));
        var weight = factor * Power(capacity, profile.Capacity) * Power(reliability, profile.Reliability)
            * Power(1 / (1 + (roundTrip ?? s_unknown) / s_near), profile.Speed);
        _eligible.Add(new Entry(relay, weight, capacity, reliability, roundTrip));
        _total += weight;
    }

    /// <summary>Draws two and takes the one that has less to do: so load spreads, and nobody's choice can be foretold.</summary>
    public bool TryTake(IRandom random, out HopChoice choice)
    {
        choice = null!;
        if (_eligible.Count == 0)
            return false;
        var (first, second) = (Pick(random), Pick(random));
        var busier = first != second;
        if (_eligible[second].Relay.LoadClass < _eligible[first].Relay.LoadClass)
            (first, second) = (second, first);
        var taken = _eligible[first];
        choice = new HopChoice
        {
            Place = place,
            Relay = taken.Relay,
            Considered = _eligible.Count,
            LeftOut = LeftOut,
            Chance = _total > 0 ? taken.Weight / _total : 1.0 / _eligible.Count,
            Capacity = taken.Capacity,
            Reliability = taken.Reliability,
            RoundTrip = taken.RoundTrip,
            Busier = busier && _eligible[second].Relay.LoadClass > taken.Relay.LoadClass ? _eligible[second].Relay : null,
            Region = Region,
        };
        _total -= taken.Weight;
        _eligible[first] = _eligible[^1];
        _eligible.RemoveAt(_eligible.Count - 1);
        return true;
    }

    int Pick(IRandom random)
    {
        var at = random.NextDouble() * _total;
        for (var i = 0; i < _eligible.Count; i++)
            if ((at -= _eligible[i].Weight) < 0)
                return i;
        // What rounding leaves, and weights that are all zero.
        return random.NextInt(_eligible.Count);
    }

    static double Power(double value, double exponent) => exponent switch
    {
        0 => 1,
        1 => value,
        _ => Math.Pow(value, exponent),
    };
}
